// The ways out that are not mail: a webhook and syslog.
//
// Coroutines on the engine's own thread. What the network does wrong is a Fault (later), and the engine tries again; an
// answer that says the request itself is wrong is a Fault (never).
#pragma once

#include "alert/dkim.hpp"
#include "alert/letter.hpp"
#include "net/dns.hpp"
#include "net/tls_context.hpp"
#include "store/alert_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

namespace postern::alert {

/// What is read from the files that alerts.yaml names: once for each generation. Immutable; all threads.
struct Keys {
    std::optional<Signer> signer;
    std::string webhook_key;
    net::TlsContextPtr webhook_tls;
    net::TlsContextPtr syslog_tls;

    /// Fault (never) names the file.
    [[nodiscard]] static Result<std::shared_ptr<const Keys>> load(const vocabulary::AlertPolicy& policy);
};

/// What is posted: JSON with id, rule, event, severity, time, object, text, fields, suppressed, escalation, service,
/// node.
[[nodiscard]] std::string webhook_body(const store::AlertRecord& alert, bool escalation, const Service& service);
/// "sha256=" and the HMAC-SHA256 of the body in hexadecimal.
[[nodiscard]] std::string webhook_signature(const std::string& key, const std::string& body);
/// One attempt: any 2xx is a success. A redirect is not followed.
[[nodiscard]] boost::asio::awaitable<Result<void>> post_webhook(net::Dns& dns, vocabulary::Webhook webhook,
                                                                std::shared_ptr<const Keys> keys, std::string body);

/// RFC 5424 for a server, the form of syslog(3) for the local socket.
[[nodiscard]] std::string syslog_line(const store::AlertRecord& alert, bool escalation, const Service& service,
                                      const vocabulary::Syslog& syslog);
[[nodiscard]] boost::asio::awaitable<Result<void>> write_syslog(net::Dns& dns, vocabulary::Syslog syslog,
                                                                std::shared_ptr<const Keys> keys, std::string line);

}  // namespace postern::alert
