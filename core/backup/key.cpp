#include "backup/key.hpp"

#include "base/base64.hpp"
#include "base/text.hpp"
#include "vocabulary/node.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace postern::backup {

namespace {

constexpr std::string_view secret_word = "postern-backup-secret-1:";

static_assert(crypto_box_SECRETKEYBYTES == 32 && crypto_box_PUBLICKEYBYTES == 32);
static_assert(crypto_secretstream_xchacha20poly1305_KEYBYTES == 32);

void prepare()
{
    static const bool ready = sodium_init() >= 0;
    if (!ready) throw std::runtime_error("libsodium does not start: there is no source of random numbers");
}

const unsigned char* bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: as libsodium takes bytes
}

std::string_view text_of(const std::array<unsigned char, 32>& bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // NOLINT: the same
}

}  // namespace

SessionKey make_session_key()
{
    prepare();
    SessionKey key;
    randombytes_buf(key.data(), key.size());
    return key;
}

std::string print_session_key(const SessionKey& key)
{
    return to_hex(text_of(key));
}

std::optional<SessionKey> parse_session_key(std::string_view text)
{
    SessionKey key;
    std::size_t size = 0;
    const char* end = nullptr;
    if (text.size() != 2 * key.size() ||
        sodium_hex2bin(key.data(), key.size(), text.data(), text.size(), nullptr, &size, &end) != 0 ||
        size != key.size())
        return std::nullopt;
    return key;
}

SecretKey SecretKey::make()
{
    prepare();
    SecretKey key;
    crypto_box_keypair(key.public_.data(), key.secret_.data());
    return key;
}

Result<SecretKey> SecretKey::read(const std::filesystem::path& file)
{
    prepare();
    std::ifstream in(file);
    if (!in) return fault(Retry::never, "can't be read").about(file.string());
    for (std::string line; std::getline(in, line);) {
        const auto text = trim(line);
        if (!text.starts_with(secret_word)) continue;
        const auto bytes = from_base64(text.substr(secret_word.size()));
        SecretKey key;
        if (!bytes || bytes->size() != key.secret_.size()) break;
        std::ranges::copy(*bytes, key.secret_.begin());
        crypto_scalarmult_base(key.public_.data(), key.secret_.data());
        return key;
    }
    return fault(Retry::never, "is no secret backup key, as `postern backup key` makes them").about(file.string());
}

Result<void> SecretKey::write(const std::filesystem::path& file) const
{
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor < 0)
        return fault(Retry::never, "is there already, or can't be made; a key is never written over")
            .about(file.string());
    const auto text = fmt::format("# Opens backups that were made for {}\n{}{}\n", public_half(), secret_word,
                                  to_base64(text_of(secret_)));
    const bool written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
    ::close(descriptor);
    if (written) return {};
    ::unlink(file.c_str());
    return fault(Retry::later, "can't be written").about(file.string());
}

std::string SecretKey::public_half() const
{
    return std::string(vocabulary::backup_key_word) + to_base64(text_of(public_));
}

std::optional<SessionKey> SecretKey::unseal(std::string_view sealed) const
{
    SessionKey key;
    if (sealed.size() != key.size() + crypto_box_SEALBYTES ||
        crypto_box_seal_open(key.data(), bytes_of(sealed), sealed.size(), public_.data(), secret_.data()) != 0)
        return std::nullopt;
    return key;
}

Result<std::string> seal(const SessionKey& key, std::string_view public_half)
{
    prepare();
    if (!vocabulary::is_backup_key(public_half))
        return fault(Retry::never, fmt::format("\"{}\" is no public backup key", printable(public_half, 60)));
    const auto to = from_base64(public_half.substr(vocabulary::backup_key_word.size()));
    std::string sealed(key.size() + crypto_box_SEALBYTES, '\0');
    auto* out = reinterpret_cast<unsigned char*>(sealed.data());  // NOLINT: as libsodium takes bytes
    if (crypto_box_seal(out, key.data(), key.size(), bytes_of(*to)) != 0)
        return fault(Retry::never, "this public backup key is not one that can be sealed for");
    return sealed;
}

}  // namespace postern::backup
