// permissions.yaml `logins:`: what a password must be, how long it holds, who needs a second factor, and what happens
// where somebody guesses.
#pragma once

#include "base/clock.hpp"
#include "vocabulary/acts.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

namespace postern::vocabulary {

/// Whose login needs a second factor; everybody else may have one.
struct SecondFactorRule {
    bool everybody = false;
    std::set<Role> roles;  ///< who holds one of them
    std::set<std::string, std::less<>>
        organisations;  ///< ids; their people, and those of their parts (which the compiler adds)
    /// Keys of addresses that organisations' files name as administrators, where `roles` has that role. Filled in by
    /// the compiler.
    std::shared_ptr<const std::unordered_set<std::string>> administrators;
};

/// A second factor for who has no authenticator program: a code to an address that the login itself does not open.
struct MailedCodeRule {
    /// secure: the address inside, of a member with its own server. any: that one, or else the non-secure one.
    enum class To : std::uint8_t { nobody, secure, non_secure, any };
    To to = To::nobody;
    Duration valid = std::chrono::minutes{10};
    unsigned tries = 3;                      ///< wrong ones, then the code is void
    Rate at_most{5, std::chrono::hours{1}};  ///< codes for one login
};

/// What people are asked for where permissions.yaml names no questions.
[[nodiscard]] std::vector<std::string> usual_reset_questions();

struct LoginRules {
    unsigned password_length = 12;         ///< characters, at least
    std::optional<Duration> password_age;  ///< then it must be changed; absent: it never runs out
    unsigned password_history = 5;         ///< former ones that can't come back
    std::vector<Duration> warn;            ///< before the age is reached, longest first: the steps of alerts.yaml
    std::string refused_words;             ///< path of a list of words and breached passwords; or empty
    unsigned wrong_answers = 5;            ///< in a row, then the login is locked
    Duration locked_for = std::chrono::minutes{30};
    std::optional<Duration> inactive;                       ///< then the login is locked; absent: never
    std::vector<Duration> warn_idle;                        ///< before that, longest first: the steps of alerts.yaml
    Duration one_time_valid = std::chrono::hours{24 * 14};  ///< of a password that is given, and of an invitation
    SecondFactorRule second_factor;
    MailedCodeRule mailed_code;
    unsigned reset_facts = 2;  ///< that the helpdesk must confirm
    unsigned reset_wrong = 3;  ///< sets of answers, then the reset is locked and a case opened
    /// What people choose from, at least one more than reset_facts. Who does not exist is asked for some of them too,
    /// which is why nobody makes up questions of their own.
    std::vector<std::string> reset_questions = usual_reset_questions();
    Duration session_longest = std::chrono::hours{8};
    Duration session_idle = std::chrono::hours{1};       ///< without a request
    Duration non_secure_rests = std::chrono::hours{48};  ///< a changed address outside, before it counts
};

}  // namespace postern::vocabulary
