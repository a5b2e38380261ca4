// The connection that hands mail to a next hop, by SMTP or LMTP, over a hop that has proved itself.
//
// Owned by one worker coroutine on one thread. What the network or the peer does wrong is a value: a failure to
// open, or a fault for each recipient. The message is never said to be delivered unless the peer's reply says so.
#pragma once

#include "mail/envelope.hpp"
#include "mail/reply.hpp"
#include "net/endpoint.hpp"
#include "net/stream.hpp"
#include "smtp/client_machine.hpp"
#include "vocabulary/next_hop.hpp"

#include <boost/asio/awaitable.hpp>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::deliver {

/// How long each step may take (RFC 5321 section 4.5.3.2). One value for the engine; tests shorten them.
struct Timeouts {
    Duration connect{std::chrono::seconds{30}};
    Duration handshake{std::chrono::seconds{30}};
    Duration greeting{std::chrono::minutes{5}};
    Duration command{std::chrono::minutes{5}};       ///< EHLO, STARTTLS, MAIL, RCPT, RSET
    Duration data{std::chrono::minutes{2}};          ///< the reply to DATA
    Duration block{std::chrono::minutes{3}};         ///< for each 64 KiB written
    Duration content_end{std::chrono::minutes{10}};  ///< the reply to the end of the content
    Duration quit{std::chrono::seconds{10}};
};

/// Who we are to next hops.
/// Not an aggregate, since g++ 12 copies braced aggregates inside a co_await expression bit by bit.
struct Identity {
    explicit Identity(std::string our_name, net::TlsContextPtr context = nullptr)
        : name(std::move(our_name)), tls(std::move(context))
    {
    }

    std::string name;                        ///< what EHLO says
    std::optional<vocabulary::Login> login;  ///< for AUTH, where the hop names credentials
    net::TlsContextPtr tls;  ///< of the hop's mode (ClientContexts::get), with our certificate; null for HopTls::none
};

/// Why an endpoint could not be used.
struct OpenFailure {
    Fault fault;                       ///< later, 4.4.x or 4.7.x; never for a hop that refuses us for good
    bool unproved = false;             ///< TLS missing, too old or unverified: worth an alert
    std::string endpoint;              ///< "mail.greenstonechambers.co.uk [192.0.2.1]:25"
    std::optional<mail::Reply> reply;  ///< of the peer, where one caused it
};

/// What became of one recipient.
struct RecipientResult {
    mail::Reply reply;           ///< the peer's, or made from `fault`
    std::optional<Fault> fault;  ///< set when it was not the peer who said it
    bool dsn_relayed = false;    ///< the peer offers DSN: reports of success are its duty now (RFC 3461 section 5.2.2)
};

struct TransactionResult {
    std::vector<RecipientResult> recipients;  ///< as in the transaction
    /// A connection kept open turned out to be closed before it answered anything: no attempt was made. Open
    /// another. `recipients` then hold the faults all the same.
    bool stale = false;
    std::optional<Fault> broken;  ///< why the connection can't be used any more, if it failed
};

class Connection {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;
    using Opened = std::expected<std::unique_ptr<Connection>, OpenFailure>;

    /// Tries the endpoints in order (at most 10) until one connects, greets, and has proved itself; never clear
    /// text unless the hop declares HopTls::none and the endpoint is on loopback or a local socket. The failure
    /// is the one that matters most: unproved before the others. Arguments by reference must live until it returns.
    [[nodiscard]] static Async<Opened> open(const vocabulary::NextHop& hop, const std::vector<net::Endpoint>& endpoints,
                                            Identity identity, Timeouts timeouts = {});

    /// Sends one message. Content pieces must live until it returns. After it, look at reusable().
    [[nodiscard]] Async<TransactionResult> send(smtp::ClientTransaction transaction);
    /// Asks the server whether it knows an address: MAIL FROM:<>, RCPT, RSET.
    [[nodiscard]] Async<TransactionResult> verify(mail::Address address);
    /// Whether another transaction may be sent: it is in order, and below the hop's messages_per_connection.
    [[nodiscard]] bool reusable() const noexcept;
    /// QUIT, politely but not for long; then closes. Destroying a connection without it is fine, if rude.
    [[nodiscard]] Async<void> quit();

    [[nodiscard]] const net::Endpoint& endpoint() const noexcept { return endpoint_; }
    /// "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: clear text.
    [[nodiscard]] const std::string& tls() const noexcept { return tls_; }
    [[nodiscard]] const smtp::Capabilities& capabilities() const noexcept { return machine_.capabilities(); }
    /// Endpoints tried in vain before this one; those unproved are worth an alert although mail flows.
    [[nodiscard]] const std::vector<OpenFailure>& passed_over() const noexcept { return passed_over_; }

private:
    Connection(net::Stream stream, net::Endpoint endpoint, smtp::ClientConfig config, Timeouts timeouts, unsigned most);

    static Async<Opened> open_one(const vocabulary::NextHop& hop, const net::Endpoint& endpoint,
                                  const Identity& identity, Timeouts timeouts);
    Async<std::optional<OpenFailure>> greet(const vocabulary::NextHop& hop, net::TlsContextPtr tls);
    Async<std::optional<OpenFailure>> secure(const vocabulary::NextHop& hop, net::TlsContextPtr tls);
    Async<TransactionResult> run(smtp::ClientTransaction transaction);
    /// A peer that stops reading in mid-content has often said why.
    Async<void> hear_last_words(TransactionResult& result, Fault why);
    Async<Result<void>> write_output();
    Async<Result<void>> read_reply();
    [[nodiscard]] Duration patience() const noexcept;

    net::Stream stream_;
    net::Endpoint endpoint_;
    smtp::ClientMachine machine_;
    Timeouts timeouts_;
    std::string tls_;
    std::vector<OpenFailure> passed_over_;
    unsigned most_ = 1;
    unsigned sent_ = 0;
    bool heard_ = false;  ///< the peer said something in this transaction
};

}  // namespace postern::deliver
