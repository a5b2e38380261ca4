// An SMTP reply: code, RFC 3463 status, lines. A regular value; no I/O.
#pragma once

#include "base/fault.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

struct Reply {
    int code = 0;                  ///< 200..599
    std::optional<Status> status;  ///< put in front of each line when the client was offered ENHANCEDSTATUSCODES
    std::vector<std::string> lines;

    [[nodiscard]] static Reply of(int code, Status status, std::string line);
    /// Replies that carry no status: greeting, EHLO, 354.
    [[nodiscard]] static Reply plain(int code, std::string line);
    /// 4xx or 5xx as the fault's retry class says; text and status are those for the peer.
    [[nodiscard]] static Reply from(const Fault& fault);

    [[nodiscard]] bool positive() const noexcept { return code < 400; }
    [[nodiscard]] bool transient() const noexcept { return code >= 400 && code < 500; }
    [[nodiscard]] bool permanent() const noexcept { return code >= 500; }
    /// "250-...\r\n250 ...\r\n". Text is made printable and each line kept within 512 bytes (RFC 5321 4.5.3.1.5).
    /// Text that is not ASCII goes out only to a client that said SMTPUTF8 (RFC 6531 section 3.7.4); others see '?'.
    [[nodiscard]] std::string wire(bool utf8 = false) const;
    /// One line for logs: "250 2.0.0 Ok".
    [[nodiscard]] std::string summary() const;
};

}  // namespace postern::mail
