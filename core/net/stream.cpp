#include "net/stream.hpp"

#include "net/openssl.hpp"
#include "net/pieces.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

namespace postern::net {

namespace asio = boost::asio;

namespace {

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t record_size = 16 * 1024;  // the most that one TLS record carries (RFC 8446 section 5.1)

Fault network_fault(std::string detail)
{
    return fault(Retry::later, std::move(detail)).tell_peer(51, {4, 2}, "The connection was lost");
}

/// SNI (RFC 6066 section 3); OpenSSL's macro for it holds an old-style cast.
void send_server_name(SSL* ssl, std::string name)
{
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
}

}  // namespace

struct Stream::Impl {
    explicit Impl(Socket taken) : socket(std::move(taken)), watch(socket) {}

    asio::awaitable<Result<void>> wait(Socket::wait_type what, Deadline deadline)
    {
        watch.arm(deadline);
        const auto [failed] = co_await socket.async_wait(what, awaited);
        const bool expired = watch.disarm();
        if (!failed) co_return Result<void>{};
        co_return std::unexpected(interrupted(failed, expired));
    }

    Fault interrupted(const boost::system::error_code& failed, bool expired)
    {
        if (failed != asio::error::operation_aborted) {
            trouble = Trouble::closed;
            return network_fault(failed.message());
        }
        trouble = expired ? Trouble::timed_out : Trouble::cancelled;
        return network_fault(expired ? "timed out" : "cancelled");
    }

    Fault broken(int error)
    {
        trouble = Trouble::closed;
        return network_fault(std::strerror(error));
    }

    /// What an SSL call that returned `result` waits for; a fault if it can't go on.
    Result<Socket::wait_type> wish(int result)
    {
        const int saved = errno;
        const int error = SSL_get_error(ssl.get(), result);
        if (error == SSL_ERROR_WANT_READ) return Socket::wait_read;
        if (error == SSL_ERROR_WANT_WRITE) return Socket::wait_write;
        if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) return std::unexpected(broken(saved ? saved : EPIPE));
        if (error == SSL_ERROR_ZERO_RETURN) return std::unexpected(broken(EPIPE));
        trouble = Trouble::tls_failed;
        std::string text = openssl_error("TLS failed");
        return std::unexpected(network_fault("TLS: " + std::move(text)));
    }

    void start_tls(TlsContextPtr with)
    {
        context = std::move(with);
        ERR_clear_error();
        ssl.reset(SSL_new(context->native()));
        if (!ssl || SSL_set_fd(ssl.get(), socket.native_handle()) != 1) throw std::bad_alloc();
    }

    asio::awaitable<Result<void>> shake_hands(Deadline deadline)
    {
        for (;;) {
            ERR_clear_error();
            errno = 0;
            const int result = SSL_do_handshake(ssl.get());
            if (result == 1) co_return Result<void>{};
            const auto what = wish(result);
            if (!what) co_return std::unexpected(what.error());
            auto ready = co_await wait(*what, deadline);
            if (!ready) co_return ready;
        }
    }

    [[nodiscard]] Result<void> prepare_proof(const ServerProof& proof);
    [[nodiscard]] Result<void> check_proof(const ServerProof& proof);
    [[nodiscard]] Fault unverified(std::string why);

    asio::awaitable<Result<void>> write_clear(Pieces pieces, Deadline deadline);
    asio::awaitable<Result<void>> write_tls(Pieces pieces, Deadline deadline);
    asio::awaitable<Result<void>> write_record(const char* data, std::size_t size, std::size_t& written,
                                               Deadline deadline);

    Socket socket;
    Watch watch;
    TlsContextPtr context;
    std::unique_ptr<SSL, FreeSsl> ssl;
    Trouble trouble = Trouble::none;
};

// --- proofs -----------------------------------------------------------------------------------------------------

Fault Stream::Impl::unverified(std::string why)
{
    trouble = Trouble::unverified;
    return fault(Retry::later, "the server did not prove itself: " + std::move(why))
        .tell_peer(54, {7, 5}, "The next mail server could not prove its identity");
}

