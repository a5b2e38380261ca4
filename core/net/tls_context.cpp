#include "net/tls_context.hpp"

#include "base/text.hpp"
#include "net/openssl.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace postern::net {

namespace {

using vocabulary::HopTls;

constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// A key behind a passphrase is an error, never a prompt on somebody's terminal.
int no_passphrase(char*, int, int, void*)
{
    return -1;
}

FaultBuilder unusable(const std::string& what, const std::string& file)
{
    return fault(Retry::never, fmt::format("{}: {}", what, openssl_error("not usable"))).about(file);
}

std::optional<Fault> unreadable(const std::string& file)
{
    if (::access(file.c_str(), R_OK) == 0) return std::nullopt;
    return Fault(fault(Retry::never, fmt::format("can't be read: {}", std::strerror(errno))).about(file));
}

std::optional<Instant> to_instant(const ASN1_TIME* time)
{
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return from_micros(static_cast<std::int64_t>(::timegm(&parts)) * 1'000'000);
}

/// What both ends have in common.
SSL_CTX* make_context(const SSL_METHOD* method)
{
    // OpenSSL writes to sockets without MSG_NOSIGNAL: a peer that went away must not end the process.
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX* context = SSL_CTX_new(method);
    if (context == nullptr) throw std::bad_alloc();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, tls12_ciphers);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Moving buffers: pieces of one record may be gathered again after a wait.
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // resumption is by tickets, which hold no memory
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    return context;
}

std::optional<Fault> load_key_pair(SSL_CTX* context, const KeyPair& own)
{
    if (own.empty()) return std::nullopt;
    if (auto missing = unreadable(own.certificate)) return missing;
    if (auto missing = unreadable(own.key)) return missing;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, own.certificate.c_str()) != 1)
        return unusable("no PEM certificate chain", own.certificate);
    // Loading the key also compares it with the certificate.
    if (SSL_CTX_use_PrivateKey_file(context, own.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
            ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH)
            return unusable(fmt::format("is not the key of {}", own.certificate), own.key);
        return unusable("no PEM private key without passphrase", own.key);
    }
    if (SSL_CTX_check_private_key(context) != 1)
        return unusable(fmt::format("is not the key of {}", own.certificate), own.key);
    return std::nullopt;
}

