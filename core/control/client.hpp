// The command line's side of the control protocol: one question, one answer, over the local socket. Blocking.
#pragma once

#include "base/fault.hpp"

#include <string>

namespace postern::control {

struct Answer {
    unsigned status = 0;
    std::string body;
    [[nodiscard]] bool good() const noexcept { return status < 300; }
};

/// Asks the engine. Fault: nobody answers at the socket, no permission; says what to do.
[[nodiscard]] Result<Answer> ask(const std::string& socket, const std::string& method, const std::string& target,
                                 const std::string& body, bool as_text);

/// For a query string.
[[nodiscard]] std::string percent_encode(const std::string& text);

}  // namespace postern::control
