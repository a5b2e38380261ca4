#include "control/http.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <stdexcept>

namespace postern::control {

namespace asio = boost::asio;
namespace http = boost::beast::http;

using asio::use_awaitable;

Response Response::json(const boost::json::value& value, unsigned status)
{
    return {status, "application/json", boost::json::serialize(value) + "\n"};
}

Response Response::text(std::string text, unsigned status)
{
    return {status, "text/plain; charset=utf-8", std::move(text)};
}

Response Response::error(unsigned status, const std::string& text, bool as_text)
{
    return as_text ? Response::text(text + "\n", status) : Response::json({{"error", text}}, status);
}

Request request_of(const HttpRequest& from, std::string actor, bool owner)
{
    Request request;
    request.method = std::string(from.method_string());
    request.body = from.body();
    request.actor = std::move(actor);
    request.owner = owner;
    request.acting_for = std::string(from["Postern-For"]);
    request.wants_text = from[http::field::accept].find("text/plain") != boost::beast::string_view::npos;
    if (const auto target = boost::urls::parse_origin_form({from.target().data(), from.target().size()})) {
        request.path = target->path();
        for (const auto& parameter : target->params())
            request.query[std::string(parameter.key)] = std::string(parameter.value);
    }
    return request;
}

asio::awaitable<Response> answer(const Handler& handler, Request request, Log& log)
{
    const bool as_text = request.wants_text;
    try {
        co_return co_await handler(std::move(request));
    } catch (const std::exception& error) {
        log.error("control request ended by a defect", {{"reason", error.what()}});
    }
    co_return Response::error(500, "the engine could not answer; its log says why", as_text);
}

struct HttpServer::State {
    net::Reactors& reactors;
    Log& log;
    Handler handler;
    std::vector<std::unique_ptr<asio::local::stream_protocol::acceptor>> local;
    std::vector<std::unique_ptr<asio::ip::tcp::acceptor>> tcp;
    std::vector<std::string> paths;
};

namespace {

/// Who is at the other end, by name, and whether that is who owns this machine's files anyway.
struct Visitor {
    std::string name;
    bool owner = false;
};

Visitor visitor_at(const asio::local::stream_protocol::socket& socket)
{
    ucred who{};
    socklen_t size = sizeof who;
    auto& native = const_cast<asio::local::stream_protocol::socket&>(socket);
    if (getsockopt(native.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {"unknown", false};
    std::array<char, 4096> buffer;
    passwd entry{}, *found = nullptr;
    getpwuid_r(who.uid, &entry, buffer.data(), buffer.size(), &found);
    return {found ? found->pw_name : fmt::format("uid {}", who.uid), who.uid == 0 || who.uid == geteuid()};
}

Visitor visitor_at(const asio::ip::tcp::socket&)
{
    return {};
}

/// Counts a connection out however it ends.
class Place {
public:
    explicit Place(std::shared_ptr<unsigned> open) : open_(std::move(open)) { ++*open_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Place(Place&&) noexcept = default;
    Place& operator=(Place&&) = delete;
    ~Place()
    {
        if (open_) --*open_;
    }

private:
    std::shared_ptr<unsigned> open_;  ///< of reactor 0
};

/// A body whose length nobody knows yet. A caller of HTTP/1.0 knows no chunks: for it the end of the connection is the
/// end. False: it can't be finished; the connection must not go on, so that it is seen to be cut off.
template <class Stream>
asio::awaitable<bool> write_pieces(Stream& stream, http::response<http::empty_body> head, const Pieces& pieces,
                                   Duration patience, Log& log)
{
    const bool chunked = head.version() >= 11;
    head.chunked(chunked);
    if (!chunked) head.keep_alive(false);
    http::response_serializer<http::empty_body> serializer(head);
    stream.expires_after(patience);
    co_await http::async_write_header(stream, serializer, use_awaitable);
    for (;;) {
        stream.expires_never();
        auto piece = co_await pieces();
        if (!piece) {
            log.error("an answer of the control protocol was cut off", {{"reason", piece.error().describe()}});
            co_return false;
        }
        if (piece->empty()) break;
        stream.expires_after(patience);
        const auto chunk = http::make_chunk(asio::buffer(*piece));
        if (chunked)
            co_await asio::async_write(stream, chunk, use_awaitable);
        else
            co_await asio::async_write(stream, asio::buffer(*piece), use_awaitable);
    }
    const auto last = http::make_chunk_last();
    if (chunked) co_await asio::async_write(stream, last, use_awaitable);
    co_return chunked;
}

template <class Socket>
asio::awaitable<void> converse(Socket socket, std::shared_ptr<HttpServer::State> state, HttpLimits limits,
                               [[maybe_unused]] Place place)
try {
    const Visitor visitor = visitor_at(socket);
    boost::beast::basic_stream<typename Socket::protocol_type> stream(std::move(socket));
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(limits.header);
        parser.body_limit(limits.body);
        stream.expires_after(limits.request);
        co_await http::async_read(stream, buffer, parser, use_awaitable);
        stream.expires_never();  // what is asked takes its time
        auto done = co_await answer(state->handler, request_of(parser.get(), visitor.name, visitor.owner), state->log);
        http::response<http::string_body> response(static_cast<http::status>(done.status), parser.get().version());
        response.set(http::field::content_type, done.type);
        response.keep_alive(parser.get().keep_alive());
        if (done.pieces) {
            http::response<http::empty_body> head(std::move(response.base()));
            const bool whole = co_await write_pieces(stream, std::move(head), done.pieces, limits.response, state->log);
            if (!whole || !parser.get().keep_alive()) break;
            continue;
        }
        response.body() = std::move(done.body);
        response.prepare_payload();
        stream.expires_after(limits.response);
        co_await http::async_write(stream, response, use_awaitable);
        if (!response.keep_alive()) break;
    }
} catch (const boost::system::system_error&) {
    // The caller went away, was slow, or asked for too much: nobody to tell.
}

template <class Acceptor>
asio::awaitable<void> accept_all(Acceptor* acceptor, std::shared_ptr<HttpServer::State> state, HttpLimits limits)
try {
    asio::steady_timer pause(acceptor->get_executor());
    const auto open = std::make_shared<unsigned>(0);
    while (acceptor->is_open()) {
        auto [failed, socket] = co_await acceptor->async_accept(asio::as_tuple(use_awaitable));
        if (!failed) {
            if (*open >= limits.connections) continue;  // closes it
            auto talk = converse(std::move(socket), state, limits, Place(open));
            asio::co_spawn(acceptor->get_executor(), std::move(talk), asio::detached);
            continue;
        }
        // Out of descriptors, or a caller that left: the next one is to be answered all the same.
        pause.expires_after(std::chrono::milliseconds{100});
        co_await pause.async_wait(use_awaitable);
    }
} catch (const boost::system::system_error&) {
    // Closed by stop().
}

bool somebody_answers(const std::string& path)
{
    asio::io_context io;
    asio::local::stream_protocol::socket socket(io);
    boost::system::error_code failed;
    socket.connect(path, failed);
    return !failed;
}

void permit(const std::string& path, const std::string& group)
{
    if (group.empty()) {
        chmod(path.c_str(), 0600);
        return;
    }
    const auto* entry = getgrnam(group.c_str());
    if (!entry) throw std::runtime_error(fmt::format("control: there is no group \"{}\" on this machine", group));
    if (chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0)
        throw std::runtime_error(fmt::format("control: can't give {} to group {}", path, group));
    chmod(path.c_str(), 0660);
}

}  // namespace

HttpServer::HttpServer(net::Reactors& reactors, Log& log, Handler handler)
    : state_(std::make_shared<State>(State{reactors, log, std::move(handler), {}, {}, {}}))
{
}

HttpServer::~HttpServer()
{
    for (const auto& path : state_->paths) unlink(path.c_str());
}

void HttpServer::listen_local(const std::string& path, const std::string& group)
{
    if (path.size() > 107)
        throw std::runtime_error(fmt::format("control: the path of the socket is too long (107 bytes): {}", path));
    if (somebody_answers(path)) throw std::runtime_error(fmt::format("control: another engine answers at {}", path));
    unlink(path.c_str());
    auto& context = state_->reactors.context(0);
    const auto mask = umask(0177);
    try {
        state_->local.push_back(std::make_unique<asio::local::stream_protocol::acceptor>(context, path));
    } catch (const boost::system::system_error& error) {
        umask(mask);
        throw std::runtime_error(fmt::format("control: can't listen at {}: {}", path, error.code().message()));
    }
    umask(mask);
    state_->paths.push_back(path);
    permit(path, group);
    asio::co_spawn(context, accept_all(state_->local.back().get(), state_, local_limits), asio::detached);
}

void HttpServer::listen_tcp(const vocabulary::HostPort& address)
{
    auto& context = state_->reactors.context(0);
    try {
        const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
        state_->tcp.push_back(std::make_unique<asio::ip::tcp::acceptor>(context, endpoint));
    } catch (const boost::system::system_error& error) {
        throw std::runtime_error(fmt::format("metrics: can't listen at {}: {}", vocabulary::print_host_port(address),
                                             error.code().message()));
    }
    asio::co_spawn(context, accept_all(state_->tcp.back().get(), state_, metrics_limits), asio::detached);
}

void HttpServer::stop()
{
    asio::post(state_->reactors.context(0), [state = state_] {
        for (auto& acceptor : state->local) acceptor->close();
        for (auto& acceptor : state->tcp) acceptor->close();
    });
}

}  // namespace postern::control