/// Certificates and CRLs of a PEM file into the store that vouches for peers.
std::optional<Fault> load_authorities(SSL_CTX* context, const std::string& file)
{
    if (auto missing = unreadable(file)) return missing;
    ERR_clear_error();
    const std::unique_ptr<BIO, FreeBio> bio(BIO_new_file(file.c_str(), "r"));
    const std::unique_ptr<STACK_OF(X509_INFO), FreeInfos> infos(
        bio ? PEM_X509_INFO_read_bio(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
    if (!infos) return unusable("no PEM certificates", file);

    X509_STORE* store = SSL_CTX_get_cert_store(context);
    int certificates = 0;
    for (int i = 0; i < sk_X509_INFO_num(infos.get()); ++i) {
        const X509_INFO* info = sk_X509_INFO_value(infos.get(), i);
        if (info->x509 != nullptr && X509_STORE_add_cert(store, info->x509) == 1) ++certificates;
        if (info->crl != nullptr && X509_STORE_add_crl(store, info->crl) == 1)
            X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    }
    if (certificates == 0) return unusable("holds no certificate", file);
    return std::nullopt;
}

int first_problem_index()
{
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

/// Lets every client certificate pass but keeps its first problem as the verification's result. An authority
/// without a CRL, or one whose CRL is old, is no problem of the client's: what a CRL names stays revoked.
int record_problem(int ok, X509_STORE_CTX* chain)
{
    if (ok == 1) return 1;
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const auto earlier = static_cast<int>(reinterpret_cast<std::intptr_t>(SSL_get_ex_data(ssl, first_problem_index())));
    const int problem = X509_STORE_CTX_get_error(chain);
    const bool about_crl = problem == X509_V_ERR_UNABLE_TO_GET_CRL || problem == X509_V_ERR_CRL_HAS_EXPIRED;
    if (earlier != 0 || about_crl)
        X509_STORE_CTX_set_error(chain, earlier);
    else
        SSL_set_ex_data(ssl, first_problem_index(), reinterpret_cast<void*>(static_cast<std::intptr_t>(problem)));
    return 1;
}

/// The same leniency about CRLs for servers that we connect to; everything else fails the handshake.
int forgive_missing_crl(int ok, X509_STORE_CTX* chain)
{
    const int problem = X509_STORE_CTX_get_error(chain);
    if (ok == 1 || (problem != X509_V_ERR_UNABLE_TO_GET_CRL && problem != X509_V_ERR_CRL_HAS_EXPIRED)) return ok;
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
}

std::optional<Fault> load_trust(SSL_CTX* context, HopTls mode, const std::string& authorities)
{
    SSL_CTX_set_verify(context, mode == HopTls::pin ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, forgive_missing_crl);
    if (mode == HopTls::dane && SSL_CTX_dane_enable(context) != 1)
        return Fault(fault(Retry::never, openssl_error("DANE is not available")));
    if (mode != HopTls::verify) return std::nullopt;
    if (!authorities.empty()) return load_authorities(context, authorities);
    if (SSL_CTX_set_default_verify_paths(context) != 1)
        return Fault(fault(Retry::never, openssl_error("the system's certificate authorities can't be read")));
    return std::nullopt;
}

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const noexcept
{
    SSL_CTX_free(context);
}

TlsContext::TlsContext() = default;

Result<TlsContextPtr> TlsContext::server(const KeyPair& own, bool request_client, const std::string& authorities)
{
    const std::shared_ptr<TlsContext> made(new TlsContext);
    SSL_CTX* context = make_context(TLS_server_method());
    made->context_.reset(context);
    if (auto failed = load_key_pair(context, own)) return std::unexpected(*failed);
    if (request_client && !authorities.empty())
        if (auto failed = load_authorities(context, authorities)) return std::unexpected(*failed);
    if (request_client) SSL_CTX_set_verify(context, SSL_VERIFY_PEER, record_problem);
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // Tickets are bound to this context's keys, so a reload (new authorities) ends what older ones could resume.
    constexpr std::string_view session_context = "postern";
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(session_context.data()),
                                   static_cast<unsigned>(session_context.size()));
    SSL_CTX_set_num_tickets(context, 1);
    made->not_after_ = to_instant(X509_get0_notAfter(SSL_CTX_get0_certificate(context)));
    return made;
}

Result<TlsContextPtr> TlsContext::closed_server(const KeyPair& own, const std::string& trusted)
{
    const std::shared_ptr<TlsContext> made(new TlsContext);
    SSL_CTX* context = make_context(TLS_server_method());
    made->context_.reset(context);
    if (auto failed = load_key_pair(context, own)) return std::unexpected(*failed);
    if (auto failed = load_authorities(context, trusted)) return std::unexpected(*failed);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, forgive_missing_crl);
    // A certificate in the file counts for itself, whoever signed it.
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    made->not_after_ = to_instant(X509_get0_notAfter(SSL_CTX_get0_certificate(context)));
    return made;
}

Result<TlsContextPtr> TlsContext::client(HopTls mode, const std::string& authorities, const KeyPair& own)
{
    if (mode == HopTls::none) return fault(Retry::never, "a hop without TLS needs no TLS context");
    const std::shared_ptr<TlsContext> made(new TlsContext);
    SSL_CTX* context = make_context(TLS_client_method());
    made->context_.reset(context);
    made->mode_ = mode;
    if (auto failed = load_key_pair(context, own)) return std::unexpected(*failed);
    if (auto failed = load_trust(context, mode, authorities)) return std::unexpected(*failed);
    if (!own.empty()) made->not_after_ = to_instant(X509_get0_notAfter(SSL_CTX_get0_certificate(context)));
    return made;
}

bool TlsContext::covers(const std::string& name) const
{
    X509* own = SSL_CTX_get0_certificate(context_.get());
    return own != nullptr && X509_check_host(own, name.data(), name.size(), 0, nullptr) == 1;
}

Result<TlsContextPtr> ClientContexts::get(HopTls mode, const std::string& ca_file)
{
    const std::string& authorities = ca_file.empty() ? authorities_ : ca_file;
    const std::string key = std::to_string(static_cast<int>(mode)) + (mode == HopTls::verify ? authorities : "");
    const std::lock_guard lock(mutex_);
    if (const auto known = contexts_.find(key); known != contexts_.end()) return known->second;
    auto made = TlsContext::client(mode, authorities, own_);
    if (!made)
        return fault(Retry::later, "TLS to next hops can't be set up")
            .tell_peer(54, {7, 5}, "TLS to the next hop can't be set up at the moment")
            .because(made.error());
    contexts_.emplace(key, *made);
    return *made;
}

std::string fingerprint(X509* certificate)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
    return to_hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::vector<std::string> dns_names(X509* certificate)
{
    std::vector<std::string> found;
    const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int kind = 0;
        const auto* text =
            static_cast<const ASN1_IA5STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind));
        if (kind != GEN_DNS) continue;
        const std::string_view name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                    static_cast<std::size_t>(ASN1_STRING_length(text)));
        // A NUL inside a name is an old trick to show different readers different names.
        if (std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F; })) found.push_back(to_lower(name));
    }
    return found;
}

}  // namespace postern::net
