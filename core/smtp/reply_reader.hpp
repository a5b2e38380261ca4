// Replies of a server, from bytes to values (RFC 5321 section 4.2).
//
// Owned by the client machine; no I/O. Safe on any bytes: what is too long or no reply is a fault (Retry::later),
// after which the connection is of no more use.
#pragma once

#include "mail/reply.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

struct ReplyLimits {
    std::size_t line = 2000;                     ///< bytes of one line, CRLF included
    std::size_t total = std::size_t{64} * 1024;  ///< bytes of one reply
    std::size_t lines = 100;                     ///< lines of one reply
};

class ReplyReader {
public:
    explicit ReplyReader(const ReplyLimits& limits = {}) : limits_(limits) {}

    void receive(std::string_view bytes);
    /// The next complete reply, nothing when more bytes are needed, or a fault. The RFC 3463 status is taken off
    /// the lines when its class agrees with the code; controls in the text become '?'.
    [[nodiscard]] Result<std::optional<mail::Reply>> next();
    /// Bytes that came and are not part of a reply that next() gave.
    [[nodiscard]] bool has_input() const noexcept { return consumed_ < input_.size() || partial_.has_value(); }
    void clear();

private:
    /// One line without its line end; true when it was the reply's last.
    Result<bool> take_line(std::string_view line);

    ReplyLimits limits_;
    std::string input_;
    std::size_t consumed_ = 0;
    std::size_t scanned_ = 0;
    std::size_t bytes_ = 0;
    std::optional<mail::Reply> partial_;
};

}  // namespace postern::smtp
