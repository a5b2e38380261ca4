#include "session/session.hpp"

#include <algorithm>
#include <vector>

namespace postern::session {

namespace {

constexpr std::size_t read_size = std::size_t{16} * 1024;
// Reserved for a content whose size the client did not declare.
constexpr std::uint64_t first_share = std::uint64_t{64} * 1024;

smtp::ServerConfig machine_config(const ListenerSettings& settings, const ports::Reception& reception)
{
    const auto& limits = settings.listener.limits;
    smtp::ServerConfig config;
    config.name = settings.server_name;
    config.limits.command_line = limits.command_line;
    config.limits.content_line = limits.line;
    config.limits.message_size = settings.message_size;
    config.limits.recipients = settings.recipients;
    config.limits.errors = limits.errors;
    config.limits.commands = limits.commands;
    config.tls_available = settings.tls != nullptr;
    config.tls_required = settings.tls != nullptr && reception.asks_for_tls();
    return config;
}

mail::Reply closing_reply()
{
    return mail::Reply::of(421, {4, 3}, "This service is closing for a moment; please connect again");
}

}  // namespace

Session::Session(Sessions& house, std::size_t reactor, net::Stream stream, net::Peer peer, ListenerSettingsPtr settings)
    : house_(house),
      reactor_(reactor),
      stream_(std::move(stream)),
      peer_(peer),
      settings_(std::move(settings)),
      reception_(
          house.receptionist_.receive({peer.ip, peer.port, settings_->listener.name}, settings_->listener.clear_text)),
      machine_(machine_config(*settings_, *reception_)),
      share_(house.memory_)
{
    house_.by_reactor_[reactor_].insert(this);
}

Session::~Session()
{
    reception_->forget();
    house_.by_reactor_[reactor_].erase(this);
    house_.leave(peer_.ip);
}

Session::Async<void> Session::run()
{
    machine_.greet();
    for (;;) {
        const bool goes_on = co_await react(machine_.next());
        if (!goes_on) break;
    }
    co_await stream_.shutdown(net::after(std::chrono::seconds{5}));
}

Session::Async<bool> Session::react(smtp::Event event)
{
    if (auto* command = std::get_if<smtp::MailCommand>(&event)) {
        co_await on_sender(std::move(command->sender));
        co_return true;
    }
    if (auto* command = std::get_if<smtp::RecipientCommand>(&event)) {
        const auto reply = co_await reception_->recipient(std::move(command->recipient));
        machine_.answer(reply);
        co_return true;
    }
    if (auto* content = std::get_if<smtp::Content>(&event)) {
        co_await on_content(std::move(*content));
        co_return true;
    }
    if (std::holds_alternative<smtp::NeedInput>(event)) co_return co_await read_more();
    if (std::holds_alternative<smtp::StartTls>(event)) co_return co_await start_tls();
    if (std::holds_alternative<smtp::Close>(event)) {
        co_await flush();
        co_return false;
    }
    if (const auto* hello = std::get_if<smtp::Hello>(&event)) {
        end_transaction();
        reception_->hello(hello->name, hello->esmtp);
        machine_.answer(mail::Reply::plain(250, settings_->server_name));
    } else if (std::holds_alternative<smtp::ContentBegins>(event)) {
        on_content_begins();
    } else {  // Reset, ContentRefused: answered already
        end_transaction();
    }
    co_return true;
}

Session::Async<bool> Session::flush()
{
    if (!machine_.has_output()) co_return true;
    const std::string output = machine_.take_output();
    const auto written =
        co_await stream_.write(std::string_view(output), net::after(settings_->listener.limits.command_time));
    co_return written.has_value();
}

net::Deadline Session::read_deadline() const
{
    return std::min(net::after(settings_->listener.limits.command_time), transaction_ends_);
}

Session::Async<bool> Session::read_more()
{
    const bool flushed = co_await flush();
    if (!flushed) co_return false;
    if (house_.stopping_ && !machine_.in_content()) {
        machine_.close(closing_reply());
        co_return true;
    }
    // The buffer is made when bytes are there: an idle connection holds none.
    const auto ready = co_await stream_.wait_readable(read_deadline());
    if (!ready) {
        if (stream_.trouble() == net::Stream::Trouble::cancelled && house_.stopping_) co_return true;
        if (stream_.trouble() != net::Stream::Trouble::timed_out) co_return false;
        machine_.close(mail::Reply::of(421, {4, 2}, "Waited too long for you; closing the connection"));
        co_return true;
    }
    const std::unique_ptr<char[]> buffer(new char[read_size]);
    const auto got = co_await stream_.read_some(buffer.get(), read_size, read_deadline());
    if (!got || *got == 0) co_return false;
    machine_.receive({buffer.get(), *got});
    co_return account_content();
}

// Contents are the only thing here that grows: their memory is shared by all connections and bounded.
bool Session::account_content()
{
    if (!machine_.in_content()) return true;
    if (share_.grow_to(machine_.content_bytes() + read_size, settings_->listener.limits.memory)) return true;
    machine_.close(mail::Reply::of(421, {3, 1}, "Too much mail is arriving at one time; please try again in a minute"));
    return true;
}

Session::Async<bool> Session::start_tls()
{
    const bool flushed = co_await flush();
    if (!flushed) co_return false;
    const auto done =
        co_await stream_.handshake_server(settings_->tls, net::after(settings_->listener.limits.handshake_time));
    if (!done) {
        ++house_.metrics_.handshakes_failed;
        house_.log_.info("TLS handshake failed", {{"peer", vocabulary::print_ip(peer_.ip)},
                                                  {"listener", settings_->listener.name},
                                                  {"reason", done.error().describe()}});
        co_return false;
    }
    ports::TlsShown shown{stream_.tls_description(), false, {}, {}};
    if (auto certificate = stream_.peer_certificate()) {
        shown.certificate_trusted = certificate->trusted;
        shown.certificate_names = std::move(certificate->names);
        shown.certificate_sha256 = std::move(certificate->sha256);
    }
    reception_->secured(std::move(shown));
    machine_.secured();
    co_return true;
}

Session::Async<void> Session::on_sender(mail::Sender sender)
{
    const auto reply = co_await reception_->sender(std::move(sender));
    if (!reply.positive()) {
        machine_.answer(reply);
        co_return;
    }
    auto limit = reception_->limit();
    if (!machine_.set_size_limit(limit.bytes, std::move(limit.text))) {
        reception_->forget();
        machine_.answer(machine_.size_reply());
        co_return;
    }
    transaction_ends_ = net::after(settings_->listener.limits.transaction_time);
    machine_.answer(reply);
}

void Session::on_content_begins()
{
    auto reply = reception_->content_begins();
    if (reply.positive() && !share_.grow_to(first_share, settings_->listener.limits.memory))
        reply = mail::Reply::of(452, {3, 1}, "Too much mail is arriving at one time; please try again in a minute");
    machine_.answer(reply);
}

Session::Async<void> Session::on_content(smtp::Content content)
{
    const auto reply = co_await reception_->finish(std::move(content.bytes));
    machine_.answer(reply);
    transaction_ends_ = net::Deadline::max();
    share_.release();
}

void Session::end_transaction()
{
    reception_->forget();
    transaction_ends_ = net::Deadline::max();
    share_.release();
}

}  // namespace postern::session
