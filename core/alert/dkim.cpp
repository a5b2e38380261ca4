#include "alert/dkim.hpp"

#include "base/base64.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <array>
#include <cstdio>
#include <vector>

namespace postern::alert {

namespace {

/// Those of them that the message has; From once more than it stands there, so that nobody can add another.
constexpr std::array<std::string_view, 9> signed_fields{"From",         "To",           "Subject",
                                                        "Date",         "Message-ID",   "Auto-Submitted",
                                                        "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};

struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct CloseFile {
    void operator()(FILE* file) const noexcept { std::fclose(file); }  // NOLINT(cert-err33-c)
};

constexpr int smallest_rsa = 1024;  // RFC 8301 section 3.2

bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t';
}

std::string sha256(std::string_view bytes)
{
    std::string digest(32, '\0');
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(),
               nullptr);
    return digest;
}

/// The field of that name with its continuation lines, without the last CRLF; empty if it is not there.
std::string_view field_of(std::string_view header, std::string_view name)
{
    for (std::size_t at = 0; at < header.size();) {
        auto end = header.find("\r\n", at);
        while (end != header.npos && end + 2 < header.size() && is_blank(header[end + 2]))
            end = header.find("\r\n", end + 2);
        if (end == header.npos) end = header.size();
        const auto field = header.substr(at, end - at);
        if (field.size() > name.size() && field[name.size()] == ':' && iequals(field.substr(0, name.size()), name))
            return field;
        at = end + 2;
    }
    return {};
}

}  // namespace

struct Signer::Key {
    std::unique_ptr<EVP_PKEY, FreeKey> native;
    bool ed25519 = false;
};

std::string relaxed_field(std::string_view field)
{
    const auto colon = field.find(':');
    std::string result = to_lower(trim(field.substr(0, colon))) + ":";
    bool gap = false, begun = false;
    for (const char c : field.substr(colon + 1)) {
        if (c == '\r' || c == '\n') continue;
        if (is_blank(c)) {
            gap = begun;
            continue;
        }
        if (gap) result += ' ';
        result += c;
        gap = false;
        begun = true;
    }
    return result;
}

std::string relaxed_body(std::string_view body)
{
    std::string result;
    std::size_t empty = 0;  // lines that count only if something follows
    for (std::size_t at = 0; at < body.size();) {
        auto end = body.find("\r\n", at);
        if (end == body.npos) end = body.size();
        std::string line;
        bool gap = false;
        for (const char c : body.substr(at, end - at)) {
            if (is_blank(c)) {
                gap = true;
                continue;
            }
            if (gap) line += ' ';
            line += c;
            gap = false;
        }
        if (line.empty()) {
            ++empty;
        } else {
            for (; empty > 0; --empty) result += "\r\n";
            result += line + "\r\n";
        }
        at = end + 2;
    }
    return result;
}

Result<Signer> Signer::load(const vocabulary::DkimKey& declared)
{
    const std::unique_ptr<FILE, CloseFile> file(std::fopen(declared.file.c_str(), "re"));
    if (!file) return fault(Retry::never, "the DKIM key can't be read").about(declared.file);
    auto key = std::make_shared<Key>();
    key->native.reset(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
    if (!key->native)
        return fault(Retry::never, "this is no PEM private key; openssl genpkey makes one").about(declared.file);
    const int type = EVP_PKEY_get_base_id(key->native.get());
    key->ed25519 = type == EVP_PKEY_ED25519;
    if (!key->ed25519 && (type != EVP_PKEY_RSA || EVP_PKEY_get_bits(key->native.get()) < smallest_rsa))
        return fault(Retry::never, "DKIM takes RSA of 1024 bits or more, or Ed25519").about(declared.file);
    return Signer(std::move(key), declared);
}

Result<std::string> Signer::sign(std::string_view message, Instant at) const
{
    const auto split = message.find("\r\n\r\n");
    if (split == message.npos) return fault(Retry::never, "a message without a body can't be signed");
    const auto header = message.substr(0, split + 2);
    std::string names, data;
    for (const auto name : signed_fields) {
        const auto field = field_of(header, name);
        if (field.empty()) continue;
        names += fmt::format("{}{}", names.empty() ? "" : ":", name);
        data += relaxed_field(field) + "\r\n";
    }
    names += ":From";
    std::string field = fmt::format(
        "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n\ts={}; t={};\r\n\th={};\r\n\tbh={};\r\n\tb=",
        key_->ed25519 ? "ed25519-sha256" : "rsa-sha256", declared_.domain, declared_.selector,
        std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count(), names,
        to_base64(sha256(relaxed_body(message.substr(split + 4)))));
    data += relaxed_field(field);
    // RFC 8463 section 3: Ed25519 signs the SHA-256 of what RSA signs.
    if (key_->ed25519) data = sha256(data);

    const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
    std::size_t size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
    const bool ready = context && EVP_DigestSignInit(context.get(), nullptr, key_->ed25519 ? nullptr : EVP_sha256(),
                                                     nullptr, key_->native.get()) == 1;
    if (!ready || EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) != 1)
        return fault(Retry::later, "OpenSSL did not sign").about(declared_.file);
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, data.size()) !=
        1)
        return fault(Retry::later, "OpenSSL did not sign").about(declared_.file);
    signature.resize(size);
    const auto encoded = to_base64(signature);
    for (std::size_t from = 0; from < encoded.size(); from += 72)
        field += (from == 0 ? "" : "\r\n\t") + encoded.substr(from, 72);
    return field + "\r\n" + std::string(message);
}

}  // namespace postern::alert
