#include "control/remote.hpp"

#include <fmt/format.h>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace postern::control {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

using Parser = http::request_parser<http::string_body>;

constexpr std::size_t buffer_size = 16 * 1024;
constexpr auto farewell = std::chrono::seconds{2};

}  // namespace

struct RemoteControl::State {
    net::Reactors& reactors;
    Log& log;
    Handler handler;
    const RemoteLimits limits;

    std::mutex mutex;
    net::TlsContextPtr tls;                // under mutex
    std::map<std::string, unsigned> open;  // under mutex: connections by address
    unsigned open_in_all = 0;              // under mutex

    [[nodiscard]] net::TlsContextPtr context()
    {
        const std::lock_guard lock(mutex);
        return tls;
    }
    [[nodiscard]] bool enter(const std::string& address)
    {
        const std::lock_guard lock(mutex);
        if (open_in_all >= limits.connections || open[address] >= limits.connections_per_address) return false;
        ++open_in_all;
        ++open[address];
        return true;
    }
    void leave(const std::string& address)
    {
        const std::lock_guard lock(mutex);
        --open_in_all;
        if (--open[address] == 0) open.erase(address);
    }
};

namespace {

using StatePtr = std::shared_ptr<RemoteControl::State>;

/// Counts a connection out however it ends.
class Visit {
public:
    Visit(StatePtr state, std::string address) : state_(std::move(state)), address_(std::move(address)) {}
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() { state_->leave(address_); }
    [[nodiscard]] const std::string& address() const noexcept { return address_; }

private:
    StatePtr state_;
    std::string address_;
};

std::string name_of(const net::PeerCertificate& certificate)
{
    return certificate.names.empty() ? "certificate " + certificate.sha256.substr(0, 16) : certificate.names.front();
}

/// Reads until the request is whole. False: the peer left, was slow, or speaks no HTTP; `wrong` says what to answer.
asio::awaitable<bool> read_request(net::Stream& stream, Parser& parser, net::Deadline deadline, std::string& wrong)
{
    std::string pending;
    std::array<char, buffer_size> buffer;
    while (!parser.is_done()) {
        const auto got = co_await stream.read_some(buffer.data(), buffer.size(), deadline);
        if (!got || *got == 0) co_return false;
        pending.append(buffer.data(), *got);
        boost::system::error_code failed;
        const auto used = parser.put(asio::buffer(pending), failed);
        pending.erase(0, used);
        if (failed && failed != http::error::need_more) {
            wrong = failed.message();
            co_return false;
        }
    }
    co_return true;
}

std::string head_of(const Response& response)
{
    const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
    const auto extent = response.pieces ? std::string("Transfer-Encoding: chunked")
                                        : fmt::format("Content-Length: {}", response.body.size());
    return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}\r\nConnection: close\r\n\r\n", response.status,
                       std::string_view(reason.data(), reason.size()), response.type, extent);
}

/// Whether all of them were taken; each has its own time.
asio::awaitable<bool> write_pieces(net::Stream& stream, const Pieces& pieces, Duration patience, Log& log)
{
    for (;;) {
        auto piece = co_await pieces();
        if (!piece) {
            log.error("an answer of the control protocol was cut off", {{"reason", piece.error().describe()}});
            co_return false;
        }
        // A chunk of no bytes is the last one.
        const std::string size = fmt::format("{:x}\r\n", piece->size());
        const std::array<std::string_view, 3> chunk{size, *piece, "\r\n"};
        const auto written = co_await stream.write(chunk, net::after(patience));
        if (!written) co_return false;
        if (piece->empty()) co_return true;
    }
}

asio::awaitable<void> write_response(net::Stream& stream, const Response& response, Duration patience, Log& log)
{
    const std::string head = head_of(response);
    const std::array<std::string_view, 2> first{head, response.body};
    const auto written = co_await stream.write(first, net::after(patience));
    if (!written) co_return;
    if (response.pieces) {
        const bool whole = co_await write_pieces(stream, response.pieces, patience, log);
        if (!whole) co_return;
    }
    co_await stream.shutdown(net::after(farewell));
}

asio::awaitable<Response> ask_handler(StatePtr state, Request request)
{
    co_return co_await answer(state->handler, std::move(request), state->log);
}

