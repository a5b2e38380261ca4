// One connection: clear text or TLS over TCP or a local socket, without a buffer of its own.
//
// Owned by one session coroutine on the thread of its socket; not thread-safe. OpenSSL works on the descriptor
// itself, so an idle connection holds no record buffers. Every operation has a deadline; what a peer or the
// network causes comes back as a Fault (later), and trouble() says of which sort. After a fault only close() is
// of use.
#pragma once

#include "net/deadline.hpp"
#include "net/tls_context.hpp"
#include "vocabulary/units.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::net {

/// One TLSA record (RFC 6698), data in binary.
struct Tlsa {
    std::uint8_t usage = 0;
    std::uint8_t selector = 0;
    std::uint8_t matching = 0;
    std::string data;
    friend bool operator==(const Tlsa&, const Tlsa&) = default;
};

/// How the server at the other end must prove itself; which part counts is the client context's mode.
/// Not an aggregate, since g++ 12 copies braced aggregates inside a co_await expression bit by bit.
struct ServerProof {
    ServerProof() = default;
    explicit ServerProof(std::string server_name, std::vector<std::string> accepted = {},
                         std::vector<Tlsa> records = {})
        : name(std::move(server_name)), pins(std::move(accepted)), tlsa(std::move(records))
    {
    }

    std::string name;               ///< sent as SNI; `verify`, `dane`: the certificate must be valid for it
    std::vector<std::string> pins;  ///< `pin`: SHA-256 of accepted certificates, lower-case hexadecimal
    std::vector<Tlsa> tlsa;         ///< `dane`: usages 2 and 3 (RFC 7672); others are passed over
};

/// What the peer's certificate says.
struct PeerCertificate {
    bool trusted = false;            ///< a declared authority vouches for it, in date, not revoked
    std::string problem;             ///< why it is not trusted; empty if it is
    std::vector<std::string> names;  ///< its DNS names (subjectAltName), lower case
    std::string sha256;              ///< of its DER form, lower-case hexadecimal
};

class Stream {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    /// Why the last operation failed.
    enum class Trouble {
        none,
        timed_out,   ///< its deadline passed
        closed,      ///< the peer reset or went away, or the network broke
        cancelled,   ///< cancel() or the coroutine's cancellation
        tls_failed,  ///< TLS failed: no common version, bad records, the peer's alert
        unverified,  ///< the server could not prove itself
    };

    /// Takes a connected socket, which becomes non-blocking, without Nagle's delay.
    explicit Stream(Socket socket);
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) noexcept;
    ~Stream();

    /// Returns when bytes (or the end) can be read: wait here before allocating a buffer.
    [[nodiscard]] Async<Result<void>> wait_readable(Deadline deadline);
    /// Reads what is there, waiting only if nothing is. 0 is the end: the peer closed in order (or, under TLS,
    /// without saying so: nothing that counts may end by closing). `buffer` must live until it returns.
    [[nodiscard]] Async<Result<std::size_t>> read_some(char* buffer, std::size_t size, Deadline deadline);
    /// Writes all pieces, in order; the deadline is for all of them. The pieces, and what they view, must live
    /// until it returns.
    [[nodiscard]] Async<Result<void>> write(std::span<const std::string_view> pieces, Deadline deadline);
    [[nodiscard]] Async<Result<void>> write(std::string_view text, Deadline deadline);

    /// From here on TLS, as the server. Bytes that the caller read before and has not used must be thrown away by it.
    [[nodiscard]] Async<Result<void>> handshake_server(TlsContextPtr context, Deadline deadline);
    /// From here on TLS, as the client; done only if the server has proved itself as the context's mode demands.
    [[nodiscard]] Async<Result<void>> handshake_client(TlsContextPtr context, ServerProof proof, Deadline deadline);

    /// Tells the peer that nothing more comes (TLS close_notify, FIN). Does not wait for the peer's.
    [[nodiscard]] Async<void> shutdown(Deadline deadline);
    void close() noexcept;
    /// Makes the pending operation fail with Trouble::cancelled. On the stream's own thread.
    void cancel() noexcept;

    /// Whether bytes or the end of the stream can be read right now. On a connection that rests between
    /// transactions anything but false means that it can't be used again. Does not consume data.
    [[nodiscard]] bool readable_now() noexcept;

    [[nodiscard]] bool is_open() const noexcept;
    [[nodiscard]] bool is_tls() const noexcept;
    [[nodiscard]] Trouble trouble() const noexcept;
    /// "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty for clear text.
    [[nodiscard]] std::string tls_description() const;
    /// Nothing if the peer showed none (or there is no TLS).
    [[nodiscard]] std::optional<PeerCertificate> peer_certificate() const;
    /// The executor of its thread.
    [[nodiscard]] boost::asio::any_io_executor executor() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Connects by TCP. Fault (later) names the address and the reason.
[[nodiscard]] boost::asio::awaitable<Result<Stream>> connect(vocabulary::Ip ip, std::uint16_t port, Deadline deadline);
/// Connects to a local socket.
[[nodiscard]] boost::asio::awaitable<Result<Stream>> connect(std::string path, Deadline deadline);

}  // namespace postern::net
