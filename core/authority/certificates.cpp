#include "authority/certificates.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <array>
#include <ctime>

namespace postern::authority {

namespace {

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using BigNumber = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Integer = std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>>;
using Enumerated = std::unique_ptr<ASN1_ENUMERATED, Freed<ASN1_ENUMERATED_free>>;
using Time = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;
using Name = std::unique_ptr<X509_NAME, Freed<X509_NAME_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Revoked = std::unique_ptr<X509_REVOKED, Freed<X509_REVOKED_free>>;

/// What OpenSSL says it failed at; its queue of errors is empty afterwards.
FaultBuilder openssl_fault(std::string_view what)
{
    std::array<char, 256> reason{};
    const unsigned long code = ERR_get_error();
    ERR_error_string_n(code, reason.data(), reason.size());
    ERR_clear_error();
    return fault(Retry::never, code == 0 ? std::string(what) : fmt::format("{}: {}", what, reason.data()));
}

Time to_time(Instant at)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    return Time(ASN1_TIME_set(nullptr, static_cast<std::time_t>(seconds)));
}

Result<Instant> to_instant(const ASN1_TIME* time)
{
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return openssl_fault("a time cannot be read");
    return Instant{std::chrono::seconds{timegm(&parts)}};
}

Integer to_integer(const std::string& serial)
{
    BIGNUM* number = nullptr;
    if (BN_hex2bn(&number, serial.c_str()) == 0) return nullptr;
    const BigNumber owned(number);
    return Integer(BN_to_ASN1_INTEGER(owned.get(), nullptr));
}

Integer to_integer(std::uint64_t number)
{
    Integer integer(ASN1_INTEGER_new());
    if (integer && ASN1_INTEGER_set_uint64(integer.get(), number) != 1) integer.reset();
    return integer;
}

/// A subject of a common name only; empty when the name is longer than X.509 lets it be.
Name make_name(const std::string& common_name)
{
    constexpr std::size_t longest = 64;  // RFC 5280 appendix A.1, ub-common-name
    Name name(X509_NAME_new());
    if (!name || common_name.size() > longest) return name;
    const auto* bytes = reinterpret_cast<const unsigned char*>(common_name.data());
    if (X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8, bytes,
                                   static_cast<int>(common_name.size()), -1, 0) != 1)
        name.reset();
    return name;
}

