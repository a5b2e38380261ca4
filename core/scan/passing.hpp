// Descriptors, and datagrams that carry one: how posternd and the scanner's processes hand work to each other.
//
// A socket pair is SOCK_SEQPACKET: a datagram comes whole or not at all. No thread of its own; nothing here throws
// but what says so.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postern::scan {

/// Owns a file descriptor.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) noexcept : number_(number) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept
    {
        if (this != &other) {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
    explicit operator bool() const noexcept { return number_ >= 0; }
    void reset() noexcept;

private:
    int number_ = -1;
};

/// Longest datagram that either side sends or takes.
constexpr std::size_t longest_datagram = 160 * 1024;

struct Datagram {
    std::string bytes;
    Descriptor passed;  ///< nothing where none came
};

enum class Received { datagram, nothing_yet, ended };

/// Two connected ends; throws std::runtime_error.
[[nodiscard]] std::pair<Descriptor, Descriptor> socket_pair();
/// Sends one datagram, with `passed` unless it is negative. False where the peer is gone or does not read.
[[nodiscard]] bool send_datagram(int socket, std::string_view bytes, int passed = -1) noexcept;
/// Takes one; waits for it unless the socket is non-blocking. One that is longer, or that carries more than one
/// descriptor, is an end: nobody honest sends it.
[[nodiscard]] Received receive_datagram(int socket, Datagram& datagram);

/// Bytes in anonymous memory that nobody can change any more: sealed against writing, growing and shrinking.
/// Throws std::runtime_error where memory is short.
[[nodiscard]] Descriptor sealed_memory(std::string_view bytes);

/// Maps sealed memory for reading, and is sure that it stays as it is.
class SealedView {
public:
    /// Nothing where the descriptor is no memory that is sealed like this, or has another size.
    static std::optional<SealedView> open(int descriptor, std::size_t size) noexcept;
    ~SealedView();
    SealedView(SealedView&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    SealedView& operator=(SealedView&&) = delete;
    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

private:
    explicit SealedView(std::string_view bytes) noexcept : bytes_(bytes) {}
    std::string_view bytes_;
};

}  // namespace postern::scan
