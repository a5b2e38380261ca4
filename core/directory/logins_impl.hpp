// What the parts of Logins share. Private to the room.
#pragma once

#include "directory/directory_impl.hpp"
#include "directory/login_rows.hpp"
#include "directory/logins.hpp"
#include "directory/password_rules.hpp"

#include <mutex>
#include <unordered_map>

namespace postern::directory {

struct Logins::Impl {
    explicit Impl(Directory::Impl& of) : directory(of) {}

    Directory::Impl& directory;
    RefusedWordsFile refused;
    std::mutex mutex;
    std::unordered_map<std::string, Instant> seen;  ///< under mutex: activity that is not written yet

    template <class T>
    [[nodiscard]] Async<Result<T>> read(std::function<Result<T>(store::Database&)> work)
    {
        return directory.lookups->run<T>(std::move(work));
    }
    template <class T>
    [[nodiscard]] Async<Result<T>> write(std::function<Result<T>(store::Database&)> work)
    {
        return directory.writer->run<T>(std::move(work));
    }
    template <class T>
    [[nodiscard]] Async<Result<T>> hash(std::function<Result<T>()> work)
    {
        std::function<Result<T>(NoState&)> on_thread = [work = std::move(work)](NoState&) { return work(); };
        return directory.hashers->run<T>(std::move(on_thread));
    }

    /// Whether these are all the answers to what this person is asked, `count` at least. In the same time for all.
    [[nodiscard]] Async<Result<bool>> answers_are_right(std::string key, std::map<std::string, std::string> answers,
                                                        std::size_t count);
};

/// A record of the audit about a login.
[[nodiscard]] AuditRecord login_record(const std::string& actor, std::string act, const std::string& target,
                                       std::string outcome, Instant at, std::string detail = {});

inline constexpr std::string_view refused_text =
    "the user name, the password or the code is wrong, or the login is locked";

/// A name as it is looked up: user names and address keys are in small letters.
[[nodiscard]] std::string normal_name(const std::string& typed);
[[nodiscard]] bool has_factor(const LoginRow& login) noexcept;

/// Whether it is the code of an authenticator program now, and what is kept so that it is right but once.
[[nodiscard]] bool take_program_code(LoginRow& login, const std::string& code, Instant now);

/// What a code was found to be before the writer is asked, since looking takes milliseconds.
struct MatchedCode {
    std::string recovery, mailed;  ///< the hash that it fits; empty: none
};
/// On a thread of the hashers. `mailed`: of the newest code; may be empty.
[[nodiscard]] MatchedCode match_code(const std::vector<std::string>& recovery, const std::string& mailed,
                                     const std::string& typed);
/// Whether it was mailed, is good still, and for this; used up by that. A wrong one counts.
[[nodiscard]] bool take_mailed_code(store::Database& database, const std::string& key, const MatchedCode& matched,
                                    bool sets_up, const vocabulary::LoginRules& rules, Instant now);

/// Ten fresh ones, and their hashes.
struct RecoveryCodes {
    std::vector<std::string> codes, hashes;
};
[[nodiscard]] Result<RecoveryCodes> make_recovery_codes();

/// A one-time password and its hash, made before the writer is asked.
struct Made {
    std::string password, hash;
};
[[nodiscard]] Result<Made> make_one();
/// Puts a one-time password in the place of what was; sessions end.
GivenPassword give(store::Database& database, LoginRow login, const Made& made, const vocabulary::LoginRules& rules,
                   Instant now);
/// Takes the lock of a login away, and writes it. False: it was not locked.
bool open_lock(store::Database& database, LoginRow& login, Instant now);
/// Takes second factors away; sessions end. Fault (never): there is none.
[[nodiscard]] Result<void> take_factor_away(store::Database& database, const std::string& key);

}  // namespace postern::directory
