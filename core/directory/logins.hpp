// Logins: whether a user name, a password and a code are who they say; how a password is changed, forgotten and given
// anew; second factors; cases that people decide. The web portal and hosted mailboxes ask here.
//
// Part of Directory, which makes it; thread-safe; completes on the caller's executor. argon2id runs on threads of its
// own. A login's state never stops mail. Every outcome is in the audit; no password, answer or code is kept or shown
// but as a hash. Somebody who does not exist, a wrong password and a locked login are answered alike, and cost the
// same.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "directory/audit.hpp"
#include "directory/directory.hpp"
#include "vocabulary/login_rules.hpp"

#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace postern::directory {

/// What somebody types. The user name may be the secure or own address instead.
struct Credentials {
    std::string user_name, password, code;
};

struct LoginAnswer {
    enum class Outcome {
        granted,
        must_change,      ///< right, but only good for choosing a new password: one-time, or too old
        must_set_factor,  ///< right, but only good for setting up the second factor that they need
        needs_code,       ///< right so far; a code of the second factor is asked for
        refused           ///< anything else
    } outcome = Outcome::refused;
    std::string address;  ///< own form
    std::string organisation;
    std::uint64_t generation = 0;              ///< of the login: sessions of an older one have ended
    bool locked_now = false;                   ///< by this very attempt: somebody ought to be told
    bool by_program = false, by_mail = false;  ///< needs_code: where a code may come from
};

/// What is known of a login, but for secrets.
struct LoginState {
    std::string user_name;
    Instant changed{};
    bool one_time = false, by_program = false, by_mail = false, reset_locked = false;
    std::optional<Instant> valid_until, locked_until, last_login;
    std::string lock_reason;
    std::uint64_t generation = 0;
    unsigned wrong = 0;
    std::size_t facts = 0, recovery_codes = 0, sessions = 0;
};

/// A code to be mailed now; it is kept as a hash alone.
struct CodeToMail {
    DirectoryEntryPtr entry;  ///< whose it is
    std::string code;
    Instant until{};
};

/// A login that goes on.
struct Session {
    std::string token;  ///< whoever shows it is logged in; of a session that was begun, and of no other
    std::string address;
    std::string organisation;
    Instant ends{};       ///< at the latest
    Instant idle_ends{};  ///< unless it is used before
};

/// Somebody who may use another's mailbox for a time.
struct Access {
    std::int64_t number = 0;
    std::string about;  ///< address of the mailbox
    std::string who;    ///< address
    std::string reason;
    Instant begun{};
    std::optional<Instant> until, ended;  ///< no `until`: until it is taken away
};

/// A password that is given, and to whom.
struct GivenPassword {
    std::string user_name, password;
    Instant valid_until{};
};

/// What came of answers that a helper typed.
struct ResetAnswer {
    bool confirmed = false;                   ///< all were right
    std::optional<GivenPassword> given;       ///< of a reset that was confirmed
    bool was_locked = false;                  ///< of an unlocking that was confirmed: there was a lock
    std::optional<std::int64_t> case_number;  ///< the service manager decides; no more answers are taken
    bool case_is_new = false;                 ///< it was opened by this attempt
};

/// Set up when its code has been shown to work.
struct NewFactor {
    std::string secret;  ///< base 32
    std::string uri;     ///< otpauth://totp/..., as a QR code shows it
};

struct Case {
    std::int64_t number = 0;
    Instant at{};
    std::string kind;   ///< "reset", "second_factor", "exceptional_access"
    std::string about;  ///< address
    std::string organisation, opened_by, text;
    std::string state;     ///< "open", "closed"
    std::string first_by;  ///< who agreed first, where two must
    std::optional<Instant> closed;
    std::string closed_by, outcome;
    std::string who;               ///< of exceptional access: who is to have it
    std::optional<Instant> until;  ///< and how long; nothing: until it is taken away
};

/// What deciding a case came to.
struct Decided {
    Case now;
    std::optional<GivenPassword> given;  ///< of a reset that was granted
};

