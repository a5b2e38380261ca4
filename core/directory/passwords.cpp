#include "directory/passwords.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <array>
#include <charconv>
#include <new>
#include <stdexcept>

namespace postern::directory {

namespace {

constexpr std::size_t chosen_memory = std::size_t{64} << 20;
constexpr unsigned long long chosen_passes = 2;
constexpr std::size_t given_memory = std::size_t{8} << 20;
constexpr unsigned long long given_passes = 1;
constexpr std::string_view alphabet = "abcdefghjkmnpqrstuvwxyz23456789";  // without i, l, o, 0, 1

void prepare()
{
    static const bool ready = sodium_init() >= 0;
    if (!ready) throw std::runtime_error("libsodium does not start: there is no source of random numbers");
}

/// The number behind "m=" or "t=" of a printed hash.
unsigned long long cost_of(std::string_view hash, std::string_view name)
{
    const auto at = hash.find(name);
    if (at == std::string_view::npos) return 0;
    unsigned long long value = 0;
    std::from_chars(hash.data() + at + name.size(), hash.data() + hash.size(), value);
    return value;
}

}  // namespace

std::string hash_password(std::string_view password, Strength strength)
{
    prepare();
    std::array<char, crypto_pwhash_STRBYTES> out{};
    const bool chosen = strength == Strength::chosen;
    if (crypto_pwhash_argon2id_str(out.data(), password.data(), password.size(), chosen ? chosen_passes : given_passes,
                                   chosen ? chosen_memory : given_memory) != 0)
        throw std::bad_alloc();
    return out.data();
}

bool verify_password(std::string_view hash, std::string_view password) noexcept
{
    const std::string text(hash);
    return sodium_init() >= 0 && text.starts_with("$argon2id$") &&
           crypto_pwhash_argon2id_str_verify(text.c_str(), password.data(), password.size()) == 0;
}

void pretend_to_verify(std::string_view password) noexcept
{
    static const std::string nobodys = hash_password("nobody's", Strength::chosen);
    static_cast<void>(verify_password(nobodys, password));
}

std::string why_not_taken(std::string_view hash)
{
    // OWASP's smallest, and what a few of them at once do to a machine.
    constexpr unsigned long long least_kib = 7 * 1024, most_kib = 256 * 1024;
    constexpr unsigned long long most_passes = 10;
    constexpr unsigned long long most_work = 512ULL * 1024;  // KiB times passes
    if (!hash.starts_with("$argon2id$v=19$"))
        return "only argon2id can be taken, in its printed form \"$argon2id$v=19$m=...,t=...,p=1$SALT$HASH\"; invite "
               "this user instead";
    const auto memory = cost_of(hash, "$m="), passes = cost_of(hash, ",t="), lanes = cost_of(hash, ",p=");
    if (lanes != 1) return "argon2id with p other than 1 can't be verified here; invite this user instead";
    if (memory < least_kib) return fmt::format("m={} is too cheap to guess; at least {} KiB", memory, least_kib);
    if (memory > most_kib || passes > most_passes || memory * passes > most_work)
        return fmt::format("m={},t={} is too costly to verify; at most {} KiB, {} passes, and {} KiB times passes",
                           memory, passes, most_kib, most_passes, most_work);
    const std::string whole(hash);
    constexpr std::size_t shortest = 22;  // 16 bytes in base 64
    const bool fits = passes > 0 && hash.size() - hash.rfind('$') > shortest && hash.size() < crypto_pwhash_STRBYTES &&
                      sodium_init() >= 0 &&
                      crypto_pwhash_argon2id_str_needs_rehash(whole.c_str(), passes, memory * 1024) == 0;
    return fits ? std::string{} : "the hash is cut off or not written as argon2 writes it";
}

bool is_as_strong_as_ours(std::string_view hash) noexcept
{
    return cost_of(hash, "$m=") == chosen_memory >> 10U && cost_of(hash, ",t=") == chosen_passes;
}

std::string make_one_time_password()
{
    constexpr std::size_t letters = 16, group = 4;
    prepare();
    std::string password;
    for (std::size_t i = 0; i < letters; ++i) {
        if (i > 0 && i % group == 0) password += '-';
        password += alphabet[randombytes_uniform(static_cast<std::uint32_t>(alphabet.size()))];
    }
    return password;
}

std::string make_code(std::size_t digits)
{
    prepare();
    std::string code;
    while (code.size() < digits) code += static_cast<char>('0' + randombytes_uniform(10));
    return code;
}

std::string random_bytes(std::size_t bytes)
{
    prepare();
    std::string out(bytes, '\0');
    randombytes_buf(out.data(), out.size());
    return out;
}

std::string normal_answer(std::string_view answer)
{
    std::string normal;
    bool space = false;
    for (const char c : answer) {
        const bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          static_cast<unsigned char>(c) >= 0x80;
        if (!kept) {
            space = space || c == ' ' || c == '\t';
            continue;
        }
        if (space && !normal.empty()) normal += ' ';
        space = false;
        normal += ascii_lower(c);
    }
    return normal;
}

std::string totp_code(std::string_view secret, std::uint64_t step)
{
    std::array<unsigned char, 8> counter{};
    for (std::size_t i = 0; i < counter.size(); ++i)
        counter[i] = static_cast<unsigned char>(step >> (8 * (counter.size() - 1 - i)));
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    if (HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), counter.data(), counter.size(), mac.data(),
             &size) == nullptr)
        throw std::bad_alloc();
    const std::size_t at = mac[size - 1] & 0x0FU;
    const std::uint32_t value = ((mac[at] & 0x7FU) << 24U) | (std::uint32_t{mac[at + 1]} << 16U) |
                                (std::uint32_t{mac[at + 2]} << 8U) | mac[at + 3];
    std::string code = std::to_string(value % 1'000'000);
    return std::string(6 - code.size(), '0') + code;
}

std::string to_base32(std::string_view bytes)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string out;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : bytes) {
        bits = (bits << 8U) | static_cast<unsigned char>(c);
        held += 8;
        while (held >= 5) {
            held -= 5;
            out += digits[(bits >> held) & 31U];
        }
    }
    if (held > 0) out += digits[(bits << (5 - held)) & 31U];
    return out;
}

std::string keyed_digest(std::string_view secret, std::string_view text)
{
    std::string digest(crypto_generichash_BYTES, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                       reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
    return digest;
}

bool equal_secrets(std::string_view a, std::string_view b) noexcept
{
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postern::directory
