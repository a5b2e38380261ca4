// permissions.yaml `logins:`: what a password must be, how long it holds, and what happens where somebody guesses.
#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string>
#include <vector>

namespace postern::vocabulary {

struct LoginRules {
    unsigned password_length = 12;         ///< characters, at least
    std::optional<Duration> password_age;  ///< then it must be changed; absent: it never runs out
    unsigned password_history = 5;         ///< former ones that can't come back
    std::vector<Duration> warn;            ///< before the age is reached, longest first: the steps of alerts.yaml
    std::string refused_words;             ///< path of a list of words and breached passwords; or empty
    unsigned wrong_answers = 5;            ///< in a row, then the login is locked
    Duration locked_for = std::chrono::minutes{30};
    std::optional<Duration> inactive;                       ///< then the login is locked; absent: never
    Duration one_time_valid = std::chrono::hours{24 * 14};  ///< of a password that is given, and of an invitation
    bool second_factor_required = false;                    ///< else only who has set one up is asked for it
    unsigned reset_facts = 2;                               ///< that the helpdesk must confirm
    unsigned reset_wrong = 3;                  ///< sets of answers, then the reset is locked and a case opened
    Duration session = std::chrono::hours{8};  ///< longest
};

}  // namespace postern::vocabulary
