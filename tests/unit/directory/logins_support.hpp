// A directory with a user who was invited, and what they do with their login.
#pragma once

#include "support.hpp"

#include "directory/administration.hpp"
#include "directory/logins.hpp"
#include "directory/passwords.hpp"

#include <chrono>

namespace postern::directory::test {

inline constexpr auto day = std::chrono::hours{24};
inline const std::string good = "four words make sense";

inline AuditRecord by(const std::string& actor, Instant at)
{
    AuditRecord record;
    record.at = at;
    record.actor = actor;
    record.act = "test";
    record.outcome = "done";
    return record;
}

/// What base 32 stands for, read by hand: an authenticator program does not use our code either.
inline std::string bytes_of(const std::string& secret)
{
    std::string raw;
    unsigned held = 0;
    std::uint32_t bits = 0;
    for (const char c : secret) {
        bits = (bits << 5U) | static_cast<std::uint32_t>(c >= 'A' ? c - 'A' : c - '2' + 26);
        if ((held += 5) >= 8) raw += static_cast<char>((bits >> (held -= 8)) & 0xFFU);
    }
    return raw;
}

inline std::string code_of(const std::string& secret, Instant now)
{
    return totp_code(secret, static_cast<std::uint64_t>(to_micros(now) / 30'000'000));
}

struct LoginScene {
    Folder folder;
    std::unique_ptr<Directory> directory = opened(folder);
    Logins& logins = directory->logins();
    vocabulary::LoginRules rules;
    Instant now = from_micros(1'700'000'000'000'000);
    const mail::Address eric = address("eric.brown@g.example");
    GivenPassword given;

    LoginScene()
    {
        auto entry = user("eric.brown@g.example", "greenstone", EntryStatus::invited);
        entry.name = "Eric Brown";
        applied(*directory, document("greenstone", {entry, user("anna@g.example", "greenstone")}));
        auto invited = wait_for(logins.invite(eric, rules, by("clerk", now)));
        REQUIRE(invited);
        given = *invited;
    }
    LoginAnswer check(const std::string& password, const std::string& code = {},
                      const std::string& name = "eric.brown@g.example")
    {
        auto answer = wait_for(logins.check({name, password, code}, rules, now));
        REQUIRE(answer);
        return *answer;
    }
    std::string change(const std::string& old, const std::string& fresh)
    {
        const auto changed = wait_for(logins.change({given.user_name, old, {}}, fresh, rules, now));
        return changed ? std::string{} : changed.error().describe();
    }
    void settle() { REQUIRE(change(given.password, good).empty()); }
    /// An authenticator program of their own; its secret.
    std::string set_up_program()
    {
        const Credentials own{given.user_name, good, {}};
        const auto factor = wait_for(logins.begin_factor(own, "cjsm.net", rules, now)).value();
        auto secret = bytes_of(factor.secret);
        REQUIRE(wait_for(logins.confirm_factor(own, factor.secret, code_of(secret, now), rules, now)));
        return secret;
    }
    std::string last_act() { return wait_for(directory->administration().search({})).value().front().detail; }
};

}  // namespace postern::directory::test
