#include "net/listener.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

namespace postern::net {

namespace asio = boost::asio;

/// Shared with the accept loop. The descriptor is `fd` until start(), the acceptor's afterwards.
struct Listener::State {
    ~State()
    {
        if (fd >= 0) ::close(fd);
    }

    int fd = -1;
    std::atomic<bool> stopped = false;
    Reactors* reactors = nullptr;
    std::optional<asio::ip::tcp::acceptor> acceptor;  ///< touched by reactor 0 alone once started
    std::mutex mutex;                                 ///< guards `handler`
    std::shared_ptr<const AcceptHandler> handler;
    std::size_t next = 0;
};

namespace {

/// A closed descriptor on every path but release().
class Descriptor {
public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor()
    {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

FaultBuilder errno_fault(const std::string& what, int error)
{
    return fault(Retry::never, fmt::format("{}: {}", what, std::strerror(error)));
}

Peer to_peer(const sockaddr_storage& address)
{
    Peer peer;
    if (address.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(peer.ip.bytes.data(), &v6.sin6_addr, 16);
        peer.port = ntohs(v6.sin6_port);
    } else {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        peer.ip.bytes[10] = peer.ip.bytes[11] = 0xFF;
        std::memcpy(peer.ip.bytes.data() + 12, &v4.sin_addr, 4);
        peer.port = ntohs(v4.sin_port);
    }
    return peer;
}

socklen_t to_sockaddr(const vocabulary::Ip& ip, std::uint16_t port, sockaddr_storage& address)
{
    if (ip.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, ip.bytes.data() + 12, 4);
        std::memcpy(&address, &v4, sizeof v4);
        return sizeof v4;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.bytes.data(), 16);
    std::memcpy(&address, &v6, sizeof v6);
    return sizeof v6;
}

/// Out of descriptors or memory: waiting helps, trying at once only burns time.
bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/// Makes the socket on its own thread and calls the handler in force.
template <class StatePtr>
void hand_over(const StatePtr& state, int fd, int family, Peer peer)
{
    const std::size_t index = state->next++ % state->reactors->size();
    // Owned by the posted work, so that a context that never runs again closes it.
    auto owned = std::make_shared<Descriptor>(fd);
    asio::post(state->reactors->context(index), [state, owned, family, index, peer] {
        std::shared_ptr<const AcceptHandler> handler;
        {
            const std::lock_guard lock(state->mutex);
            handler = state->handler;
        }
        const asio::generic::stream_protocol protocol(family, IPPROTO_TCP);
        Socket socket(state->reactors->context(index));
        boost::system::error_code failed;
        socket.assign(protocol, owned->get(), failed);
        if (failed) return;
        static_cast<void>(owned->release());
        (*handler)(std::move(socket), index, peer);
    });
}

/// Accepts all that wait; false when short of something.
template <class StatePtr>
bool accept_waiting(const StatePtr& state)
{
    // At most so many in a row: this thread has sessions of its own.
    for (int i = 0; i < 64 && !state->stopped; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int fd = ::accept4(state->acceptor->native_handle(), reinterpret_cast<sockaddr*>(&address), &size,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            hand_over(state, fd, address.ss_family, to_peer(address));
        else if (is_shortage(errno))
            return false;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return true;
    }
    return true;
}

template <class StatePtr>
asio::awaitable<void> accept_loop(StatePtr state)
{
    constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
    asio::steady_timer pause(state->reactors->context(0));
    while (!state->stopped) {
        const auto [failed] = co_await state->acceptor->async_wait(asio::ip::tcp::acceptor::wait_read, awaited);
        if (state->stopped) break;
        if (!failed && accept_waiting(state)) continue;
        pause.expires_after(std::chrono::milliseconds{100});
        const auto [interrupted] = co_await pause.async_wait(awaited);
        if (interrupted) break;
    }
}

Result<std::uint16_t> bound_port(int fd)
{
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        return errno_fault("not a listening socket", errno);
    return to_peer(address).port;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::bind(const vocabulary::HostPort& address)
{
    const std::string name = vocabulary::print_host_port(address);
    const auto ip = vocabulary::parse_ip(address.host);
    if (!ip)
        return fault(Retry::never, "a listener's address is an IP address and a port").about(name).because(ip.error());

    sockaddr_storage place{};
    const socklen_t size = to_sockaddr(*ip, address.port, place);
    Descriptor socket(::socket(place.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return errno_fault("can't make a socket", errno).about(name);
    const int on = 1;
    const int off = 0;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (place.ss_family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&place), size) != 0)
        return errno_fault("can't bind", errno).about(name);
    if (::listen(socket.get(), SOMAXCONN) != 0) return errno_fault("can't listen", errno).about(name);
    return adopt(socket.release());
}

Result<std::unique_ptr<Listener>> Listener::adopt(int descriptor)
{
    auto state = std::make_shared<State>();
    state->fd = descriptor;
    const auto port = bound_port(descriptor);
    if (!port) return std::unexpected(port.error());
    return std::unique_ptr<Listener>(new Listener(std::move(state), *port));
}

Listener::Listener(std::shared_ptr<State> state, std::uint16_t port) : state_(std::move(state)), port_(port) {}

Listener::~Listener()
{
    stop();
}

void Listener::start(Reactors& reactors, AcceptHandler handler)
{
    state_->reactors = &reactors;
    state_->handler = std::make_shared<const AcceptHandler>(std::move(handler));
    asio::post(reactors.context(0), [state = state_] {
        if (state->stopped) return;
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        ::getsockname(state->fd, reinterpret_cast<sockaddr*>(&address), &size);
        const auto protocol = address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
        state->acceptor.emplace(state->reactors->context(0), protocol, std::exchange(state->fd, -1));
        state->acceptor->native_non_blocking(true);
        asio::co_spawn(state->reactors->context(0), accept_loop(state), asio::detached);
    });
}

void Listener::replace(AcceptHandler handler)
{
    auto fresh = std::make_shared<const AcceptHandler>(std::move(handler));
    const std::lock_guard lock(state_->mutex);
    state_->handler.swap(fresh);
}

void Listener::stop()
{
    if (state_->stopped.exchange(true)) return;
    if (state_->reactors == nullptr) return;  // never started: the descriptor goes with the state
    asio::post(state_->reactors->context(0), [state = state_] {
        boost::system::error_code ignored;
        if (state->acceptor) state->acceptor->close(ignored);
    });
}

}  // namespace postern::net