/// Whom a warning is due to: their password runs out, or their login is to be locked since it is not used.
struct ExpiryWarning {
    std::string address;
    Instant runs_out{};
    Duration before{};  ///< which of the declared times this is
};

class Logins {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;
    using Rules = vocabulary::LoginRules;

    [[nodiscard]] Async<Result<LoginAnswer>> check(Credentials given, Rules rules, Instant now);
    /// Whose login has that user name; nothing: nobody's.
    [[nodiscard]] Async<Result<std::optional<mail::Address>>> owner_of_name(std::string user_name);
    /// The login of an own address; nothing: there is none.
    [[nodiscard]] Async<Result<std::optional<LoginState>>> state(mail::Address address);

    /// With the old one. Fault (never): refused, or what the rules say against the new one, all of it. The first one
    /// that somebody chooses makes an invited entry active.
    [[nodiscard]] Async<Result<void>> change(Credentials given, std::string fresh, Rules rules, Instant now);
    /// What is wrong with a password for this person, in words.
    [[nodiscard]] Async<Result<std::vector<std::string>>> mistakes(mail::Address address, std::string password,
                                                                   Rules rules);

    /// A login for who has none, or never used it. Fault (never): it is in use; no user of the directory.
    [[nodiscard]] Async<Result<GivenPassword>> invite(mail::Address address, Rules rules, AuditRecord audit);
    /// Answers to some of `rules.reset_questions`, by which the helpdesk can know this person; they take the place of
    /// all before. Fault (never): refused; too few; a question that is none of these.
    [[nodiscard]] Async<Result<void>> set_facts(Credentials given, std::map<std::string, std::string> facts,
                                                Rules rules, Instant now);

    // --- forgotten ---------------------------------------------------------------------------------------------------
    /// Questions that the helper asks: the same until they are answered, so that nobody can choose. For an address
    /// without a login as well: of the same list, as many, and the same after a restart.
    [[nodiscard]] Async<Result<std::vector<std::string>>> reset_questions(mail::Address address, Rules rules);
    /// All answers right: a one-time password, sessions end, the second factor stays. Else it counts, and says only no;
    /// after too many it says which case is open. `audit.target`: as whom the helper asked for them.
    [[nodiscard]] Async<Result<ResetAnswer>> reset(mail::Address address, std::map<std::string, std::string> answers,
                                                   Rules rules, AuditRecord audit);
    /// The same proof, and the lock of the login is taken away; all else stays.
    [[nodiscard]] Async<Result<ResetAnswer>> unlock_by_facts(mail::Address address,
                                                             std::map<std::string, std::string> answers, Rules rules,
                                                             AuditRecord audit);
    /// Takes a lock of the login away without any proof: for who looks after this person. False: there was none.
    [[nodiscard]] Async<Result<bool>> unlock(mail::Address address, AuditRecord audit);

    // --- the address outside -----------------------------------------------------------------------------------------
    /// Makes a code for a person's new address outside, as it stands in their entry; the caller mails it there.
    /// Nothing: no address waits to be confirmed. Fault (never): too many in that time.
    [[nodiscard]] Async<Result<std::optional<CodeToMail>>> new_address_code(mail::Address address, Rules rules,
                                                                            Instant now);
    /// With the code that was mailed there, told by the person themselves: from now on, or once it has rested, the
    /// address counts. Who still has to choose a password or set up a factor may do it. Fault (never): refused; not the
    /// newest code.
    [[nodiscard]] Async<Result<void>> confirm_address(Credentials given, std::string code, Rules rules, Instant now);

    // --- sessions ----------------------------------------------------------------------------------------------------
    /// For a login that was granted just now.
    [[nodiscard]] Async<Result<Session>> begin_session(LoginAnswer granted, Rules rules, Instant now);
    /// Whose it is, and counts as a use of it; nothing: it has ended, or never was.
    [[nodiscard]] Async<Result<std::optional<Session>>> session(std::string token, Rules rules, Instant now);
    /// False: there was none.
    [[nodiscard]] Async<Result<bool>> end_session(std::string token, Instant now);
    /// All of a login. False: there is no such login.
    [[nodiscard]] Async<Result<bool>> end_sessions(mail::Address address, AuditRecord audit);

