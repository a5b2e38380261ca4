// A small certificate authority in the test process, and a folder for its files.
#pragma once

#include "net/openssl.hpp"
#include "net/tls_context.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace postern::testing {

/// A folder that goes with its owner.
class Folder {
public:
    Folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "postern-test-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

/// A certificate with its key, in memory.
struct Issued {
    std::shared_ptr<X509> certificate;
    std::shared_ptr<EVP_PKEY> key;
    [[nodiscard]] std::string sha256() const { return net::fingerprint(certificate.get()); }
};

struct Wanted {
    std::string common_name = "test";
    std::string alternative_names = {};  ///< "DNS:mail.example,IP:127.0.0.1"
    bool authority = false;
    long from_days = -1;
    long to_days = 30;
};

inline void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/// Signed by `issuer`, or by itself.
inline Issued issue(const Wanted& wanted, const Issued* issuer = nullptr)
{
    static long serial = 1000;
    Issued made;
    made.key.reset(EVP_EC_gen("P-256"), FreeKey{});
    made.certificate.reset(X509_new(), net::FreeX509{});
    X509* certificate = made.certificate.get();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.from_days * 86'400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.to_days * 86'400);
    X509_set_pubkey(certificate, made.key.get());
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()), -1, -1, 0);
    X509* signer = issuer != nullptr ? issuer->certificate.get() : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    if (wanted.authority) add_extension(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
    if (!wanted.alternative_names.empty())
        add_extension(certificate, signer, NID_subject_alt_name, wanted.alternative_names);
    X509_sign(certificate, issuer != nullptr ? issuer->key.get() : made.key.get(), EVP_sha256());
    return made;
}

inline void write_certificate(const std::string& file, const Issued& issued, const char* mode = "w")
{
    std::FILE* out = std::fopen(file.c_str(), mode);
    PEM_write_X509(out, issued.certificate.get());
    std::fclose(out);
}

inline void write_key(const std::string& file, const Issued& issued)
{
    std::FILE* out = std::fopen(file.c_str(), "w");
    PEM_write_PrivateKey(out, issued.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
}

/// Appends a CRL of `authority` that names `revoked`.
inline void append_crl(const std::string& file, const Issued& authority, const Issued& revoked)
{
    X509_CRL* crl = X509_CRL_new();
    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority.certificate.get()));
    ASN1_TIME* time = ASN1_TIME_new();
    X509_gmtime_adj(time, -3600);
    X509_CRL_set1_lastUpdate(crl, time);
    X509_gmtime_adj(time, 86'400);
    X509_CRL_set1_nextUpdate(crl, time);
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked.certificate.get()));
    X509_gmtime_adj(time, -60);
    X509_REVOKED_set_revocationDate(entry, time);
    X509_CRL_add0_revoked(crl, entry);
    ASN1_TIME_free(time);
    X509_CRL_sign(crl, authority.key.get(), EVP_sha256());
    std::FILE* out = std::fopen(file.c_str(), "a");
    PEM_write_X509_CRL(out, crl);
    std::fclose(out);
    X509_CRL_free(crl);
}

/// A community's authority with a server and a client certificate, as files.
struct Pki {
    Folder folder;
    Issued authority = issue({.common_name = "Test Authority", .authority = true});
    Issued server = issue({.common_name = "mail.example", .alternative_names = "DNS:mail.example"}, &authority);
    Issued client =
        issue({.common_name = "client", .alternative_names = "DNS:Gate.Member.example,DNS:b.example"}, &authority);

    Pki() { write_certificate(authorities(), authority); }
    [[nodiscard]] std::string authorities() const { return folder.file("ca.pem"); }
    [[nodiscard]] net::KeyPair files(const std::string& name, const Issued& issued) const
    {
        write_certificate(folder.file(name + ".pem"), issued);
        write_key(folder.file(name + ".key"), issued);
        return {folder.file(name + ".pem"), folder.file(name + ".key")};
    }
    [[nodiscard]] net::KeyPair server_files() const { return files("server", server); }
    [[nodiscard]] net::KeyPair client_files() const { return files("client", client); }
};

}  // namespace postern::testing
