// What both ends of a TLS handshake are set up from: certificates, keys, authorities, rules.
//
// Contexts are immutable, shared by all threads, and built anew at each reload; connections keep the one they
// began with. Loading reads files and is done off the I/O threads or at start. Faults (never) name the file.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "vocabulary/next_hop.hpp"

#include <openssl/types.h>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace postern::net {

/// A PEM certificate chain and its PEM key; both empty: none.
struct KeyPair {
    std::string certificate;  ///< path; the leaf first
    std::string key;          ///< path
    [[nodiscard]] bool empty() const noexcept { return certificate.empty(); }
};

/// Parameters of handshakes, TLS 1.2 or later.
class TlsContext {
public:
    /// For a listener. With `request_client` each client is asked for its certificate, and the handshake goes on
    /// whatever it shows: Stream::peer_certificate() tells whether one of `authorities` vouches for it. That PEM
    /// file (empty: nobody is trusted) may hold CRLs beside certificates; what they revoke is not trusted.
    [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> server(const KeyPair& own, bool request_client,
                                                                          const std::string& authorities);
    /// For a server that only chosen clients may use: the handshake fails for a client whose certificate neither is
    /// in `trusted` nor comes from an authority in it, is out of date, is for servers only, or is revoked by a CRL that
    /// `trusted` holds. Nothing is resumed.
    [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> closed_server(const KeyPair& own,
                                                                                 const std::string& trusted);
    /// For next hops. `authorities`: PEM file, for `verify`; empty: those of the system. `own` is shown to servers
    /// that ask for it. HopTls::none is an error.
    [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> client(vocabulary::HopTls mode,
                                                                          const std::string& authorities,
                                                                          const KeyPair& own);

    /// When our own certificate (the leaf) expires; nothing without one. In the past: peers will refuse it.
    [[nodiscard]] std::optional<Instant> not_after() const noexcept { return not_after_; }
    /// Whether our own certificate is valid for this DNS name.
    [[nodiscard]] bool covers(const std::string& name) const;
    /// What a client context demands of its peer; `none` for a server's.
    [[nodiscard]] vocabulary::HopTls mode() const noexcept { return mode_; }
    [[nodiscard]] SSL_CTX* native() const noexcept { return context_.get(); }

private:
    TlsContext();
    struct Free {
        void operator()(SSL_CTX* context) const noexcept;
    };
    std::unique_ptr<SSL_CTX, Free> context_;
    std::optional<Instant> not_after_;
    vocabulary::HopTls mode_ = vocabulary::HopTls::none;
};

using TlsContextPtr = std::shared_ptr<const TlsContext>;

/// The client contexts of one policy generation, each made when it is first asked for. Thread-safe.
class ClientContexts {
public:
    /// `authorities`: node.yaml's, for hops that declare none. `own`: shown to next hops that ask.
    ClientContexts(std::string authorities, KeyPair own) : authorities_(std::move(authorities)), own_(std::move(own)) {}
    /// Fault (later: mail waits until the file is mended) if a file is unusable.
    [[nodiscard]] Result<TlsContextPtr> get(vocabulary::HopTls mode, const std::string& ca_file);

private:
    std::string authorities_;
    KeyPair own_;
    std::mutex mutex_;
    std::unordered_map<std::string, TlsContextPtr> contexts_;
};

/// SHA-256 of a certificate's DER form, lower-case hexadecimal: what pins are made of.
[[nodiscard]] std::string fingerprint(X509* certificate);
/// The DNS names of a certificate (subjectAltName), lower case; any with a control or a NUL inside is left out.
[[nodiscard]] std::vector<std::string> dns_names(X509* certificate);

}  // namespace postern::net
