#include "control/http_answer.hpp"

#include <boost/beast/http.hpp>
#include <vector>

namespace postern::control {

namespace http = boost::beast::http;

boost::asio::awaitable<Result<HttpAnswer>> read_http_answer(net::Stream& stream, std::uint64_t most,
                                                            std::function<net::Deadline()> until)
{
    http::response_parser<http::string_body> parser;
    parser.body_limit(most);
    parser.eager(true);
    std::string pending;
    std::vector<char> part(64 * 1024);
    while (!parser.is_done()) {
        const auto got = co_await stream.read_some(part.data(), part.size(), until());
        if (!got) co_return std::unexpected(got.error());
        boost::system::error_code failed;
        if (*got == 0) {
            // Of nothing at all the parser would make an empty 200.
            if (parser.got_some()) parser.put_eof(failed);
            if (failed || !parser.is_done()) co_return fault(Retry::later, "the connection ended before the answer");
            break;
        }
        pending.append(part.data(), *got);
        pending.erase(0, parser.put(boost::asio::buffer(pending), failed));
        if (failed && failed != http::error::need_more)
            co_return fault(Retry::later, "the answer can't be read: " + failed.message());
    }
    co_return HttpAnswer{parser.get().result_int(), std::move(parser.get().body())};
}

}  // namespace postern::control