    // --- second factor -----------------------------------------------------------------------------------------------
    [[nodiscard]] Async<Result<NewFactor>> begin_factor(Credentials given, std::string issuer, Rules rules,
                                                        Instant now);
    /// Makes a code for who logs in, or sets this factor up; the caller mails it. Fault (never): refused; none is due;
    /// too many in that time.
    [[nodiscard]] Async<Result<CodeToMail>> new_mailed_code(Credentials given, Rules rules, Instant now);
    /// With the code that was mailed: from now on codes come by mail. Recovery codes, where there were none.
    [[nodiscard]] Async<Result<std::vector<std::string>>> confirm_mailed(Credentials given, std::string code,
                                                                         Rules rules, Instant now);
    /// `code` of the new secret. Recovery codes, each good once.
    [[nodiscard]] Async<Result<std::vector<std::string>>> confirm_factor(Credentials given, std::string secret,
                                                                         std::string code, Rules rules, Instant now);
    /// Opens a case where `two` people must agree; else does it. The number, or nothing.
    [[nodiscard]] Async<Result<std::optional<std::int64_t>>> reset_factor(mail::Address address, bool two,
                                                                          std::string reason, AuditRecord audit);

    // --- cases -------------------------------------------------------------------------------------------------------
    [[nodiscard]] Async<Result<std::vector<Case>>> cases(bool closed_too);
    /// Decides: `grant` does what the case asks for. A one-time password, where it is one. Fault (never): no such open
    /// case; the one who asked can't be the second.
    [[nodiscard]] Async<Result<Decided>> decide(std::int64_t number, bool grant, std::string reason, Rules rules,
                                                AuditRecord audit);
    [[nodiscard]] Async<Result<std::optional<Case>>> find_case(std::int64_t number);

    // --- exceptional access ------------------------------------------------------------------------------------------
    /// Opens a case where `two` people must agree, and gives its number; else gives the access.
    [[nodiscard]] Async<Result<std::optional<std::int64_t>>> ask_access(Access wanted, bool two, AuditRecord audit);
    /// To that mailbox, or to all where no address is given; `all`: those that have ended too.
    [[nodiscard]] Async<Result<std::vector<Access>>> accesses(std::optional<mail::Address> about, bool all,
                                                              Instant now);
    /// What was ended; nothing: there is no such access that goes on.
    [[nodiscard]] Async<Result<std::optional<Access>>> end_access(std::int64_t number, AuditRecord audit);

    // --- in time -----------------------------------------------------------------------------------------------------
    /// Warnings of passwords that run out, each once.
    [[nodiscard]] Async<Result<std::vector<ExpiryWarning>>> due_warnings(Rules rules, Instant now);
    /// Warnings of logins that will be locked since they are not used, each once.
    [[nodiscard]] Async<Result<std::vector<ExpiryWarning>>> due_idle_warnings(Rules rules, Instant now);
    /// Sending, receiving and logging in count. Kept in memory until keep_activity(): a crash forgets minutes of it.
    void active(const std::string& key, Instant now);
    [[nodiscard]] Async<Result<void>> keep_activity();
    /// Locks logins of those who were not active for the declared time. Their addresses.
    [[nodiscard]] Async<Result<std::vector<std::string>>> lock_inactive(Rules rules, Instant now);
    /// Takes away sessions, codes and records of codes that are over.
    [[nodiscard]] Async<Result<void>> forget_what_is_over(Rules rules, Instant now);

    ~Logins();

private:
    friend class Directory;
    struct Impl;
    explicit Logins(Directory::Impl& directory);
    std::unique_ptr<Impl> impl_;
};

}  // namespace postern::directory
