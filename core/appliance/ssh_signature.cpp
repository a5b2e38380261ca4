#include "appliance/ssh_signature.hpp"

#include "base/base64.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <memory>
#include <optional>

namespace postern::appliance {

namespace {

constexpr std::string_view magic = "SSHSIG";
constexpr std::string_view kind = "ssh-ed25519";
constexpr std::string_view begin_line = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view end_line = "-----END SSH SIGNATURE-----";
constexpr std::size_t longest = 16 * 1024;

const unsigned char* bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: as OpenSSL takes bytes
}

/// Reads what SSH calls strings: a length of four bytes, big endian, and so many bytes.
class Fields {
public:
    explicit Fields(std::string_view bytes) : rest_(bytes) {}
    [[nodiscard]] std::optional<std::string_view> take(std::size_t size)
    {
        if (rest_.size() < size) return std::nullopt;
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    [[nodiscard]] std::optional<std::uint32_t> number()
    {
        const auto taken = take(4);
        if (!taken) return std::nullopt;
        std::uint32_t value = 0;
        for (const char c : *taken) value = value << 8 | static_cast<unsigned char>(c);
        return value;
    }
    [[nodiscard]] std::optional<std::string_view> string()
    {
        const auto size = number();
        return size ? take(*size) : std::nullopt;
    }
    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

private:
    std::string_view rest_;
};

std::string as_field(std::string_view bytes)
{
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::string field{static_cast<char>(size >> 24), static_cast<char>(size >> 16 & 0xff),
                      static_cast<char>(size >> 8 & 0xff), static_cast<char>(size & 0xff)};
    return field.append(bytes);
}

struct Parsed {
    std::string key;  ///< its blob
    std::string name_space, reserved, hash;
    std::string signature;  ///< 64 bytes
};

std::optional<std::string> without_armour(std::string_view text)
{
    if (text.size() > longest) return std::nullopt;
    const auto begins = text.find(begin_line);
    const auto ends = text.find(end_line);
    if (begins == text.npos || ends == text.npos || ends < begins) return std::nullopt;
    std::string encoded;
    for (const char c : text.substr(begins + begin_line.size(), ends - begins - begin_line.size()))
        if (c != '\n' && c != '\r') encoded += c;
    return from_base64(encoded);
}

std::optional<Parsed> parse(std::string_view armoured)
{
    const auto blob = without_armour(armoured);
    if (!blob) return std::nullopt;
    Fields fields(*blob);
    const auto front = fields.take(magic.size());
    const auto version = fields.number();
    const auto key = fields.string();
    const auto name_space = fields.string();
    const auto reserved = fields.string();
    const auto hash = fields.string();
    const auto signature = fields.string();
    if (!front || *front != magic || !version || *version != 1 || !signature || !fields.at_end()) return std::nullopt;
    Fields inner(*signature);
    const auto algorithm = inner.string();
    const auto bytes = inner.string();
    if (!algorithm || *algorithm != kind || !bytes || bytes->size() != 64 || !inner.at_end()) return std::nullopt;
    return Parsed{std::string(*key), std::string(*name_space), std::string(*reserved), std::string(*hash),
                  std::string(*bytes)};
}

std::optional<std::string> digest_of(std::string_view text, std::string_view hash)
{
    const EVP_MD* how = hash == "sha512" ? EVP_sha512() : hash == "sha256" ? EVP_sha256() : nullptr;
    if (how == nullptr) return std::nullopt;
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    auto* out = reinterpret_cast<unsigned char*>(digest.data());  // NOLINT: as OpenSSL takes bytes
    if (EVP_Digest(text.data(), text.size(), out, &size, how, nullptr) != 1) return std::nullopt;
    digest.resize(size);
    return digest;
}

/// The 32 bytes in a key's blob.
std::optional<std::string_view> raw_key(std::string_view blob)
{
    Fields fields(blob);
    const auto said = fields.string();
    const auto raw = fields.string();
    if (!said || *said != kind || !raw || raw->size() != 32 || !fields.at_end()) return std::nullopt;
    return raw;
}

bool holds(std::string_view raw, std::string_view text, std::string_view signature)
{
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw), raw.size()), EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

/// The blob of a line "ssh-ed25519 AAAA... name".
std::string blob_of(std::string_view line)
{
    if (!line.starts_with(kind) || line.size() <= kind.size()) return {};
    const auto rest = trim(line.substr(kind.size()));
    return from_base64(rest.substr(0, rest.find(' '))).value_or(std::string());
}

}  // namespace

Result<std::string> signer_of(std::string_view text, std::string_view signature, std::string_view name_space,
                              const std::vector<std::string>& keys)
{
    const auto parsed = parse(signature);
    if (!parsed)
        return fault(Retry::never,
                     "the signature is none that `ssh-keygen -Y sign` makes with a key of kind ssh-ed25519");
    if (parsed->name_space != name_space)
        return fault(Retry::never, fmt::format("the signature is for \"{}\", not for \"{}\"",
                                               printable(parsed->name_space, 60), name_space));
    const auto digest = digest_of(text, parsed->hash);
    const auto raw = raw_key(parsed->key);
    if (!digest || !raw)
        return fault(Retry::never,
                     fmt::format("the signature uses \"{}\", which is not known here", printable(parsed->hash, 20)));
    for (const auto& key : keys) {
        if (blob_of(key) != parsed->key) continue;
        const auto covered = std::string(magic) + as_field(parsed->name_space) + as_field(parsed->reserved) +
                             as_field(parsed->hash) + as_field(*digest);
        if (holds(*raw, covered, parsed->signature)) return key;
        return fault(Retry::never, "the signature does not fit: the manifest was changed after it was signed");
    }
    return fault(Retry::never, fmt::format("it was signed by a key that node.yaml does not declare (machine: "
                                           "administrators): ssh-ed25519 {}",
                                           to_base64(parsed->key)));
}

}  // namespace postern::appliance
