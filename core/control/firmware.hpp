// The control protocol's side of the appliance's firmware: takes an update in pieces, and passes orders on.
//
//     GET  /v1/firmware                     {"appliance", "version", "state"}
//     GET  /v1/firmware/check               {"version", "offered", "newer", "file"}: what machine: updates has
//     POST /v1/firmware/upload?offset=N&size=T   body: the next piece of T bytes; the first has offset 0, holds
//                                           manifest and signature, and is refused (409) where these are no good
//     POST /v1/firmware/{install,restart,rollback}
//
// The gateway believes nothing of what it takes, and can't write where it matters: it puts update and order into a
// folder of its storage, where the appliance's own program finds them, checks the signature and does the work
// (image/tree/usr/lib/postern/firmware). Files are written on a thread of its own. On a machine that is no appliance
// all but GET answers 400.
#pragma once

#include "control/http.hpp"
#include "control/pieces.hpp"
#include "gateway/services.hpp"

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace postern::control {

/// Where an appliance says which version it is, and where its program reports.
struct FirmwarePlaces {
    std::filesystem::path version = "/usr/lib/postern/version";
    std::filesystem::path report = "/run/postern-machine/firmware";
    std::filesystem::path maker = "/usr/share/postern/update.pub";  ///< PEM: who signs updates
};

class FirmwareApi {
public:
    /// No update is larger, bytes.
    static constexpr std::uint64_t most = std::uint64_t{600} << 20;

    explicit FirmwareApi(gateway::Services services, FirmwarePlaces places = {})
        : services_(services), places_(std::move(places))
    {
    }

    /// Whether the path is one of these.
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);
    /// Takes away an update that nobody goes on sending. To be called every few seconds.
    void look_at_clock();

private:
    [[nodiscard]] boost::asio::awaitable<Response> check(Request request);
    [[nodiscard]] boost::asio::awaitable<Response> on_files(Request request);
    [[nodiscard]] boost::asio::awaitable<Response> work(Request request);
    [[nodiscard]] Response show(const Request& request) const;
    [[nodiscard]] Response take(const Request& request);
    [[nodiscard]] std::string refusal(std::string_view front) const;
    [[nodiscard]] Response order(const Request& request, const std::string& word);
    [[nodiscard]] std::filesystem::path folder() const;

    gateway::Services services_;
    FirmwarePlaces places_;
    IncomingFile incoming_{{.most = most, .copies = 2, .what = "an update"}};  ///< of the thread below
    boost::asio::thread_pool files_{1};
};

}  // namespace postern::control
