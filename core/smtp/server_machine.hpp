// The server's side of one SMTP connection, without the socket (RFC 5321 and the extensions it offers).
//
// Owned by one session and used on its thread. The session reads bytes into it, asks for the next event, answers
// the events that need an answer, and writes what take_output() gives. What a client does wrong is answered by
// the machine itself; a call out of order by the session is a bug and throws std::logic_error.
//
//     ServerMachine machine{config};
//     machine.greet();
//     for (;;) {
//         auto event = machine.next();
//         if NeedInput:  write take_output(), read, machine.receive(bytes)
//         if StartTls:   write take_output(), handshake, machine.secured()
//         if Close:      write take_output(), close
//         if Hello, MailCommand, RecipientCommand, ContentBegins, Content:  ..., machine.answer(reply)
//         if Reset, ContentRefused:  forget the transaction; already answered
//     }
//
// Memory: one command line, one content within its limit, and replies not yet taken. next() never consumes a
// command before the one in front of it is answered.
#pragma once

#include "mail/envelope.hpp"
#include "mail/reply.hpp"
#include "smtp/capabilities.hpp"
#include "smtp/command.hpp"
#include "smtp/content.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace postern::smtp {

/// What one connection may use. All are for the whole session unless said otherwise.
struct ServerLimits {
    std::size_t command_line = 4096;                    ///< bytes of one command line, CRLF included
    std::size_t content_line = std::size_t{64} * 1024;  ///< bytes of one line of content, without CRLF
    std::uint64_t message_size = 10ULL * 1024 * 1024;   ///< bytes; advertised by SIZE
    std::size_t recipients = 200;                       ///< accepted recipients of one transaction
    unsigned errors = 20;     ///< bad commands that are answered; the next one is answered 421
    unsigned commands = 300;  ///< commands in a row that move no mail (accepted MAIL and RCPT do not count); then 421
};

struct ServerConfig {
    std::string name;  ///< the server's host name, in the greeting and the replies to HELO and EHLO
    ServerLimits limits;
    bool tls_available = false;  ///< STARTTLS is offered while the connection is not secure
    bool tls_required = false;   ///< before TLS, everything that leads to mail is answered 530 5.7.0
    bool secure = false;         ///< the connection is under TLS already
    bool allow_nul = false;      ///< NUL bytes in content are taken
};

/// No event until more bytes come. Output may be waiting.
struct NeedInput {};
/// HELO or EHLO; any transaction is forgotten. Answer: a positive reply of any text lets the machine write the
/// RFC's own; a negative one is sent as it is.
struct Hello {
    std::string name;
    bool esmtp = false;
};
/// MAIL FROM. Answer needed; a positive one opens the transaction. set_size_limit() may come before or later.
struct MailCommand {
    mail::Sender sender;
};
/// RCPT TO. Answer needed.
struct RecipientCommand {
    mail::Recipient recipient;
};
/// DATA or the first BDAT of a transaction that has recipients. Answer needed: positive takes the content (the
/// machine says 354 itself), negative refuses it; after a refused DATA the transaction stands as it was, a
/// refused BDAT has its chunk skipped and ends the transaction as far as the session is concerned.
struct ContentBegins {
    bool chunked = false;
};
/// The complete content, unstuffed, every line ending in CRLF. Answer needed; it ends the transaction.
struct Content {
    std::string bytes;
    bool completed_last_line = false;  ///< the last CRLF was not sent by the client (possible with BDAT only)
};
/// The content was not acceptable and `reply` has been given; the transaction is over.
struct ContentRefused {
    mail::Reply reply;
};
/// RSET, answered already: the transaction is over.
struct Reset {};
/// STARTTLS, answered already (220). Write the output, do the handshake, then call secured(). When it fails, close.
struct StartTls {};
/// Write the output and close. Every later next() says the same.
struct Close {};

using Event = std::variant<NeedInput, Hello, MailCommand, RecipientCommand, ContentBegins, Content, ContentRefused,
                           Reset, StartTls, Close>;

class ServerMachine {
public:
    explicit ServerMachine(ServerConfig config);

    /// 220 and the server's name. Exactly one of greet() and refuse() comes first.
    void greet();
    /// Turns the client away. After 421 the next event is Close; after another code the client may only QUIT and
    /// everything else is answered 503 (RFC 5321 section 3.1), at most three times.
    void refuse(const mail::Reply& reply);

    /// Appends input. Meant to be called after NeedInput; more input than that is kept, not lost.
    void receive(std::string_view bytes);
    /// Consumes input up to the next thing that the session must do.
    [[nodiscard]] Event next();
    /// Answers the last event. A 421 is followed by Close.
    void answer(const mail::Reply& reply);

    /// The largest content of this transaction, from now on; `text` names the limit and whose it is, and is told
    /// to a client that goes over it (552 5.3.4). Call it before the content's beginning is
    /// answered; it holds until the transaction ends. Returns false when the size
    /// that MAIL declared is over it already: the session then answers size_reply().
    bool set_size_limit(std::uint64_t bytes, std::string text);
    /// 552 5.3.4 with the text in force.
    [[nodiscard]] mail::Reply size_reply() const;

