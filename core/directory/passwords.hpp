// Passwords, answers and codes as they are kept: argon2id by libsodium, in the usual printed form that says its own
// cost.
//
// Thread-safe. Hashing blocks for tens of milliseconds and takes tens of MiB: on Directory's own threads, never on an
// I/O thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::directory {

/// What guessing shall cost: `chosen` by people (64 MiB, about 60 ms), or `given` by us with 79 random bits, which
/// nobody guesses at any speed.
enum class Strength { chosen, given };

/// "$argon2id$v=19$m=65536,t=2,p=1$...". Throws std::bad_alloc without memory.
[[nodiscard]] std::string hash_password(std::string_view password, Strength strength);
/// In time that does not depend on where they differ. False for what is no such hash.
[[nodiscard]] bool verify_password(std::string_view hash, std::string_view password) noexcept;
/// Costs what a wrong password costs, for user names that there are none of.
void pretend_to_verify(std::string_view password) noexcept;
/// Why a hash that was made elsewhere can't be taken: of another kind, not readable, or too cheap or too costly to
/// verify. Empty: it can.
[[nodiscard]] std::string why_not_taken(std::string_view hash);
/// Whether it costs just what a chosen password's costs.
[[nodiscard]] bool is_as_strong_as_ours(std::string_view hash) noexcept;

/// "kfqt-7mzd-x2pw-9hrv": 16 letters and digits that can't be mistaken for each other, 79 random bits.
[[nodiscard]] std::string make_one_time_password();
/// `digits` random decimal digits.
[[nodiscard]] std::string make_code(std::size_t digits);
/// `bytes` random bytes.
[[nodiscard]] std::string random_bytes(std::size_t bytes);
/// 32 bytes that nobody can tell who has not the secret, which has 32 too.
[[nodiscard]] std::string keyed_digest(std::string_view secret, std::string_view text);
/// A memorable fact as it is compared: small letters, single spaces, no punctuation.
[[nodiscard]] std::string normal_answer(std::string_view answer);

/// RFC 6238, SHA-1, 30 seconds, 6 digits: the code of that step.
[[nodiscard]] std::string totp_code(std::string_view secret, std::uint64_t step);
/// RFC 4648 base 32 without padding, as authenticator programs take a secret.
[[nodiscard]] std::string to_base32(std::string_view bytes);
/// Equality in constant time for equal lengths.
[[nodiscard]] bool equal_secrets(std::string_view a, std::string_view b) noexcept;

}  // namespace postern::directory
