// What went wrong, said once where it is known, with everything that any reader of it needs.
//
// A value type, owned by whoever holds it; safe to move between threads. Expected failure travels as
// Result<T>; exceptions are for bugs and lost resources and are caught at a session's edge.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace postern {

/// Whether trying again can help. The first digit of an SMTP reply and the class of an RFC 3463 status both
/// derive from this and from nothing else.
enum class Retry { later, never };

/// An RFC 3463 status without its class: subject and detail, as in x.SUBJECT.DETAIL.
struct Status {
    std::uint16_t subject = 0;
    std::uint16_t detail = 0;
    friend bool operator==(const Status&, const Status&) = default;
};

/// What a peer may be told: the last two digits of the SMTP code (50 in 550), the status, and a text of one line.
struct PeerText {
    int digits = 51;
    Status status{3, 0};
    std::string text;
    friend bool operator==(const PeerText&, const PeerText&) = default;
};

class Fault {
public:
    /// `detail` is for logs and administrators only; a peer sees it never.
    Fault(Retry retry, std::string detail) : retry_(retry), detail_(std::move(detail)) {}

    /// Sets what a peer may see. `digits` are the last two of the SMTP code (0..99); without this call a peer
    /// sees a general text that tells it nothing.
    Fault&& tell_peer(int digits, Status status, std::string text) &&;
    /// Names the object: an address, a file, a peer. Shown in front of the detail.
    Fault&& about(std::string object) &&;
    /// Keeps what caused this fault; shown behind the detail.
    Fault&& because(Fault cause) &&;

    [[nodiscard]] Retry retry() const noexcept { return retry_; }
    [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
    [[nodiscard]] const std::string& object() const noexcept { return object_; }
    /// The text for a peer; a general one if none was set.
    [[nodiscard]] PeerText peer() const;
    /// "object: detail; because cause", for logs and the command line.
    [[nodiscard]] std::string describe() const;

private:
    Retry retry_;
    std::string detail_;
    std::string object_;
    std::shared_ptr<const PeerText> peer_;
    std::shared_ptr<const Fault> cause_;
};

template <class T>
using Result = std::expected<T, Fault>;

/// A fault in the form that a Result<T> function returns: `return fault(Retry::later, "...").tell_peer(...)`.
/// Changes it in place: a move assignment to itself would empty its strings.
class FaultBuilder {
public:
    explicit FaultBuilder(Fault fault) : fault_(std::move(fault)) {}
    FaultBuilder&& tell_peer(int digits, Status status, std::string text) &&
    {
        static_cast<void>(std::move(fault_).tell_peer(digits, status, std::move(text)));
        return std::move(*this);
    }
    FaultBuilder&& about(std::string object) &&
    {
        static_cast<void>(std::move(fault_).about(std::move(object)));
        return std::move(*this);
    }
    FaultBuilder&& because(Fault cause) &&
    {
        static_cast<void>(std::move(fault_).because(std::move(cause)));
        return std::move(*this);
    }
    template <class T>
    operator std::expected<T, Fault>() &&  // NOLINT: implicit, so that `return fault(...)` reads well
    {
        return std::unexpected(std::move(fault_));
    }
    operator Fault() && { return std::move(fault_); }  // NOLINT: same

private:
    Fault fault_;
};

[[nodiscard]] inline FaultBuilder fault(Retry retry, std::string detail)
{
    return FaultBuilder(Fault(retry, std::move(detail)));
}

}  // namespace postern
