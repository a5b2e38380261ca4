// OpenSSL's part of the authority: keys, certificates and the revocation list, made and read. The only user of its C
// handles here; each is wrapped once. Pure but for randomness; thread-safe.
#pragma once

#include "authority/authority.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::authority {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* handle) const noexcept
    {
        Free(handle);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using X509Handle = std::unique_ptr<X509, Freed<X509_free>>;
using CrlHandle = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;

/// The key and certificate that sign.
struct Signer {
    Key key;
    X509Handle certificate;
};

/// How long a revocation list counts; see Authority::refresh.
constexpr Duration list_valid_for = std::chrono::days{30};
/// Certificates count from a little before they are made, since clocks differ.
constexpr Duration backdated = std::chrono::hours{1};

[[nodiscard]] Result<Key> make_key();
/// 128 random bits, 32 upper-case hexadecimal digits.
[[nodiscard]] Result<std::string> make_serial();

/// A self-signed certificate that may sign certificates, of servers only, and revocation lists.
[[nodiscard]] Result<X509Handle> make_root(EVP_PKEY& key, const std::string& name, Instant now, Duration valid_for);
/// A certificate for a server with the names, use, serial and times of `certificate`.
[[nodiscard]] Result<X509Handle> make_leaf(const Signer& signer, EVP_PKEY& key, const Certificate& certificate);
/// The list of all revoked ones among `certificates`, from `now` for list_valid_for.
[[nodiscard]] Result<std::string> make_list(const Signer& signer, const std::vector<Certificate>& certificates,
                                            std::uint64_t number, Instant now);

[[nodiscard]] Result<std::string> to_pem(const X509& certificate);
[[nodiscard]] Result<std::string> to_pem(const EVP_PKEY& key);
[[nodiscard]] Result<Key> key_from_pem(std::string_view pem);
[[nodiscard]] Result<X509Handle> certificate_from_pem(std::string_view pem);

/// What a list of ours says about itself.
struct ListFacts {
    std::uint64_t number = 0;
    Instant next_update{};
};
/// Fault never: no list, or one that this authority did not sign.
[[nodiscard]] Result<ListFacts> read_list(std::string_view pem, const Signer& signer);

/// SHA-256 of the DER form, lower-case hexadecimal.
[[nodiscard]] Result<std::string> fingerprint(const X509& certificate);
[[nodiscard]] Result<Instant> not_after(const X509& certificate);
/// Whether key and certificate belong together and may sign certificates.
[[nodiscard]] Result<void> check_signer(const Signer& signer);

}  // namespace postern::authority
