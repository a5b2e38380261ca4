#include "vocabulary/age.hpp"

#include <fmt/format.h>

namespace postern::vocabulary {

std::string age_text(Duration age)
{
    using namespace std::chrono;
    if (age >= days{2}) return fmt::format("{} days", duration_cast<days>(age).count());
    if (age >= hours{2}) return fmt::format("{} hours", duration_cast<hours>(age).count());
    if (age >= minutes{2}) return fmt::format("{} minutes", duration_cast<minutes>(age).count());
    return fmt::format("{} seconds", duration_cast<seconds>(age).count());
}

}  // namespace postern::vocabulary
