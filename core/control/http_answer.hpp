// What an HTTP server answers over a Stream, read whole.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <string>

namespace postern::control {

struct HttpAnswer {
    unsigned status = 0;
    std::string body;
};
/// Each read ends at the deadline that `until` gives for it. `most`: bytes of the body. Fault (later): it breaks off,
/// even before its first byte, or is no HTTP.
[[nodiscard]] boost::asio::awaitable<Result<HttpAnswer>> read_http_answer(net::Stream& stream, std::uint64_t most,
                                                                          std::function<net::Deadline()> until);

}  // namespace postern::control
