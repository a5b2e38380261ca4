// Command lines: where they end, in which order they may come, what the machine answers by itself.
#include "base/text.hpp"
#include "smtp/server_machine.hpp"

#include <fmt/format.h>

namespace postern::smtp {

namespace {

using mail::Reply;

const Status bad_order{5, 1};

Reply wrong_order(std::string text)
{
    return Reply::of(503, bad_order, std::move(text));
}

/// A chunk of unknown size may follow: nothing behind such a line can be told from commands.
bool may_be_bdat(std::string_view line) noexcept
{
    return iequals(trim(line.substr(0, 64)).substr(0, 4), "BDAT");
}

bool leads_to_mail(Verb verb) noexcept
{
    switch (verb) {
        case Verb::mail:
        case Verb::rcpt:
        case Verb::data:
        case Verb::bdat:
        case Verb::vrfy:
        case Verb::expn:
        case Verb::help:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::optional<Event> ServerMachine::next_in_command()
{
    const std::string_view text = pending_input();
    const std::size_t lf = text.find('\n', scanned_);
    const bool complete = lf != text.npos;
    const std::size_t length = complete ? lf + 1 : text.size();
    const bool too_long = complete ? length > config_.limits.command_line : length >= config_.limits.command_line;
    const bool bare_lf = complete && (lf == 0 || text[lf - 1] != '\r');
    if (too_long || bare_lf) {
        // The line's true end, CRLF, may still be to come; nothing in front of it is a command.
        scanned_ = 0;
        mode_ = Mode::discard;
        error(Reply::of(500, {5, 2}, too_long ? "The command line is too long" : "A line ends in CR LF, not in LF"));
        if (may_be_bdat(text.substr(0, lf))) closing_ = true;
        return std::nullopt;
    }
    if (!complete) {
        scanned_ = length;
        return NeedInput{};
    }
    scanned_ = 0;
    consumed_ += length;
    return dispatch(text.substr(0, lf - 1));
}

std::optional<Event> ServerMachine::discard_line()
{
    const std::string_view text = pending_input();
    const std::size_t end = text.find("\r\n");
    if (end == text.npos) {
        consumed_ += text.size() - (text.ends_with('\r') ? 1 : 0);
        return NeedInput{};
    }
    consumed_ += end + 2;
    mode_ = Mode::command;
    return std::nullopt;
}

std::optional<Event> ServerMachine::dispatch(std::string_view line)
{
    const auto command = split_command(line);
    if (command && command->verb == Verb::quit) return on_quit(command->argument);
    if (idle_commands_ >= config_.limits.commands) {
        say(Reply::of(421, {7, 0}, "Too many commands without mail"));
        return std::nullopt;
    }
    if (command && (command->verb != Verb::unknown || !may_be_bdat(line))) return dispatch(*command);
    error(command ? Reply::of(500, {5, 2}, "Command not recognised") : Reply::from(command.error()));
    if (may_be_bdat(line)) closing_ = true;
    return std::nullopt;
}

std::optional<Event> ServerMachine::dispatch(const CommandLine& command)
{
    switch (command.verb) {
        case Verb::foreign:
            say(Reply::of(421, {7, 0}, "This is a mail server"));
            return std::nullopt;
        case Verb::bdat:
            return on_bdat(command.argument);
        default:
            break;
    }
    if (phase_ == Phase::refused) {
        error(wrong_order("This server does not talk to you; only QUIT is left"));
        return std::nullopt;
    }
    if (awaits_tls() && leads_to_mail(command.verb)) {
        error(Reply::of(530, {7, 0}, "Say STARTTLS first"));
        return std::nullopt;
    }
    return on_mail_command(command);
}

std::optional<Event> ServerMachine::on_mail_command(const CommandLine& command)
{
    switch (command.verb) {
        case Verb::helo:
        case Verb::ehlo:
            return on_hello(command.argument, command.verb == Verb::ehlo);
        case Verb::mail:
            return on_mail(command.argument);
        case Verb::rcpt:
            return on_rcpt(command.argument);
        case Verb::data:
            return on_data(command.argument);
        case Verb::rset:
            return on_rset(command.argument);
        case Verb::starttls:
            return on_starttls(command.argument);
        default:
            answer_information(command);
            return std::nullopt;
    }
}

void ServerMachine::answer_information(const CommandLine& command)
{
    switch (command.verb) {
        case Verb::noop:
            return say_idle(Reply::of(250, {0, 0}, "Ok"));
        case Verb::help:
            return say_idle(Reply::of(214, {0, 0}, "This server speaks SMTP as RFC 5321 says"));
        case Verb::vrfy:
            return say_idle(Reply::of(252, {0, 0}, "Send the mail and see"));
        case Verb::expn:
        case Verb::unimplemented:
            return error(Reply::of(502, bad_order, "This command is not offered here"));
        default:
            return error(Reply::of(500, bad_order, "Command not recognised"));
    }
}

std::optional<Event> ServerMachine::on_hello(std::string_view argument, bool esmtp)
{
    auto name = parse_hello(argument);
    if (!name) {
        error(Reply::from(name.error()));
        return std::nullopt;
    }
    end_transaction();
    hello_esmtp_ = esmtp;
    pending_ = Pending::hello;
    return Hello{std::move(*name), esmtp};
}

std::optional<Event> ServerMachine::on_mail(std::string_view argument)
{
    if (phase_ != Phase::greeted) {
        error(wrong_order(phase_ < Phase::greeted ? "Say EHLO first" : "A transaction is open already"));
        return std::nullopt;
    }
    auto sender = parse_mail(argument, offered());
    if (!sender) {
        error(Reply::from(sender.error()));
        return std::nullopt;
    }
    if (sender->declared_size && *sender->declared_size > size_limit_) {
        say_idle(size_reply());
        return std::nullopt;
    }
    declared_size_ = sender->declared_size;
    smtputf8_ = sender->smtputf8;
    pending_ = Pending::mail;
    return MailCommand{std::move(*sender)};
}

std::optional<Event> ServerMachine::on_rcpt(std::string_view argument)
{
    if (phase_ != Phase::mail && phase_ != Phase::recipients) {
        error(wrong_order(phase_ < Phase::mail ? "Say MAIL first" : "The content has begun already"));
        return std::nullopt;
    }
    if (recipients_ >= config_.limits.recipients) {
        say_idle(
            Reply::of(452, {5, 3}, fmt::format("A message takes {} recipients at most", config_.limits.recipients)));
        return std::nullopt;
    }
    auto recipient = parse_rcpt(argument, offered(), {smtputf8_, config_.name});
    if (!recipient) {
        error(Reply::from(recipient.error()));
        return std::nullopt;
    }
    pending_ = Pending::recipient;
    return RecipientCommand{std::move(*recipient)};
}

std::optional<Event> ServerMachine::on_data(std::string_view argument)
{
    if (phase_ < Phase::mail)
        error(wrong_order("Say MAIL first"));
    else if (phase_ > Phase::recipients)
        error(wrong_order("The content has begun with BDAT"));
    else if (!argument.empty())
        error(Reply::of(501, {5, 4}, "DATA takes no argument"));
    else if (phase_ == Phase::mail)
        error(Reply::of(554, bad_order, "There are no valid recipients"));
    else {
        chunked_ = false;
        pending_ = Pending::content_begins;
        return ContentBegins{false};
    }
    return std::nullopt;
}

std::optional<Event> ServerMachine::on_starttls(std::string_view argument)
{
    if (!argument.empty()) {
        error(Reply::of(501, {5, 4}, "STARTTLS takes no argument"));
    } else if (config_.secure || !config_.tls_available) {
        error(Reply::of(config_.secure ? 503 : 502, bad_order,
                        config_.secure ? "TLS is in use already" : "This command is not offered here"));
    } else if (phase_ > Phase::greeted) {
        error(wrong_order("A transaction is open; say RSET first"));
    } else if (has_input()) {
        // RFC 3207 section 4: nothing may follow before the reply. What does is an injection or a broken client:
        // were it dropped and the session kept, the two sides could disagree about what was said under TLS.
        say(Reply::of(501, {5, 4}, "Nothing may follow STARTTLS before TLS; closing"));
        closing_ = true;
    } else {
        say_idle(Reply::of(220, {0, 0}, "Ready to start TLS"));
        awaiting_tls_ = true;
        return StartTls{};
    }
    return std::nullopt;
}

std::optional<Event> ServerMachine::on_rset(std::string_view argument)
{
    if (!argument.empty()) {
        error(Reply::of(501, {5, 4}, "RSET takes no argument"));
        return std::nullopt;
    }
    end_transaction();
    say_idle(Reply::of(250, {0, 0}, "Ok"));
    return Reset{};
}

std::optional<Event> ServerMachine::on_quit(std::string_view argument)
{
    if (!argument.empty()) {
        error(Reply::of(501, {5, 4}, "QUIT takes no argument"));
        return std::nullopt;
    }
    say(Reply::of(221, {0, 0}, config_.name + " closes the connection"));
    closing_ = true;
    return std::nullopt;
}

}  // namespace postern::smtp