bool add_extension(X509& certificate, X509& issuer, int nid, const std::string& value)
{
    X509V3_CTX context{};
    X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

/// Everything but extensions and the signature.
bool fill(X509& certificate, EVP_PKEY& key, const std::string& serial, const X509_NAME* subject,
          const X509_NAME* issuer, Instant from, Instant until)
{
    const Integer number = to_integer(serial);
    const Time begin = to_time(from);
    const Time end = to_time(until);
    return number && begin && end && subject != nullptr && X509_set_version(&certificate, X509_VERSION_3) == 1 &&
           X509_set_serialNumber(&certificate, number.get()) == 1 &&
           X509_set_subject_name(&certificate, subject) == 1 && X509_set_issuer_name(&certificate, issuer) == 1 &&
           X509_set1_notBefore(&certificate, begin.get()) == 1 && X509_set1_notAfter(&certificate, end.get()) == 1 &&
           X509_set_pubkey(&certificate, &key) == 1;
}

std::string extended_usage(Use use)
{
    switch (use) {
        case Use::client:
            return "clientAuth";
        case Use::server:
            return "serverAuth";
        case Use::both:
            break;
    }
    return "clientAuth,serverAuth";
}

/// RFC 5280 section 5.3.1; -1 for unspecified, which is said by leaving the extension out.
int reason_code(std::string_view reason)
{
    if (reason == "keyCompromise") return CRL_REASON_KEY_COMPROMISE;
    if (reason == "affiliationChanged") return CRL_REASON_AFFILIATION_CHANGED;
    if (reason == "superseded") return CRL_REASON_SUPERSEDED;
    if (reason == "cessationOfOperation") return CRL_REASON_CESSATION_OF_OPERATION;
    return -1;
}

bool add_reason(X509_REVOKED& entry, std::string_view reason)
{
    const int code = reason_code(reason);
    if (code < 0) return true;
    const Enumerated value(ASN1_ENUMERATED_new());
    return value && ASN1_ENUMERATED_set(value.get(), code) == 1 &&
           X509_REVOKED_add1_ext_i2d(&entry, NID_crl_reason, value.get(), 0, 0) == 1;
}

bool add_revoked(X509_CRL& list, const Certificate& certificate)
{
    Revoked entry(X509_REVOKED_new());
    const Integer serial = to_integer(certificate.serial);
    const Time when = to_time(*certificate.revoked);
    if (!entry || !serial || !when || X509_REVOKED_set_serialNumber(entry.get(), serial.get()) != 1 ||
        X509_REVOKED_set_revocationDate(entry.get(), when.get()) != 1 || !add_reason(*entry, certificate.reason) ||
        X509_CRL_add0_revoked(&list, entry.get()) != 1)
        return false;
    static_cast<void>(entry.release());  // the list owns it now
    return true;
}

bool add_list_extensions(X509_CRL& list, X509& issuer, std::uint64_t number)
{
    X509V3_CTX context{};
    X509V3_set_ctx(&context, &issuer, nullptr, nullptr, &list, 0);
    const Extension issuer_key(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
    const Integer value = to_integer(number);
    return issuer_key && value && X509_CRL_add_ext(&list, issuer_key.get(), -1) == 1 &&
           X509_CRL_add1_ext_i2d(&list, NID_crl_number, value.get(), 0, 0) == 1;
}

/// The PEM text that `write` puts out.
template <class Write>
Result<std::string> pem_of(Write write)
{
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || write(bio.get()) != 1) return openssl_fault("PEM cannot be written");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    std::string text(data, static_cast<std::size_t>(size));
    return text;
}

Bio bio_over(std::string_view text)
{
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace

Result<Key> make_key()
{
    Key key(EVP_EC_gen("P-256"));
    if (!key) return openssl_fault("no key could be made");
    return key;
}

Result<std::string> make_serial()
{
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return openssl_fault("no random bytes");
    std::string serial;
    for (const unsigned char byte : bytes) serial += fmt::format("{:02X}", byte);
    return serial;
}

Result<X509Handle> make_root(EVP_PKEY& key, const std::string& name, Instant now, Duration valid_for)
{
    const auto serial = make_serial();
    if (!serial) return std::unexpected(serial.error());
    X509Handle root(X509_new());
    const Name subject = make_name(name);
    if (!root || !fill(*root, key, *serial, subject.get(), subject.get(), now - backdated, now + valid_for) ||
        !add_extension(*root, *root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(*root, *root, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(*root, *root, NID_subject_key_identifier, "hash") ||
        X509_sign(root.get(), &key, EVP_sha256()) == 0)
        return openssl_fault("the authority's certificate could not be made");
    return root;
}

Result<X509Handle> make_leaf(const Signer& signer, EVP_PKEY& key, const Certificate& certificate)
{
    X509Handle leaf(X509_new());
    X509& root = *signer.certificate;
    const Name subject = make_name(certificate.names.front());
    // RFC 5280 section 4.1.2.6: with an empty subject the alternative names are critical.
    std::string names = subject && X509_NAME_entry_count(subject.get()) == 0 ? "critical" : "";
    for (const auto& name : certificate.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
    if (!leaf ||
        !fill(*leaf, key, certificate.serial, subject.get(), X509_get_subject_name(&root), certificate.not_before,
              certificate.not_after) ||
        !add_extension(*leaf, root, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(*leaf, root, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(*leaf, root, NID_ext_key_usage, extended_usage(certificate.use)) ||
        !add_extension(*leaf, root, NID_subject_key_identifier, "hash") ||
        !add_extension(*leaf, root, NID_authority_key_identifier, "keyid:always") ||
        !add_extension(*leaf, root, NID_subject_alt_name, names) ||
        X509_sign(leaf.get(), signer.key.get(), EVP_sha256()) == 0)
        return openssl_fault("the certificate could not be made");
    return leaf;
}

Result<std::string> make_list(const Signer& signer, const std::vector<Certificate>& certificates, std::uint64_t number,
                              Instant now)
{
    const CrlHandle list(X509_CRL_new());
    const Time from = to_time(now);
    const Time until = to_time(now + list_valid_for);
    X509& root = *signer.certificate;
    bool good = list && from && until && X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(&root)) == 1 &&
                X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1 &&
                X509_CRL_set1_nextUpdate(list.get(), until.get()) == 1 && add_list_extensions(*list, root, number);
    for (const auto& certificate : certificates)
        if (good && certificate.revoked) good = add_revoked(*list, certificate);
    if (!good || X509_CRL_sort(list.get()) != 1 || X509_CRL_sign(list.get(), signer.key.get(), EVP_sha256()) == 0)
        return openssl_fault("the revocation list could not be made");
    return pem_of([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, list.get()); });
}

Result<std::string> to_pem(const X509& certificate)
{
    return pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, &certificate); });
}

Result<std::string> to_pem(const EVP_PKEY& key)
{
    return pem_of(
        [&](BIO* bio) { return PEM_write_bio_PKCS8PrivateKey(bio, &key, nullptr, nullptr, 0, nullptr, nullptr); });
}

Result<Key> key_from_pem(std::string_view pem)
{
    const Bio bio = bio_over(pem);
    // A key under a passphrase is refused rather than asked for: nobody may sit at this terminal.
    const auto no_passphrase = [](char*, int, int, void*) { return -1; };
    Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
    if (!key) return openssl_fault("holds no private key that can be read");
    return key;
}

Result<X509Handle> certificate_from_pem(std::string_view pem)
{
    const Bio bio = bio_over(pem);
    X509Handle certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!certificate) return openssl_fault("holds no certificate that can be read");
    return certificate;
}

Result<ListFacts> read_list(std::string_view pem, const Signer& signer)
{
    const Bio bio = bio_over(pem);
    const CrlHandle list(bio ? PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!list || X509_CRL_verify(list.get(), signer.key.get()) != 1)
        return openssl_fault("holds no revocation list of this authority");
    const Integer number(
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list.get(), NID_crl_number, nullptr, nullptr)));
    ListFacts facts;
    if (!number || ASN1_INTEGER_get_uint64(&facts.number, number.get()) != 1)
        return openssl_fault("holds a revocation list without number");
    const auto next_update = to_instant(X509_CRL_get0_nextUpdate(list.get()));
    if (!next_update) return std::unexpected(next_update.error());
    facts.next_update = *next_update;
    return facts;
}

Result<std::string> fingerprint(const X509& certificate)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) != 1) return openssl_fault("no digest");
    return to_hex(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

Result<Instant> not_after(const X509& certificate)
{
    return to_instant(X509_get0_notAfter(&certificate));
}

Result<void> check_signer(const Signer& signer)
{
    if (X509_check_private_key(signer.certificate.get(), signer.key.get()) != 1)
        return openssl_fault("ca.key and ca.pem do not belong together");
    if (X509_check_ca(signer.certificate.get()) != 1) return openssl_fault("ca.pem is not an authority's certificate");
    return {};
}

}  // namespace postern::authority