    /// After the handshake: everything said or buffered before is forgotten (RFC 3207 section 4.2).
    void secured();
    /// Ends the session from this side: `reply` (421: shutting down, too slow) is written and Close follows. In
    /// the middle of a content too; the transaction is lost then.
    void close(const mail::Reply& reply);

    /// Replies that are waiting to be written, in order. Replies to pipelined commands come out together.
    [[nodiscard]] std::string take_output();
    [[nodiscard]] bool has_output() const noexcept { return !output_.empty(); }
    /// Input that was received and not consumed: before greet(), a client that talks too early.
    [[nodiscard]] bool has_input() const noexcept { return consumed_ < input_.size(); }
    /// Whether MAIL was accepted and the transaction not ended.
    [[nodiscard]] bool in_transaction() const noexcept { return phase_ >= Phase::mail && phase_ <= Phase::chunks; }
    /// Whether bytes of a content are awaited: the session gives them another deadline than commands.
    [[nodiscard]] bool in_content() const noexcept { return mode_ == Mode::data || mode_ == Mode::chunk; }
    [[nodiscard]] bool is_secure() const noexcept { return config_.secure; }
    /// Bytes of the current content so far.
    [[nodiscard]] std::uint64_t content_bytes() const noexcept { return reader_ ? reader_->size() : 0; }
    [[nodiscard]] unsigned errors() const noexcept { return errors_; }
    /// Bytes of heap that the machine owns now, its configuration left out.
    [[nodiscard]] std::size_t heap_bytes() const noexcept;

private:
    enum class Phase { fresh, refused, greeted, mail, recipients, chunks, broken };
    enum class Mode { command, discard, data, chunk, skip_chunk };
    enum class Pending { greeting, none, hello, mail, recipient, content_begins, content };

    // Input, by mode: the event it completes, NeedInput, or nothing when there is more to do at once.
    std::optional<Event> next_in_command();
    std::optional<Event> discard_line();
    std::optional<Event> next_in_data();
    std::optional<Event> next_in_chunk();
    std::optional<Event> next_in_skipped();

    // Commands: the event they cause, or nothing when the machine has answered.
    std::optional<Event> dispatch(std::string_view line);
    std::optional<Event> dispatch(const CommandLine& command);
    std::optional<Event> on_mail_command(const CommandLine& command);
    std::optional<Event> on_hello(std::string_view argument, bool esmtp);
    std::optional<Event> on_mail(std::string_view argument);
    std::optional<Event> on_rcpt(std::string_view argument);
    std::optional<Event> on_data(std::string_view argument);
    std::optional<Event> on_bdat(std::string_view argument);
    std::optional<Event> on_starttls(std::string_view argument);
    std::optional<Event> on_rset(std::string_view argument);
    std::optional<Event> on_quit(std::string_view argument);
    void answer_information(const CommandLine& command);
    [[nodiscard]] std::optional<mail::Reply> objection_to_bdat() const;
    [[nodiscard]] bool awaits_tls() const noexcept { return config_.tls_required && !config_.secure; }

    std::optional<Event> finish_content();
    Event fail_content(const mail::Reply& reply);
    void answer_hello(const mail::Reply& reply);
    void answer_content_begins(const mail::Reply& reply);
    void begin_chunk();
    void skip_chunk(const mail::Reply& reply, bool error);
    void feed_content(std::string_view& bytes);

    void say(const mail::Reply& reply);
    void say_idle(const mail::Reply& reply);
    void error(const mail::Reply& reply);
    void end_transaction();
    void release_memory();
    [[nodiscard]] std::string_view pending_input() const noexcept;
    [[nodiscard]] Capabilities offered() const;
    [[nodiscard]] ContentLimits content_limits() const noexcept;

    ServerConfig config_;
    std::string input_;
    std::size_t consumed_ = 0;
    std::size_t scanned_ = 0;  ///< how far beyond consumed_ no line end was found
    std::string output_;
    std::optional<ContentReader> reader_;
    std::optional<mail::Reply> after_chunk_;
    std::optional<std::uint64_t> declared_size_;
    std::uint64_t size_limit_ = 0;
    std::string size_text_;
    Chunk chunk_;  ///< `size` counts down to the chunk's end
    std::size_t recipients_ = 0;
    unsigned errors_ = 0;
    unsigned idle_commands_ = 0;
    Phase phase_ = Phase::fresh;
    Mode mode_ = Mode::command;
    Pending pending_ = Pending::greeting;
    std::optional<bool> esmtp_;  ///< HELO or EHLO, once accepted
    bool hello_esmtp_ = false;   ///< of the Hello that waits for an answer
    bool chunked_ = false;       ///< the content comes by BDAT
    bool smtputf8_ = false;
    bool after_chunk_is_error_ = false;
    bool awaiting_tls_ = false;
    bool closing_ = false;
};

}  // namespace postern::smtp
