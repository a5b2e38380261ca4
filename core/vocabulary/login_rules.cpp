#include "vocabulary/login_rules.hpp"

namespace postern::vocabulary {

std::vector<std::string> usual_reset_questions()
{
    return {"In which town were you born?",
            "What is the middle name of your oldest cousin?",
            "What was the name of your first pet?",
            "What was the name of your first school?",
            "What was your first car?",
            "What was your first job?",
            "Which was the first street that you lived in?",
            "Who was your favourite teacher?"};
}

}  // namespace postern::vocabulary
