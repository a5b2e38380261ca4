// The connection: greeting, hello, TLS, quitting, and what happens when it breaks. The mail is in
// client_transaction.cpp.
#include "smtp/client_machine.hpp"

#include "base/base64.hpp"

#include <fmt/format.h>
#include <stdexcept>
#include <utility>

namespace postern::smtp {

namespace {

using mail::Reply;

Fault refused_connection(std::string_view what, const Reply& reply)
{
    return fault(Retry::later, fmt::format("{} was answered {}", what, reply.summary()))
        .tell_peer(51, {4, 2}, "The next server refuses the connection");
}

Fault no_protocol(std::string_view what, const Reply& reply)
{
    return fault(Retry::later, fmt::format("{} was answered {}", what, reply.summary()))
        .tell_peer(51, {5, 0}, "The next server's reply could not be understood");
}

Fault no_tls(std::string detail)
{
    return fault(Retry::later, std::move(detail))
        .tell_peer(54, {7, 4}, "The next server could not be reached over TLS");
}

}  // namespace

ClientMachine::ClientMachine(ClientConfig config) : config_(std::move(config)), replies_(config_.limits)
{
    due_.push_back({Waiting::greeting});
}

void ClientMachine::receive(std::string_view bytes)
{
    if (state_ != State::closed && state_ != State::failed) replies_.receive(bytes);
}

ClientEvent ClientMachine::next()
{
    for (;;) {
        if (!events_.empty()) {
            ClientEvent event = std::move(events_.front());
            events_.pop_front();
            return event;
        }
        if (failure_) return *failure_;
        if (state_ == State::closed) return Closed{};
        if (state_ == State::tls) return NeedTls{};
        auto reply = replies_.next();
        if (!reply)
            fail(reply.error());
        else if (!*reply)
            return ClientNeedInput{};
        else
            on_reply(**reply);
    }
}

void ClientMachine::on_reply(const Reply& reply)
{
    if (due_.empty()) return fail(refused_connection("an idle connection", reply), reply);
    const Due due = due_.front();
    if (due.what != Waiting::content_end) due_.pop_front();
    switch (due.what) {
        case Waiting::nothing:
            break;
        case Waiting::greeting:
            on_greeting(reply);
            break;
        case Waiting::hello:
            on_hello(reply, due.helo);
            break;
        case Waiting::tls:
            on_tls(reply);
            break;
        case Waiting::auth:
            on_auth(reply);
            break;
        case Waiting::mail:
            on_mail(reply);
            break;
        case Waiting::recipient:
            on_recipient(reply, due.index);
            break;
        case Waiting::data:
            on_data(reply);
            break;
        case Waiting::content_end:
            on_content_end(reply);
            break;
        case Waiting::reset:
            on_reset(reply);
            break;
        case Waiting::quit:
            state_ = State::closed;
            events_.emplace_back(Closed{});
            return;
    }
    if (reply.code == 421)
        fail(refused_connection("a command", reply), reply);
    else
        go_on();
}

void ClientMachine::on_greeting(const Reply& reply)
{
    if (reply.code != 220) return fail(refused_connection("the connection", reply), reply);
    say_hello();
}

void ClientMachine::say_hello()
{
    state_ = State::opening;
    const bool lmtp = config_.protocol == Protocol::lmtp;
    say(fmt::format("{} {}", lmtp ? "LHLO" : "EHLO", config_.name), {Waiting::hello});
}

void ClientMachine::on_hello(const Reply& reply, bool helo)
{
    const bool needs_tls = config_.tls_required && !config_.secure;
    if (reply.permanent() && !helo && config_.protocol == Protocol::smtp && !needs_tls && reply.code != 521)
        return say("HELO " + config_.name, {Waiting::hello, 0, true});
    if (reply.code != 250) return fail(refused_connection("hello", reply), reply);

    offered_ = helo ? Capabilities{} : read_ehlo(reply.lines);
    offered_.require_tls = offered_.require_tls && config_.secure;
    if (!needs_tls && config_.login) {
        log_in();
    } else if (!needs_tls) {
        state_ = State::ready;
        events_.emplace_back(Ready{});
    } else if (offered_.starttls) {
        say("STARTTLS", {Waiting::tls});
    } else {
        fail(no_tls("the server does not offer STARTTLS"));
    }
}

// RFC 4954. The password is said only here, and only to a server that has proved itself.
void ClientMachine::log_in()
{
    if (!config_.secure) return fail(no_tls("a login is not said in clear text"));
    const auto& [user, password] = *config_.login;
    if (offered_.auth_plain) {
        say("AUTH PLAIN " + to_base64(std::string(1, '\0') + user + std::string(1, '\0') + password), {Waiting::auth});
    } else if (offered_.auth_login) {
        login_lines_ = {to_base64(user), to_base64(password)};
        say("AUTH LOGIN", {Waiting::auth});
    } else {
        fail(fault(Retry::later, "the server offers neither AUTH PLAIN nor LOGIN")
                 .tell_peer(54, {7, 0}, "The next server refuses the connection"));
    }
}

void ClientMachine::on_auth(const Reply& reply)
{
    if (reply.code == 334 && !login_lines_.empty()) {
        say(login_lines_.front(), {Waiting::auth});
        login_lines_.pop_front();
    } else if (reply.code == 235 && login_lines_.empty()) {
        state_ = State::ready;
        events_.emplace_back(Ready{});
    } else {
        fail(refused_connection("the login", reply), reply);
    }
}

void ClientMachine::on_tls(const Reply& reply)
{
    if (reply.code != 220) return fail(no_tls("STARTTLS was answered " + reply.summary()), reply);
    // Whatever stands behind the reply was not said under TLS and must not look as if it had been.
    if (replies_.has_input()) return fail(no_tls("bytes behind the reply to STARTTLS"));
    state_ = State::tls;
}

void ClientMachine::secured()
{
    if (state_ != State::tls) throw std::logic_error("smtp: no handshake was due");
    config_.secure = true;
    offered_ = {};
    replies_.clear();
    login_lines_.clear();
    say_hello();
}

void ClientMachine::quit()
{
    if (state_ != State::ready) throw std::logic_error("smtp: quit in the middle of something");
    std::erase_if(events_, [](const ClientEvent& event) { return std::holds_alternative<Ready>(event); });
    state_ = State::quitting;
    say("QUIT", {Waiting::quit});
}

void ClientMachine::lost(Fault why)
{
    if (state_ == State::closed || state_ == State::failed) return;
    if (state_ != State::quitting) return fail(why);
    state_ = State::closed;  // what was to be said has been said
    outgoing_.clear();
    events_.emplace_back(Closed{});
}

std::vector<std::string_view> ClientMachine::output() const
{
    return outgoing_.pieces();
}

void ClientMachine::wrote()
{
    outgoing_.clear();
}

Waiting ClientMachine::waiting() const noexcept
{
    return due_.empty() ? Waiting::nothing : due_.front().what;
}

void ClientMachine::on_reset(const Reply& reply)
{
    if (!reply.positive()) return fail(no_protocol("RSET", reply), reply);
    state_ = State::ready;
    events_.emplace_back(Ready{});
}

void ClientMachine::say(std::string_view command, Due due)
{
    outgoing_.add(command);
    outgoing_.add("\r\n");
    due_.push_back(due);
}

void ClientMachine::fail(const Fault& why, std::optional<Reply> reply)
{
    if (state_ == State::failed) return;
    if (state_ == State::transaction) all_done(Reply::from(why), why);
    state_ = State::failed;
    due_.clear();
    outgoing_.clear();
    replies_.clear();
    transaction_ = {};
    std::erase_if(events_, [](const ClientEvent& event) { return std::holds_alternative<Ready>(event); });
    failure_ = Failed{why, std::move(reply)};
}

}  // namespace postern::smtp
