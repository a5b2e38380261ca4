// One message: the envelope and the content in as few writes as the server's extensions allow, and an outcome for
// each recipient.
#include "base/text.hpp"
#include "smtp/client_machine.hpp"
#include "smtp/command.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <stdexcept>
#include <utility>

namespace postern::smtp {

namespace {

using mail::Reply;

Fault unexpected(std::string_view command, const Reply& reply)
{
    return fault(Retry::later, fmt::format("{} was answered {}", command, reply.summary()))
        .tell_peer(51, {5, 0}, "The next server's reply could not be understood");
}

bool intermediate(const Reply& reply) noexcept
{
    return reply.code >= 300 && reply.code < 400;
}

bool content_is_ascii(const ClientTransaction& transaction)
{
    return std::ranges::all_of(transaction.content, is_ascii);
}

bool addresses_need_utf8(const ClientTransaction& transaction)
{
    const auto& path = transaction.sender.path;
    return (path && path->needs_utf8()) ||
           std::ranges::any_of(transaction.recipients, [](const auto& r) { return r.address.needs_utf8(); });
}

std::string notify_words(const mail::Notify& notify)
{
    if (notify.never) return "NEVER";
    std::string words;
    const auto add = [&](bool wanted, std::string_view word) {
        if (!wanted) return;
        if (!words.empty()) words += ',';
        words += word;
    };
    add(notify.success, "SUCCESS");
    add(notify.failure, "FAILURE");
    add(notify.delay, "DELAY");
    return words.empty() ? "NEVER" : words;
}

/// ORCPT was checked when it came; it also passed through a database.
bool fits_a_command(std::string_view value, bool utf8) noexcept
{
    return std::ranges::all_of(value, [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x80 ? utf8 : byte > ' ' && byte < 0x7F;
    });
}

}  // namespace

void ClientMachine::start(ClientTransaction transaction)
{
    if (state_ != State::ready) throw std::logic_error("smtp: a transaction before the connection is ready");
    std::erase_if(events_, [](const ClientEvent& event) { return std::holds_alternative<Ready>(event); });
    transaction_ = std::move(transaction);
    content_size_ = 0;
    for (const auto piece : transaction_.content) content_size_ += piece.size();
    finished_.assign(transaction_.recipients.size(), false);
    accepted_.clear();
    next_recipient_ = 0;
    answered_contents_ = 0;
    mail_refused_ = content_commanded_ = needs_reset_ = false;
    state_ = State::transaction;
    if (const auto objection = prepare()) {
        all_done(Reply::from(*objection), objection);
        finish();
    } else if (transaction_.recipients.empty()) {
        finish();
    } else {
        begin();
    }
}

std::optional<Fault> ClientMachine::prepare()
{
    const auto& sender = transaction_.sender;
    // A report is sent all the same (RFC 8689 section 5); its hop has proved itself like any other.
    if (sender.require_tls && sender.path && !offered_.require_tls)
        return fault(Retry::never, "the server does not offer REQUIRETLS")
            .tell_peer(50, {7, 30}, "The next server does not offer REQUIRETLS, which this message asks for");
    if (offered_.size_limit != 0 && content_size_ > offered_.size_limit)
        return fault(Retry::never, fmt::format("{} bytes, the server takes {}", content_size_, offered_.size_limit))
            .tell_peer(52, {3, 4},
                       fmt::format("The next server takes messages of {} bytes at most", offered_.size_limit));

    const bool utf8_address = addresses_need_utf8(transaction_);
    say_utf8_ = offered_.smtputf8 && (sender.smtputf8 || utf8_address);
    if (!offered_.smtputf8 && (utf8_address || (sender.smtputf8 && !content_is_ascii(transaction_))))
        return fault(Retry::never, "the server does not offer SMTPUTF8")
            .tell_peer(53, {6, 7}, "The next server does not offer SMTPUTF8, which this message needs");

    const bool declared = sender.body == mail::Body::eight_bit_mime;
    say_8bit_ = offered_.eight_bit_mime && declared;
    if (declared && !offered_.eight_bit_mime && !content_is_ascii(transaction_))
        return fault(Retry::never, "the server does not offer 8BITMIME")
            .tell_peer(54, {6, 3}, "The next server does not offer 8BITMIME, which this message needs");
    return std::nullopt;
}

void ClientMachine::begin()
{
    say(mail_command(), {Waiting::mail});
    if (offered_.pipelining) send_recipients();
}

/// After each reply: what can be sent now.
void ClientMachine::go_on()
{
    if (state_ != State::transaction || !due_.empty()) return;
    if (content_commanded_ || mail_refused_) return finish();
    if (next_recipient_ < transaction_.recipients.size()) return send_recipients();
    if (transaction_.only_ask || accepted_.empty()) return finish();
    send_content_command();
}

void ClientMachine::send_recipients()
{
    const std::size_t count = transaction_.recipients.size();
    std::size_t room = offered_.pipelining ? std::max<std::size_t>(config_.pipelined_commands, 1) : 1;
    for (; room > 0 && next_recipient_ < count; --room) send_recipient(next_recipient_++);
    if (!offered_.pipelining || next_recipient_ < count || transaction_.only_ask) return;
    if (!offered_.chunking || content_size_ <= config_.pipelined_content) send_content_command();
}

void ClientMachine::send_recipient(std::size_t index)
{
    const auto& recipient = transaction_.recipients[index];
    std::string command = fmt::format("RCPT TO:<{}>", recipient.address.text());
    if (offered_.dsn && recipient.notify.specified) command += " NOTIFY=" + notify_words(recipient.notify);
    if (offered_.dsn && !recipient.original_recipient.empty() &&
        fits_a_command(recipient.original_recipient, say_utf8_))
        command += " ORCPT=" + recipient.original_recipient;
    say(command, {Waiting::recipient, index});
}

std::string ClientMachine::mail_command() const
{
    const auto& sender = transaction_.sender;
    std::string command = "MAIL FROM:" + mail::to_path(sender.path);
    if (offered_.size && !transaction_.only_ask) command += fmt::format(" SIZE={}", content_size_);
    if (say_8bit_) command += " BODY=8BITMIME";
    if (say_utf8_) command += " SMTPUTF8";
    if (sender.require_tls && offered_.require_tls) command += " REQUIRETLS";
    if (!offered_.dsn) return command;
    if (sender.ret == mail::Return::full) command += " RET=FULL";
    if (sender.ret == mail::Return::headers) command += " RET=HDRS";
    if (!sender.envelope_id.empty()) command += " ENVID=" + encode_xtext(sender.envelope_id);
    return command;
}

void ClientMachine::send_content_command()
{
    content_commanded_ = true;
    if (!offered_.chunking) return say("DATA", {Waiting::data});
    say(fmt::format("BDAT {} LAST", content_size_), {Waiting::content_end});
    outgoing_.add_content(transaction_.content);
}

void ClientMachine::on_mail(const Reply& reply)
{
    if (intermediate(reply)) return fail(unexpected("MAIL", reply), reply);
    needs_reset_ = reply.positive();
    if (reply.positive()) return;
    mail_refused_ = true;
    all_done(reply);
}

void ClientMachine::on_recipient(const Reply& reply, std::size_t index)
{
    if (intermediate(reply)) return fail(unexpected("RCPT", reply), reply);
    if (mail_refused_) return;
    if (reply.positive()) accepted_.push_back(index);
    if (!reply.positive() || transaction_.only_ask) done(index, reply);
}

void ClientMachine::on_data(const Reply& reply)
{
    if (reply.code >= 200 && reply.code < 300) return fail(unexpected("DATA", reply), reply);
    if (!reply.positive()) {
        for (const std::size_t index : accepted_) done(index, reply);
        return;
    }
    // Nobody is to get it, yet the server wants a content: it gets an empty one (RFC 2920 section 3.1).
    outgoing_.add_stuffed(accepted_.empty() ? std::vector<std::string_view>() : transaction_.content);
    due_.push_back({Waiting::content_end});
}

void ClientMachine::on_content_end(const Reply& reply)
{
    if (intermediate(reply)) return fail(unexpected("the content", reply), reply);
    needs_reset_ = offered_.chunking && !reply.positive();  // RFC 3030 section 2 asks for it
    if (config_.protocol == Protocol::lmtp && !accepted_.empty()) {
        done(accepted_[answered_contents_++], reply);
        if (answered_contents_ == accepted_.size()) due_.pop_front();
        return;
    }
    for (const std::size_t index : accepted_) done(index, reply);
    due_.pop_front();
}

void ClientMachine::finish()
{
    transaction_.content.clear();
    if (std::exchange(needs_reset_, false)) return say("RSET", {Waiting::reset});
    state_ = State::ready;
    events_.emplace_back(Ready{});
}

void ClientMachine::done(std::size_t index, const Reply& reply, const std::optional<Fault>& fault)
{
    if (finished_[index]) return;
    finished_[index] = true;
    const bool relayed = !fault && reply.positive() && offered_.dsn && !transaction_.only_ask;
    events_.emplace_back(RecipientDone{index, reply, fault, relayed});
}

void ClientMachine::all_done(const Reply& reply, const std::optional<Fault>& fault)
{
    for (std::size_t index = 0; index < finished_.size(); ++index) done(index, reply, fault);
}

}  // namespace postern::smtp
