#include "deliver/connection.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <utility>

namespace postern::deliver {

namespace {

using net::Endpoint;
using smtp::Waiting;
using vocabulary::HopTls;
using vocabulary::NextHop;

constexpr std::size_t most_endpoints = 10;
constexpr std::size_t block_size = std::size_t{64} * 1024;
constexpr std::size_t most_blocks = 10;  // of patience with one write: half an hour with the default
constexpr Status no_tls{7, 4};           // how the client machine marks a server without TLS

OpenFailure failure(const Endpoint& endpoint, Fault why, bool unproved = false)
{
    const std::string name = net::describe(endpoint);
    return {std::move(why).about(name), unproved, name, std::nullopt};
}

Fault not_permitted(std::string why)
{
    return fault(Retry::later, std::move(why)).tell_peer(54, {7, 4}, "The next server could not be reached over TLS");
}

/// Why this endpoint must not be used with this hop, whatever it says.
std::optional<Fault> objection(const NextHop& hop, const Endpoint& endpoint, const Identity& identity)
{
    const bool local = !endpoint.unix_socket.empty() || endpoint.ip.is_loopback();
    if (hop.tls == HopTls::none)
        return local ? std::nullopt : std::optional(not_permitted("clear text is for loopback and local sockets only"));
    if (!identity.tls || identity.tls->mode() != hop.tls) return not_permitted("no TLS context for this kind of hop");
    return std::nullopt;
}

smtp::ClientConfig configure(const NextHop& hop, const Identity& identity)
{
    smtp::ClientConfig config;
    config.name = identity.name;
    config.protocol = hop.protocol == vocabulary::HopProtocol::lmtp ? smtp::Protocol::lmtp : smtp::Protocol::smtp;
    config.tls_required = hop.tls != HopTls::none;
    if (config.tls_required) config.login = identity.login;
    return config;
}

net::ServerProof proof_of(const NextHop& hop, const Endpoint& endpoint)
{
    // With DANE the name is where the TLSA records stand (RFC 7672 section 3.2.1).
    const bool declared = !hop.verify_name.empty() && hop.tls != HopTls::dane;
    return net::ServerProof(declared ? hop.verify_name : endpoint.host, hop.pins, endpoint.tlsa);
}

boost::asio::awaitable<Result<net::Stream>> connect_to(const Endpoint& endpoint, net::Deadline deadline)
{
    if (!endpoint.unix_socket.empty()) return net::connect(endpoint.unix_socket, deadline);
    return net::connect(endpoint.ip, endpoint.port, deadline);
}

void keep(TransactionResult& result, smtp::RecipientDone done)
{
    result.recipients.at(done.index) = {std::move(done.reply), std::move(done.fault), done.dsn_relayed};
}

}  // namespace

// --- opening ----------------------------------------------------------------------------------------------------

Connection::Connection(net::Stream stream, Endpoint endpoint, smtp::ClientConfig config, Timeouts timeouts,
                       unsigned most)
    : stream_(std::move(stream)),
      endpoint_(std::move(endpoint)),
      machine_(std::move(config)),
      timeouts_(timeouts),
      most_(std::max(1U, most))
{
}

Connection::Async<Connection::Opened> Connection::open(const NextHop& hop, const std::vector<Endpoint>& endpoints,
                                                       Identity identity, Timeouts timeouts)
{
    std::vector<OpenFailure> failures;
    for (std::size_t i = 0; i < std::min(endpoints.size(), most_endpoints); ++i) {
        Opened opened = co_await open_one(hop, endpoints[i], identity, timeouts);
        if (opened) {
            (*opened)->passed_over_ = std::move(failures);
            co_return opened;
        }
        failures.push_back(std::move(opened.error()));
    }
    if (failures.empty())
        co_return std::unexpected(OpenFailure{Fault(Retry::later, "no endpoint to try"), false, {}, {}});
    const auto worst = std::ranges::find(failures, true, &OpenFailure::unproved);
    co_return std::unexpected(std::move(worst == failures.end() ? failures.front() : *worst));
}

Connection::Async<Connection::Opened> Connection::open_one(const NextHop& hop, const Endpoint& endpoint,
                                                           const Identity& identity, Timeouts timeouts)
{
    if (auto objects = objection(hop, endpoint, identity))
        co_return std::unexpected(failure(endpoint, std::move(*objects), true));
    auto stream = co_await connect_to(endpoint, net::after(timeouts.connect));
    if (!stream) co_return std::unexpected(failure(endpoint, std::move(stream.error())));
    std::unique_ptr<Connection> made(
        new Connection(std::move(*stream), endpoint, configure(hop, identity), timeouts, hop.messages_per_connection));
    if (auto failed = co_await made->greet(hop, identity.tls)) co_return std::unexpected(std::move(*failed));
    co_return made;
}

Connection::Async<std::optional<OpenFailure>> Connection::greet(const NextHop& hop, net::TlsContextPtr tls)
{
    for (;;) {
        if (auto went = co_await write_output(); !went) machine_.lost(std::move(went.error()));
        const auto event = machine_.next();
        if (std::holds_alternative<smtp::Ready>(event)) co_return std::nullopt;
        if (std::holds_alternative<smtp::NeedTls>(event)) {
            if (auto failed = co_await secure(hop, tls)) co_return failed;
        } else if (const auto* failed = std::get_if<smtp::Failed>(&event)) {
            const bool lacks_tls = failed->fault.peer().status == no_tls;
            OpenFailure why = failure(endpoint_, failed->fault, lacks_tls);
            why.reply = failed->reply;
            co_return why;
        } else if (!machine_.has_output()) {
            if (auto heard = co_await read_reply(); !heard) machine_.lost(std::move(heard.error()));
        }
    }
}

Connection::Async<std::optional<OpenFailure>> Connection::secure(const NextHop& hop, net::TlsContextPtr tls)
{
    auto shaken =
        co_await stream_.handshake_client(std::move(tls), proof_of(hop, endpoint_), net::after(timeouts_.handshake));
    if (!shaken) {
        using enum net::Stream::Trouble;
        const bool unproved = stream_.trouble() == tls_failed || stream_.trouble() == unverified;
        co_return failure(endpoint_, std::move(shaken.error()), unproved);
    }
    tls_ = stream_.tls_description();
    machine_.secured();
    co_return std::nullopt;
}

// --- transactions -----------------------------------------------------------------------------------------------

Connection::Async<TransactionResult> Connection::send(smtp::ClientTransaction transaction)
{
    return run(std::move(transaction));
}

Connection::Async<TransactionResult> Connection::verify(mail::Address address)
{
    smtp::ClientTransaction question;
    question.recipients.push_back({std::move(address), {}, {}});
    question.only_ask = true;
    return run(std::move(question));
}

Connection::Async<TransactionResult> Connection::run(smtp::ClientTransaction transaction)
{
    TransactionResult result;
    result.recipients.resize(transaction.recipients.size());
    const bool kept_open = sent_++ > 0;
    heard_ = false;
    machine_.start(std::move(transaction));
    // On a connection that rested, whatever can be read now is a farewell or the end.
    if (kept_open && machine_.has_output() && stream_.readable_now())
        machine_.lost(Fault(Retry::later, "the server closed the connection between messages"));

    for (;;) {
        if (auto went = co_await write_output(); !went) co_await hear_last_words(result, std::move(went.error()));
        auto event = machine_.next();
        if (auto* done = std::get_if<smtp::RecipientDone>(&event)) {
            keep(result, std::move(*done));
        } else if (auto* failed = std::get_if<smtp::Failed>(&event)) {
            result.stale = kept_open && !heard_ && stream_.trouble() != net::Stream::Trouble::timed_out;
            result.broken = std::move(failed->fault).about(net::describe(endpoint_));
            co_return result;
        } else if (!std::holds_alternative<smtp::ClientNeedInput>(event)) {
            co_return result;
        } else if (!machine_.has_output()) {
            if (auto heard = co_await read_reply(); !heard) machine_.lost(std::move(heard.error()));
        }
    }
}

Connection::Async<void> Connection::hear_last_words(TransactionResult& result, Fault why)
{
    machine_.wrote();  // or rather not; nothing more can be
    Result<void> heard = std::unexpected(why);
    if (stream_.trouble() == net::Stream::Trouble::closed && stream_.readable_now()) heard = co_await read_reply();
    while (heard) {
        auto event = machine_.next();
        auto* done = std::get_if<smtp::RecipientDone>(&event);
        if (done == nullptr) break;
        keep(result, std::move(*done));
    }
    machine_.lost(std::move(why));
}

bool Connection::reusable() const noexcept
{
    return machine_.is_ready() && sent_ < most_;
}

Connection::Async<void> Connection::quit()
{
    if (machine_.is_ready()) {
        machine_.quit();
        auto going = co_await write_output();
        while (going && std::holds_alternative<smtp::ClientNeedInput>(machine_.next())) going = co_await read_reply();
        co_await stream_.shutdown(net::after(timeouts_.quit));
    }
    stream_.close();
}

// --- bytes ------------------------------------------------------------------------------------------------------

Connection::Async<Result<void>> Connection::write_output()
{
    if (!machine_.has_output()) co_return Result<void>{};
    const std::vector<std::string_view> pieces = machine_.output();
    std::size_t size = 0;
    for (const std::string_view piece : pieces) size += piece.size();
    const auto blocks = static_cast<Duration::rep>(std::min(most_blocks, 1 + size / block_size));
    auto written = co_await stream_.write(pieces, net::after(timeouts_.block * blocks));
    if (written) machine_.wrote();
    co_return written;
}

Connection::Async<Result<void>> Connection::read_reply()
{
    std::array<char, 2048> buffer;
    const auto got = co_await stream_.read_some(buffer.data(), buffer.size(), net::after(patience()));
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0)
        co_return fault(Retry::later, "the server closed the connection")
            .tell_peer(51, {4, 2}, "The connection to the next mail server was lost");
    heard_ = true;
    machine_.receive({buffer.data(), *got});
    co_return Result<void>{};
}

Duration Connection::patience() const noexcept
{
    switch (machine_.waiting()) {
        case Waiting::greeting:
            return timeouts_.greeting;
        case Waiting::data:
            return timeouts_.data;
        case Waiting::content_end:
            return timeouts_.content_end;
        case Waiting::quit:
            return timeouts_.quit;
        default:
            return timeouts_.command;
    }
}

}  // namespace postern::deliver