asio::awaitable<void> converse(net::Stream stream, StatePtr state, std::unique_ptr<Visit> visit)
{
    const auto& limits = state->limits;
    const auto connected = std::chrono::steady_clock::now();
    auto context = state->context();
    const auto shaken = co_await stream.handshake_server(std::move(context), net::after(limits.handshake));
    if (!shaken) {
        state->log.warning("administrator refused", {{"peer", visit->address()}, {"reason", shaken.error().detail()}});
        co_return;
    }
    const auto certificate = stream.peer_certificate();
    if (!certificate || !certificate->trusted) co_return;  // the handshake has seen to it
    Parser parser;
    parser.header_limit(limits.header);
    parser.body_limit(request_body_limit);
    parser.eager(true);
    std::string wrong;
    const bool whole = co_await read_request(stream, parser, net::after(limits.request), wrong);
    if (!whole && wrong.empty()) co_return;
    Response response = Response::error(400, "this is no request of the control protocol: " + wrong, true);
    if (whole) {
        auto request = request_of(parser.get(), name_of(*certificate));
        request.from_afar = true;
        request.connected = connected;
        state->log.info(
            "administrator asks",
            {{"actor", request.actor}, {"peer", visit->address()}, {"act", request.method + " " + request.path}});
        auto asked = ask_handler(state, std::move(request));
        response = co_await asio::co_spawn(state->reactors.context(0), std::move(asked), asio::use_awaitable);
    }
    co_await write_response(stream, response, limits.response, state->log);
}

void serve(const StatePtr& state, net::Socket socket, const net::Peer& peer)
{
    auto address = vocabulary::print_ip(peer.ip);
    if (!state->enter(address)) {
        state->log.warning("administrator refused", {{"peer", address}, {"reason", "too many connections"}});
        return;  // closes it
    }
    auto visit = std::make_unique<Visit>(state, std::move(address));
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, converse(net::Stream(std::move(socket)), state, std::move(visit)), asio::detached);
}

}  // namespace

RemoteControl::RemoteControl(net::Reactors& reactors, Log& log, Handler handler, RemoteLimits limits)
    : reactors_(reactors), state_(new State{reactors, log, std::move(handler), limits, {}, {}, {}, 0})
{
}

RemoteControl::~RemoteControl()
{
    stop();
}

Result<void> RemoteControl::bind(const vocabulary::ControlRemote& declared)
{
    if (auto ready = renew(declared); !ready) return ready;
    auto bound = net::Listener::bind(declared.address);
    if (!bound) return fault(Retry::never, "it can't listen").about("control: remote").because(bound.error());
    listener_ = std::move(*bound);
    address_ = declared.address;
    return {};
}

// The new one listens before the old one ends, where both can: one may be a part of the other.
Result<void> RemoteControl::move_to(const vocabulary::HostPort& address)
{
    auto bound = net::Listener::bind(address);
    if (!bound) {
        listener_->stop();
        for (int tries = 0; !bound && tries < 20; ++tries) {  // its port is given back by reactor 0
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
            bound = net::Listener::bind(address);
        }
        if (!bound) {
            auto back = net::Listener::bind(address_);
            if (back) listener_ = std::move(*back);
            if (back) start();
            return fault(Retry::never, "it can't listen there; it stays where it was")
                .about("control: remote")
                .because(bound.error());
        }
    }
    const auto before = std::exchange(listener_, std::move(*bound));
    address_ = address;
    start();
    before->stop();
    return {};
}

void RemoteControl::start()
{
    if (!listener_) return;
    listener_->start(reactors_, [state = state_](net::Socket socket, std::size_t, net::Peer peer) {
        serve(state, std::move(socket), peer);
    });
}

Result<void> RemoteControl::renew(const vocabulary::ControlRemote& declared)
{
    if (listener_ && !(declared.address == address_))
        if (auto moved = move_to(declared.address); !moved) return moved;
    auto context = net::TlsContext::closed_server({declared.certificate, declared.key}, declared.administrators);
    if (!context)
        return fault(Retry::never, "its TLS can't be set up").about("control: remote").because(context.error());
    const std::lock_guard lock(state_->mutex);
    state_->tls = std::move(*context);
    return {};
}

void RemoteControl::stop()
{
    if (listener_) listener_->stop();
}

}  // namespace postern::control
