#include "base/digest.hpp"

#include "base/text.hpp"

#include <openssl/evp.h>
#include <stdexcept>

namespace postern {

Digest sha256(std::string_view bytes)
{
    Digest digest{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("OpenSSL has no SHA-256");
    return digest;
}

std::string sha256_bytes(std::string_view bytes)
{
    const auto digest = sha256(bytes);
    return {digest.begin(), digest.end()};
}

std::string sha256_hex(std::string_view bytes)
{
    return to_hex(sha256_bytes(bytes));
}

}  // namespace postern
