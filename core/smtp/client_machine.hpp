// The client's side of one SMTP or LMTP connection, without the socket (RFC 5321, RFC 2033 and extensions).
//
// Owned by one delivery connection and used on its thread. It says when bytes are needed, gives output as pieces
// that need no copy of the content, and reports one outcome for each recipient, whatever happens. What the peer
// does wrong arrives as an event; a call out of order is a bug and throws std::logic_error.
//
//     ClientMachine client{config};
//     for (;;) {
//         if (client.has_output()) { write client.output(); client.wrote(); }
//         auto event = client.next();
//         if NeedInput:      read (deadline by client.waiting()), client.receive(bytes); on failure client.lost(fault)
//         if NeedTls:        handshake, client.secured()
//         if Ready:          client.start(transaction), or client.quit(), or keep the connection for later
//         if RecipientDone:  record it
//         if Closed, Failed: close the socket
//     }
#pragma once

#include "mail/envelope.hpp"
#include "mail/reply.hpp"
#include "smtp/capabilities.hpp"
#include "smtp/outgoing.hpp"
#include "smtp/reply_reader.hpp"
#include "vocabulary/login.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace postern::smtp {

enum class Protocol { smtp, lmtp };

struct ClientConfig {
    std::string name;  ///< what EHLO or LHLO says
    Protocol protocol = Protocol::smtp;
    bool tls_required = true;                  ///< STARTTLS before any mail; a server without it fails the connection
    bool secure = false;                       ///< the connection is under TLS already
    std::optional<vocabulary::Login> login{};  ///< said by AUTH PLAIN or LOGIN, under TLS only; needs tls_required
    ReplyLimits limits;
    std::size_t pipelined_commands = 100;  ///< RCPTs sent without waiting for replies (RFC 2920 section 3.1)
    std::size_t pipelined_content = std::size_t{64} * 1024;  ///< a BDAT content up to this goes with its envelope
};

/// One message for one server.
struct ClientTransaction {
    mail::Sender sender;  ///< `declared_size` is not used: SIZE says the content's size
    std::vector<mail::Recipient> recipients;
    std::vector<std::string_view> content;  ///< pieces in order, lines with CRLF; must outlive the transaction
    bool only_ask = false;                  ///< MAIL, RCPT, RSET: asks whether the recipients are known
};

/// More bytes are needed from the peer; write the output first.
struct ClientNeedInput {};
/// The server is ready for the handshake. Then secured(), or lost() if it fails.
struct NeedTls {};
/// Connected, or the last transaction is over: start(), quit() or wait.
struct Ready {};
/// What became of one recipient: given exactly once for each, in no promised order.
struct RecipientDone {
    std::size_t index = 0;       ///< in ClientTransaction::recipients
    mail::Reply reply;           ///< the peer's; or one made from `fault`
    std::optional<Fault> fault;  ///< set when the peer did not say it: connection lost, extension missing
    bool dsn_relayed = false;    ///< accepted by a server that offers DSN: reports of success are its duty now
};
/// QUIT was answered.
struct Closed {};
/// The connection is of no more use. `reply` is the peer's where one caused it (greeting, EHLO, STARTTLS, 421). The
/// fault is Retry::later even if that reply is a 5xx: it is about this connection and says nothing of a message.
struct Failed {
    Fault fault;
    std::optional<mail::Reply> reply;
};

using ClientEvent = std::variant<ClientNeedInput, NeedTls, Ready, RecipientDone, Closed, Failed>;

/// What the peer's next reply is to: decides how long to wait (RFC 5321 section 4.5.3.2).
enum class Waiting { nothing, greeting, hello, tls, auth, mail, recipient, data, content_end, reset, quit };

class ClientMachine {
public:
    explicit ClientMachine(ClientConfig config);

    /// After Ready. What the server's extensions cannot carry is not sent: its recipients are done with a fault
    /// (never): 5.6.3 8-bit without 8BITMIME, 5.6.7 SMTPUTF8, 5.7.30 REQUIRETLS, 5.3.4 over the server's SIZE.
    void start(ClientTransaction transaction);
    /// After Ready.
    void quit();

    void receive(std::string_view bytes);
    [[nodiscard]] ClientEvent next();
    /// After the handshake: what was learned before is forgotten and EHLO said anew (RFC 3207 section 4.2).
    void secured();
    /// The connection broke or a deadline passed: recipients without an outcome are done with `why`, then Failed.
    void lost(Fault why);

    /// Pieces to write, in order; valid until the next call of anything but output() and has_output().
    [[nodiscard]] std::vector<std::string_view> output() const;
    [[nodiscard]] bool has_output() const noexcept { return !outgoing_.empty(); }
    /// All of output() has been written.
    void wrote();

    [[nodiscard]] Waiting waiting() const noexcept;
    /// Of the last EHLO or LHLO.
    [[nodiscard]] const Capabilities& capabilities() const noexcept { return offered_; }
    [[nodiscard]] bool is_secure() const noexcept { return config_.secure; }
    /// Whether start() may be called.
    [[nodiscard]] bool is_ready() const noexcept { return state_ == State::ready; }

private:
    enum class State { opening, ready, transaction, tls, quitting, closed, failed };
    /// A command that was sent and whose reply is due.
    struct Due {
        Waiting what = Waiting::nothing;
        std::size_t index = 0;  ///< of the recipient, where the reply is to one
        bool helo = false;      ///< HELO, not EHLO or LHLO
    };

    void on_reply(const mail::Reply& reply);
    void on_greeting(const mail::Reply& reply);
    void on_hello(const mail::Reply& reply, bool helo);
    void on_tls(const mail::Reply& reply);
    void on_auth(const mail::Reply& reply);
    void on_mail(const mail::Reply& reply);
    void on_recipient(const mail::Reply& reply, std::size_t index);
    void on_data(const mail::Reply& reply);
    void on_content_end(const mail::Reply& reply);
    void on_reset(const mail::Reply& reply);
    void say_hello();
    void log_in();

    /// Decides what MAIL will say; the fault when the server cannot take this message.
    [[nodiscard]] std::optional<Fault> prepare();
    void begin();
    void go_on();
    void send_recipients();
    void send_recipient(std::size_t index);
    void send_content_command();
    void finish();
    void say(std::string_view command, Due due);
    [[nodiscard]] std::string mail_command() const;

    void done(std::size_t index, const mail::Reply& reply, const std::optional<Fault>& fault = std::nullopt);
    void all_done(const mail::Reply& reply, const std::optional<Fault>& fault = std::nullopt);
    void fail(const Fault& why, std::optional<mail::Reply> reply = std::nullopt);

    ClientConfig config_;
    Capabilities offered_;
    ReplyReader replies_;
    Outgoing outgoing_;
    std::deque<Due> due_;
    std::deque<ClientEvent> events_;
    std::optional<Failed> failure_;
    State state_ = State::opening;
    std::deque<std::string> login_lines_;  ///< that are still to be said

    // Of the current transaction.
    ClientTransaction transaction_;
    std::uint64_t content_size_ = 0;
    std::vector<bool> finished_;         ///< by recipient
    std::vector<std::size_t> accepted_;  ///< recipients with a positive reply
    std::size_t next_recipient_ = 0;     ///< the first that was not sent yet
    std::size_t answered_contents_ = 0;  ///< LMTP: how many of `accepted_` have their final reply
    bool say_utf8_ = false;
    bool say_8bit_ = false;
    bool mail_refused_ = false;
    bool content_commanded_ = false;  ///< DATA or BDAT was sent
    bool needs_reset_ = false;
};

}  // namespace postern::smtp
