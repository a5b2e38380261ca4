// What a session asks of the gateway: one Reception for each connection.
//
// The session owns its Reception, calls it on its own thread and awaits each call before the next; the gateway
// implements it. Nothing here knows a socket.
#pragma once

#include "mail/envelope.hpp"
#include "mail/reply.hpp"
#include "vocabulary/node.hpp"
#include "vocabulary/units.hpp"

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::ports {

/// Who is at the other end, as the socket shows it.
struct Peer {
    vocabulary::Ip ip;
    std::uint16_t port = 0;
    std::string listener;  ///< name of the listener it came in by
};

/// What the TLS handshake showed.
struct TlsShown {
    std::string description;  ///< "TLSv1.3 TLS_AES_256_GCM_SHA384"
    bool certificate_trusted = false;
    std::vector<std::string> certificate_names;  ///< DNS names, lower case
    std::string certificate_sha256;              ///< lower-case hexadecimal; empty: none shown
};

/// What a transaction may weigh, with the text that names the limit and whose it is.
struct TransactionLimit {
    std::uint64_t bytes = 0;
    std::string text;
};

class Reception {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    virtual ~Reception() = default;

    /// Whether this client must use TLS before it may say anything about mail (530). False for a stranger, who
    /// is to learn nothing.
    [[nodiscard]] virtual bool asks_for_tls() const = 0;
    virtual void secured(TlsShown shown) = 0;
    virtual void hello(std::string name, bool esmtp) = 0;
    [[nodiscard]] virtual Async<mail::Reply> sender(mail::Sender sender) = 0;
    /// After a positive answer to sender().
    [[nodiscard]] virtual TransactionLimit limit() const = 0;
    [[nodiscard]] virtual Async<mail::Reply> recipient(mail::Recipient recipient) = 0;
    /// Positive: the content may come.
    [[nodiscard]] virtual mail::Reply content_begins() = 0;
    [[nodiscard]] virtual Async<mail::Reply> finish(std::string content) = 0;
    /// The transaction, if any, is over without content: RSET, a new EHLO, a refused content, the end of the
    /// connection.
    virtual void forget() = 0;
};

/// Makes Receptions. Called on the session's thread.
class Receptionist {
public:
    virtual ~Receptionist() = default;
    [[nodiscard]] virtual std::unique_ptr<Reception> receive(Peer peer, bool clear_text_declared) = 0;
};

}  // namespace postern::ports
