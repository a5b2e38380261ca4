// The session with the machine: input, output, answers, limits. The commands are in server_commands.cpp, the
// content in server_content.cpp.
#include "smtp/server_machine.hpp"

#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <stdexcept>
#include <utility>

namespace postern::smtp {

namespace {

constexpr std::size_t kept_capacity = 1024;  // bytes that a buffer may keep while the connection is idle
constexpr unsigned refused_patience = 3;     // commands answered 503 after a refused greeting

void shrink(std::string& buffer)
{
    if (buffer.empty() && buffer.capacity() > kept_capacity) std::string().swap(buffer);
}

std::size_t heap_of(const std::string& text) noexcept
{
    return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

}  // namespace

ServerMachine::ServerMachine(ServerConfig config) : config_(std::move(config)), size_limit_(config_.limits.message_size)
{
}

void ServerMachine::greet()
{
    if (pending_ != Pending::greeting) throw std::logic_error("smtp: greeted twice");
    pending_ = Pending::none;
    output_ += mail::Reply::plain(220, config_.name + " ESMTP").wire();
}

void ServerMachine::refuse(const mail::Reply& reply)
{
    if (pending_ != Pending::greeting) throw std::logic_error("smtp: greeted twice");
    pending_ = Pending::none;
    phase_ = Phase::refused;
    config_.limits.errors = std::min(config_.limits.errors, refused_patience);
    output_ += reply.wire();
    if (reply.code == 421) closing_ = true;
}

void ServerMachine::receive(std::string_view bytes)
{
    if (closing_) return;
    // The usual case of a long content: straight from the session's buffer into the content.
    if (in_content() && pending_ == Pending::none && !has_input()) feed_content(bytes);
    if (bytes.empty()) return;
    if (consumed_ > 0) {
        input_.erase(0, consumed_);
        consumed_ = 0;
    }
    input_ += bytes;
}

Event ServerMachine::next()
{
    if (pending_ != Pending::none) throw std::logic_error("smtp: the last event is not answered yet");
    if (awaiting_tls_) throw std::logic_error("smtp: the handshake is due");
    for (;;) {
        if (closing_) {
            end_transaction();
            return Close{};
        }
        std::optional<Event> event;
        switch (mode_) {
            case Mode::command:
                event = next_in_command();
                break;
            case Mode::discard:
                event = discard_line();
                break;
            case Mode::data:
                event = next_in_data();
                break;
            case Mode::chunk:
                event = next_in_chunk();
                break;
            case Mode::skip_chunk:
                event = next_in_skipped();
                break;
        }
        if (!event) continue;
        if (std::holds_alternative<NeedInput>(*event)) release_memory();
        return std::move(*event);
    }
}

void ServerMachine::answer(const mail::Reply& reply)
{
    const Pending what = std::exchange(pending_, Pending::none);
    switch (what) {
        case Pending::none:
        case Pending::greeting:
            pending_ = what;
            throw std::logic_error("smtp: nothing to answer");
        case Pending::hello:
            answer_hello(reply);
            break;
        case Pending::mail:
            if (reply.positive())
                phase_ = Phase::mail;
            else
                end_transaction();
            break;
        case Pending::recipient:
            if (!reply.positive()) break;
            phase_ = Phase::recipients;
            ++recipients_;
            break;
        case Pending::content_begins:
            answer_content_begins(reply);
            break;
        case Pending::content:
            if (reply.positive()) idle_commands_ = 0;
            end_transaction();
            break;
    }
    const bool own_words = reply.positive() && (what == Pending::hello || what == Pending::content_begins);
    const bool after_the_chunk = mode_ == Mode::skip_chunk;
    if (!own_words && !after_the_chunk) say(reply);
    if (!reply.positive() || what == Pending::hello) ++idle_commands_;
}

void ServerMachine::answer_hello(const mail::Reply& reply)
{
    if (!reply.positive()) return;
    phase_ = Phase::greeted;
    esmtp_ = hello_esmtp_;
    mail::Reply hello{250, std::nullopt, {config_.name}};
    if (hello_esmtp_) hello.lines = ehlo_lines(config_.name, offered());
    output_ += hello.wire();
}

bool ServerMachine::set_size_limit(std::uint64_t bytes, std::string text)
{
    size_limit_ = bytes;
    size_text_ = std::move(text);
    return !declared_size_ || *declared_size_ <= bytes;
}

mail::Reply ServerMachine::size_reply() const
{
    if (!size_text_.empty()) return mail::Reply::of(552, {3, 4}, size_text_);
    return mail::Reply::of(
        552, {3, 4}, fmt::format("This service takes messages of at most {}", vocabulary::print_size(size_limit_)));
}

void ServerMachine::secured()
{
    if (!awaiting_tls_) throw std::logic_error("smtp: no handshake was due");
    end_transaction();
    awaiting_tls_ = false;
    config_.secure = true;
    phase_ = Phase::fresh;
    mode_ = Mode::command;
    esmtp_.reset();
    std::string().swap(input_);
    std::string().swap(output_);
    consumed_ = 0;
    scanned_ = 0;
}

void ServerMachine::close(const mail::Reply& reply)
{
    if (closing_) return;
    pending_ = Pending::none;
    awaiting_tls_ = false;
    closing_ = true;
    say(reply);
}

std::string ServerMachine::take_output()
{
    return std::exchange(output_, {});
}

std::size_t ServerMachine::heap_bytes() const noexcept
{
    return heap_of(input_) + heap_of(output_) + heap_of(size_text_) +
           (reader_ ? static_cast<std::size_t>(reader_->size()) : 0);
}

/// RFC 2034: statuses are for clients that said EHLO; RFC 6531 3.7.4: UTF-8 is for those that said SMTPUTF8.
void ServerMachine::say(const mail::Reply& reply)
{
    if (esmtp_.value_or(true)) {
        output_ += reply.wire(smtputf8_);
    } else {
        mail::Reply plain = reply;
        plain.status.reset();
        output_ += plain.wire();
    }
    if (reply.code == 421) closing_ = true;
}

/// The reply to a command that moves no mail; dispatch() bounds their number.
void ServerMachine::say_idle(const mail::Reply& reply)
{
    ++idle_commands_;
    say(reply);
}

/// Answers a mistake of the client; too many of them end the session.
void ServerMachine::error(const mail::Reply& reply)
{
    if (++errors_ > config_.limits.errors)
        say(mail::Reply::of(421, {7, 0}, "Too many errors"));
    else
        say_idle(reply);
}

void ServerMachine::end_transaction()
{
    if (phase_ > Phase::greeted) phase_ = Phase::greeted;
    reader_.reset();
    declared_size_.reset();
    after_chunk_.reset();
    size_limit_ = config_.limits.message_size;
    std::string().swap(size_text_);
    recipients_ = 0;
    smtputf8_ = false;
    if (mode_ != Mode::discard) mode_ = Mode::command;
}

void ServerMachine::release_memory()
{
    if (!has_input()) {
        input_.clear();
        consumed_ = 0;
    }
    shrink(input_);
}

std::string_view ServerMachine::pending_input() const noexcept
{
    return std::string_view(input_).substr(consumed_);
}

Capabilities ServerMachine::offered() const
{
    Capabilities offered;
    if (!esmtp_.value_or(false)) return offered;
    offered.pipelining = offered.eight_bit_mime = offered.smtputf8 = offered.enhanced_status_codes = true;
    offered.chunking = offered.dsn = offered.size = true;
    offered.size_limit = config_.limits.message_size;
    offered.starttls = config_.tls_available && !config_.secure;
    offered.require_tls = config_.secure;
    return offered;
}

ContentLimits ServerMachine::content_limits() const noexcept
{
    return {size_limit_, config_.limits.content_line, config_.allow_nul};
}

}  // namespace postern::smtp