Result<void> Stream::Impl::prepare_proof(const ServerProof& proof)
{
    SSL_set_connect_state(ssl.get());
    const bool is_address = vocabulary::parse_ip(proof.name).has_value();
    if (!is_address && !proof.name.empty()) send_server_name(ssl.get(), proof.name);
    switch (context->mode()) {
        case vocabulary::HopTls::verify: {
            X509_VERIFY_PARAM* demands = SSL_get0_param(ssl.get());
            X509_VERIFY_PARAM_set_hostflags(demands, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
            const int set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(demands, proof.name.c_str())
                                       : X509_VERIFY_PARAM_set1_host(demands, proof.name.data(), proof.name.size());
            // Without a name every certificate of a trusted authority would do.
            if (proof.name.empty() || set != 1) return std::unexpected(unverified("no name to verify"));
            return {};
        }
        case vocabulary::HopTls::dane: {
            if (SSL_dane_enable(ssl.get(), proof.name.c_str()) != 1)
                return std::unexpected(unverified("no name for DANE"));
            SSL_dane_set_flags(ssl.get(), DANE_FLAG_NO_DANE_EE_NAMECHECKS);  // RFC 7672 section 3.1.1
            int usable = 0;
            for (const Tlsa& record : proof.tlsa)
                if ((record.usage == 2 || record.usage == 3) &&
                    SSL_dane_tlsa_add(ssl.get(), record.usage, record.selector, record.matching,
                                      reinterpret_cast<const unsigned char*>(record.data.data()),
                                      record.data.size()) == 1)
                    ++usable;
            ERR_clear_error();
            if (usable == 0) return std::unexpected(unverified("no usable TLSA record"));
            return {};
        }
        case vocabulary::HopTls::pin:
            if (proof.pins.empty()) return std::unexpected(unverified("no pin is declared"));
            return {};
        case vocabulary::HopTls::none:
            break;
    }
    return std::unexpected(unverified("the context is not one for next hops"));
}

Result<void> Stream::Impl::check_proof(const ServerProof& proof)
{
    const std::unique_ptr<X509, FreeX509> shown(SSL_get1_peer_certificate(ssl.get()));
    if (!shown) return std::unexpected(unverified("it showed no certificate"));
    if (context->mode() != vocabulary::HopTls::pin) {
        const long problem = SSL_get_verify_result(ssl.get());
        if (problem != X509_V_OK) return std::unexpected(unverified(X509_verify_cert_error_string(problem)));
        return {};
    }
    const std::string print = fingerprint(shown.get());
    if (std::ranges::find(proof.pins, print) == proof.pins.end())
        return std::unexpected(unverified(fmt::format("its certificate {} is not the one pinned", print)));
    return {};
}

// --- writing ----------------------------------------------------------------------------------------------------

asio::awaitable<Result<void>> Stream::Impl::write_clear(Pieces pieces, Deadline deadline)
{
    while (!pieces.done()) {
        std::array<iovec, 64> vectors{};
        msghdr message{};
        message.msg_iov = vectors.data();
        message.msg_iovlen = pieces.fill(vectors.data(), vectors.size());
        const ssize_t sent = ::sendmsg(socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            pieces.advance(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            auto ready = co_await wait(Socket::wait_write, deadline);
            if (!ready) co_return ready;
        } else if (errno != EINTR) {
            co_return std::unexpected(broken(errno));
        }
    }
    co_return Result<void>{};
}

asio::awaitable<Result<void>> Stream::Impl::write_record(const char* data, std::size_t size, std::size_t& written,
                                                         Deadline deadline)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        const int result = SSL_write_ex(ssl.get(), data, size, &written);
        if (result == 1) co_return Result<void>{};
        const auto what = wish(result);
        if (!what) co_return std::unexpected(what.error());
        auto ready = co_await wait(*what, deadline);
        if (!ready) co_return ready;
    }
}

asio::awaitable<Result<void>> Stream::Impl::write_tls(Pieces pieces, Deadline deadline)
{
    std::unique_ptr<char[]> gathered;
    while (!pieces.done()) {
        const char* data = pieces.front().data();
        std::size_t size = std::min(pieces.front().size(), record_size);
        if (size < record_size && !pieces.is_last()) {
            if (!gathered) gathered = std::make_unique_for_overwrite<char[]>(record_size);
            size = pieces.copy(gathered.get(), record_size);
            data = gathered.get();
        }
        std::size_t written = 0;
        auto done = co_await write_record(data, size, written, deadline);
        if (!done) co_return done;
        pieces.advance(written);
    }
    co_return Result<void>{};
}

// --- Stream -----------------------------------------------------------------------------------------------------

