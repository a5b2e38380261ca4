#include "control/firmware.hpp"

#include "control/https.hpp"
#include "control/update_head.hpp"
#include "control/update_offer.hpp"
#include "policy/appliance_view.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

namespace postern::control {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view root = "/v1/firmware";
constexpr std::uint64_t most_manifest = 64 * 1024;
constexpr Duration fetch_time = std::chrono::seconds{30};

struct CloseFile {
    void operator()(FILE* file) const noexcept { fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

std::string first_line(const fs::path& path)
{
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    return line;
}

std::string whole(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Whole or not at all.
bool write_order(const fs::path& path, const std::string& text)
{
    const File file(fopen(path.c_str(), "wbe"));
    return file && fwrite(text.data(), 1, text.size(), file.get()) == text.size() && fflush(file.get()) == 0 &&
           fsync(fileno(file.get())) == 0;
}

}  // namespace

bool FirmwareApi::is_mine(const Request& request)
{
    return request.path == root || request.path.starts_with(fmt::format("{}/", root));
}

boost::asio::awaitable<Response> FirmwareApi::handle(Request request)
{
    if (request.method == "GET" && request.path == "/v1/firmware/check") return check(std::move(request));
    return on_files(std::move(request));
}

// Nothing is installed by itself: what is newer is said, and a person orders it.
boost::asio::awaitable<Response> FirmwareApi::check(Request request)
{
    const auto version = first_line(places_.version);
    const auto policy = services_.generations.current()->policy;
    const auto* machine = policy::appliance_view(*policy).machine;
    if (version.empty())
        co_return Response::error(400, "this gateway is no appliance: its machine is looked after by somebody else",
                                  request.wants_text);
    if (machine == nullptr || machine->updates.empty())
        co_return Response::error(400, "node.yaml names no place of updates (machine: updates)", request.wants_text);
    const auto source = machine->updates;
    auto manifest_url = source + "/manifest";
    auto signature_url = source + "/manifest.sig";
    auto authorities = machine->updates_authorities;
    const auto manifest =
        co_await fetch(services_.dns, std::move(manifest_url), authorities, most_manifest, fetch_time);
    if (!manifest) co_return Response::error(503, manifest.error().describe(), request.wants_text);
    const auto signature =
        co_await fetch(services_.dns, std::move(signature_url), authorities, most_manifest, fetch_time);
    if (!signature) co_return Response::error(503, signature.error().describe(), request.wants_text);
    const auto offer = read_offer(*manifest, *signature, whole(places_.maker), version);
    if (!offer)
        co_return Response::error(409, fmt::format("{}: {}", source, offer.error().describe()), request.wants_text);
    const auto file = fmt::format("{}/postern_{}.update", source, offer->version);
    if (!request.wants_text)
        co_return Response::json({{"version", version},
                                  {"offered", offer->version},
                                  {"newer", offer->newer},
                                  {"file", offer->newer ? file : std::string()}});
    co_return Response::text(
        offer->newer ? fmt::format("version {} is newer than {}, which runs: {}\n", offer->version, version, file)
                     : fmt::format("version {} runs, and {} is offered: nothing newer\n", version, offer->version));
}

void FirmwareApi::look_at_clock()
{
    boost::asio::post(files_, [this] { incoming_.look(folder() / "incoming.part", services_.clock.now()); });
}

boost::asio::awaitable<Response> FirmwareApi::on_files(Request request)
{
    auto working = work(std::move(request));
    co_return co_await boost::asio::co_spawn(files_, std::move(working), boost::asio::use_awaitable);
}

boost::asio::awaitable<Response> FirmwareApi::work(Request request)
{
    if (request.method == "GET" && request.path == root) co_return show(request);
    if (!fs::exists(places_.version))
        co_return Response::error(400, "this gateway is no appliance: its machine is looked after by somebody else",
                                  request.wants_text);
    if (request.method == "POST" && request.path == "/v1/firmware/upload") co_return take(request);
    for (const auto* word : {"install", "restart", "rollback"})
        if (request.method == "POST" && request.path == fmt::format("{}/{}", root, word))
            co_return order(request, word);
    co_return Response::error(404, fmt::format("there is no {} {}", request.method, request.path), request.wants_text);
}

fs::path FirmwareApi::folder() const
{
    return fs::path(services_.generations.current()->policy->node().storage) / "firmware";
}

Response FirmwareApi::show(const Request& request) const
{
    const auto version = first_line(places_.version);
    const auto state = first_line(places_.report);
    if (request.wants_text)
        return Response::text(version.empty()
                                  ? "this gateway is no appliance\n"
                                  : fmt::format("version {}\n{}{}", version, state, state.empty() ? "" : "\n"));
    return Response::json(boost::json::object{{"appliance", !version.empty()}, {"version", version}, {"state", state}});
}

// The appliance's own program decides (it believes nobody); this spares whoever sends what it would refuse.
std::string FirmwareApi::refusal(std::string_view front) const
{
    const auto head = read_update_head(front);
    if (!head) return head.error().detail();
    const auto version = first_line(places_.version);
    const auto offer = read_offer(head->manifest, head->signature, whole(places_.maker), version);
    if (!offer) return offer.error().detail();
    if (!offer->newer)
        return fmt::format("it is version {}, and {} runs: only a newer one is taken", offer->version, version);
    return {};
}

Response FirmwareApi::take(const Request& request)
{
    const auto offset = request.query.find("offset");
    if (offset != request.query.end() && offset->second == "0")
        if (const auto why = refusal(request.body); !why.empty())
            return Response::error(409, "refused: " + why, request.wants_text);
    return incoming_.take(request, folder() / "incoming.part", services_.clock.now());
}

Response FirmwareApi::order(const Request& request, const std::string& word)
{
    std::error_code failed;
    fs::create_directories(folder(), failed);
    if (word == "install") {
        const auto part = folder() / "incoming.part";
        if (!incoming_.whole())
            return Response::error(400, "there is no whole update: it is sent first", request.wants_text);
        fs::rename(part, folder() / "incoming", failed);
        incoming_.end(part);
        if (failed) return Response::error(400, "there is no update: it is sent first", request.wants_text);
    }
    const auto fresh = folder() / "order.new";
    if (!write_order(fresh, word + "\n")) return Response::error(503, "the order can't be stored", request.wants_text);
    fs::rename(fresh, folder() / "order", failed);
    if (failed) return Response::error(503, "the order can't be stored: " + failed.message(), request.wants_text);
    services_.log.info("firmware", {{"act", word}, {"actor", request.actor}});
    return request.wants_text
               ? Response::text(fmt::format("{}: ordered; `postern firmware status` says how it goes\n", word))
               : Response::json(boost::json::object{{"ordered", word}});
}

}  // namespace postern::control
