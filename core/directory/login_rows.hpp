// Logins as rows of directory.db. Used on the store's threads; throws store::StorageFailure.
#pragma once

#include "directory/logins.hpp"
#include "store/database.hpp"

namespace postern::directory {

/// All of a login, secrets among it.
struct LoginRow {
    std::string key, user_name, password;
    Instant changed{};
    bool one_time = false;
    std::optional<Instant> valid_until, locked_until, last_login;
    unsigned wrong = 0;
    std::string lock_reason;
    std::string totp;  ///< the secret, raw; empty: none
    std::uint64_t totp_step = 0;
    std::vector<std::string> recovery;  ///< hashes
    unsigned reset_wrong = 0;
    bool reset_locked = false;
    std::string reset_asks;  ///< JSON list of questions
    std::uint64_t generation = 0;
    bool mailed_factor = false;
    std::int64_t warned = 0;  ///< microseconds before the end of which was warned last; 0: none
};

[[nodiscard]] std::optional<LoginRow> read_login(store::Database& database, const std::string& key);
/// By user name, or by the key of an address.
[[nodiscard]] std::optional<LoginRow> find_login(store::Database& database, const std::string& name);
void write_login(store::Database& database, const LoginRow& row);

/// A code on its way, as a hash.
struct MailedCodeRow {
    std::string key, code;
    Instant until{};
    unsigned wrong = 0;
    bool sets_up = false;  ///< good for setting the factor up, and for nothing else; or else for logging in
};
[[nodiscard]] std::optional<MailedCodeRow> read_mailed_code(store::Database& database, const std::string& key);
void write_mailed_code(store::Database& database, const MailedCodeRow& row);
void forget_mailed_code(store::Database& database, const std::string& key);

[[nodiscard]] std::map<std::string, std::string> read_facts(store::Database& database, const std::string& key);
[[nodiscard]] std::vector<std::string> read_former(store::Database& database, const std::string& key,
                                                   std::size_t at_most);
void add_former(store::Database& database, const std::string& key, Instant at, const std::string& password,
                std::size_t keep);

[[nodiscard]] std::int64_t open_case(store::Database& database, const Case& opened);
[[nodiscard]] std::vector<Case> read_cases(store::Database& database, bool closed_too);
[[nodiscard]] std::optional<Case> read_case(store::Database& database, std::int64_t number);
void write_case(store::Database& database, const Case& changed);

}  // namespace postern::directory