Stream::Stream(Socket socket) : impl_(std::make_unique<Impl>(std::move(socket)))
{
    boost::system::error_code ignored;
    impl_->socket.native_non_blocking(true, ignored);
    const int on = 1;  // fails on local sockets, which have no delay
    ::setsockopt(impl_->socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

asio::awaitable<Result<void>> Stream::wait_readable(Deadline deadline)
{
    if (impl_->ssl && SSL_pending(impl_->ssl.get()) > 0) co_return Result<void>{};
    co_return co_await impl_->wait(Socket::wait_read, deadline);
}

asio::awaitable<Result<std::size_t>> Stream::read_some(char* buffer, std::size_t size, Deadline deadline)
{
    Impl& self = *impl_;
    for (;;) {
        Socket::wait_type what = Socket::wait_read;
        if (!self.ssl) {
            const ssize_t got = ::recv(self.socket.native_handle(), buffer, size, MSG_DONTWAIT);
            if (got >= 0) co_return static_cast<std::size_t>(got);
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) co_return std::unexpected(self.broken(errno));
        } else {
            ERR_clear_error();
            errno = 0;
            std::size_t got = 0;
            const int result = SSL_read_ex(self.ssl.get(), buffer, size, &got);
            if (result == 1) co_return got;
            if (SSL_get_error(self.ssl.get(), result) == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
            const auto wished = self.wish(result);
            if (!wished) co_return std::unexpected(wished.error());
            what = *wished;
        }
        auto ready = co_await self.wait(what, deadline);
        if (!ready) co_return std::unexpected(std::move(ready.error()));
    }
}

asio::awaitable<Result<void>> Stream::write(std::span<const std::string_view> pieces, Deadline deadline)
{
    return impl_->ssl ? impl_->write_tls(Pieces(pieces), deadline) : impl_->write_clear(Pieces(pieces), deadline);
}

asio::awaitable<Result<void>> Stream::write(std::string_view text, Deadline deadline)
{
    const std::array<std::string_view, 1> pieces{text};
    co_return co_await write(pieces, deadline);
}

asio::awaitable<Result<void>> Stream::handshake_server(TlsContextPtr context, Deadline deadline)
{
    impl_->start_tls(std::move(context));
    SSL_set_accept_state(impl_->ssl.get());
    co_return co_await impl_->shake_hands(deadline);
}

asio::awaitable<Result<void>> Stream::handshake_client(TlsContextPtr context, ServerProof proof, Deadline deadline)
{
    Impl& self = *impl_;
    self.start_tls(std::move(context));
    if (auto prepared = self.prepare_proof(proof); !prepared) co_return prepared;
    auto shaken = co_await self.shake_hands(deadline);
    if (!shaken) {
        // OpenSSL ends a handshake by itself when the certificate fails.
        const long problem = SSL_get_verify_result(self.ssl.get());
        if (self.trouble == Trouble::tls_failed && problem != X509_V_OK)
            co_return std::unexpected(self.unverified(X509_verify_cert_error_string(problem)));
        co_return shaken;
    }
    co_return self.check_proof(proof);
}

asio::awaitable<void> Stream::shutdown(Deadline deadline)
{
    Impl& self = *impl_;
    if (!is_open()) co_return;
    while (self.ssl && self.trouble == Trouble::none) {
        ERR_clear_error();
        errno = 0;
        const int result = SSL_shutdown(self.ssl.get());
        if (result >= 0) break;
        const auto what = self.wish(result);
        if (!what || *what != Socket::wait_write) break;
        const auto ready = co_await self.wait(*what, deadline);
        if (!ready) break;
    }
    ::shutdown(self.socket.native_handle(), SHUT_WR);
}

void Stream::close() noexcept
{
    boost::system::error_code ignored;
    impl_->socket.close(ignored);
}

void Stream::cancel() noexcept
{
    boost::system::error_code ignored;
    impl_->socket.cancel(ignored);
}

bool Stream::readable_now() noexcept
{
    char byte = 0;
    if (!impl_->ssl) {
        const ssize_t got = ::recv(impl_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
    // Peeking lets OpenSSL deal with what is no data: tickets, key updates.
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_peek_ex(impl_->ssl.get(), &byte, 1, &got);
    const bool nothing = result != 1 && SSL_get_error(impl_->ssl.get(), result) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return !nothing;
}

bool Stream::is_open() const noexcept
{
    return impl_->socket.is_open();
}

bool Stream::is_tls() const noexcept
{
    return impl_->ssl != nullptr;
}

Stream::Trouble Stream::trouble() const noexcept
{
    return impl_->trouble;
}

std::string Stream::tls_description() const
{
    if (!impl_->ssl) return {};
    return fmt::format("{} {}", SSL_get_version(impl_->ssl.get()), SSL_get_cipher_name(impl_->ssl.get()));
}

std::optional<PeerCertificate> Stream::peer_certificate() const
{
    if (!impl_->ssl) return std::nullopt;
    X509* shown = SSL_get0_peer_certificate(impl_->ssl.get());
    if (shown == nullptr) return std::nullopt;
    PeerCertificate peer;
    const long problem = SSL_get_verify_result(impl_->ssl.get());
    peer.trusted = problem == X509_V_OK && SSL_get_verify_mode(impl_->ssl.get()) != SSL_VERIFY_NONE;
    if (problem != X509_V_OK) peer.problem = X509_verify_cert_error_string(problem);
    peer.sha256 = fingerprint(shown);
    peer.names = dns_names(shown);
    return peer;
}

asio::any_io_executor Stream::executor() const
{
    return impl_->socket.get_executor();
}

}  // namespace postern::net
