#include "net/certificate_dates.hpp"

#include "net/openssl.hpp"
#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <ctime>

namespace postern::net {

std::optional<Instant> earliest_end(const std::string& pem_file)
{
    const std::unique_ptr<BIO, FreeBio> file(BIO_new_file(pem_file.c_str(), "r"));
    if (!file) {
        ERR_clear_error();
        return std::nullopt;
    }
    const std::unique_ptr<STACK_OF(X509_INFO), FreeInfos> infos(
        PEM_X509_INFO_read_bio(file.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    std::optional<Instant> earliest;
    for (int i = 0; infos && i < sk_X509_INFO_num(infos.get()); ++i) {
        const X509* certificate = sk_X509_INFO_value(infos.get(), i)->x509;
        std::tm parts{};
        if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) continue;
        const Instant ends = std::chrono::sys_seconds{std::chrono::seconds{::timegm(&parts)}};
        if (!earliest || ends < *earliest) earliest = ends;
    }
    return earliest;
}

std::optional<std::string> fingerprint_in(const std::string& file)
{
    const std::unique_ptr<BIO, FreeBio> pem(BIO_new_file(file.c_str(), "r"));
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        pem ? PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr) : nullptr, X509_free);
    ERR_clear_error();
    if (!certificate) return std::nullopt;
    return fingerprint(certificate.get());
}

}  // namespace postern::net
