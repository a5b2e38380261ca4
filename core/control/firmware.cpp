#include "control/firmware.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>

namespace postern::control {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view root = "/v1/firmware";

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

/// At the end of what is there, and on the disk.
bool append(const fs::path& path, const std::string& piece, bool anew)
{
    const File file(fopen(path.c_str(), anew ? "wbe" : "abe"));
    return file && fwrite(piece.data(), 1, piece.size(), file.get()) == piece.size() && fflush(file.get()) == 0 &&
           fsync(fileno(file.get())) == 0;
}

}  // namespace

bool FirmwareApi::is_mine(const Request& request)
{
    return request.path == root || request.path.starts_with(fmt::format("{}/", root));
}

boost::asio::awaitable<Response> FirmwareApi::handle(Request request)
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
        if (request.method == "POST" && request.path == fmt::format("{}/{}", root, word)) co_return order(request, word);
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
        return Response::text(version.empty() ? "this gateway is no appliance\n"
                                              : fmt::format("version {}\n{}{}", version, state, state.empty() ? "" : "\n"));
    return Response::json(
        boost::json::object{{"appliance", !version.empty()}, {"version", version}, {"state", state}});
}

Response FirmwareApi::take(const Request& request) const
{
    std::uint64_t offset = 0;
    const auto said = request.query.find("offset");
    const auto text = said == request.query.end() ? std::string() : said->second;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), offset);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size())
        return Response::error(400, "\"offset\" is where the piece begins, in bytes", request.wants_text);
    if (offset + request.body.size() > most)
        return Response::error(400, fmt::format("an update has at most {} bytes", most), request.wants_text);
    std::error_code failed;
    fs::create_directories(folder(), failed);
    const auto incoming = folder() / "incoming.part";
    const auto there = offset == 0 ? 0 : fs::file_size(incoming, failed);
    if (failed || there != offset)
        return Response::error(400, fmt::format("the next piece begins at {}", failed ? 0 : there), request.wants_text);
    if (!append(incoming, request.body, offset == 0))
        return Response::error(503, "the update can't be stored: the disk is full or fails", request.wants_text);
    return Response::json(boost::json::object{{"size", offset + request.body.size()}});
}

Response FirmwareApi::order(const Request& request, const std::string& word) const
{
    std::error_code failed;
    fs::create_directories(folder(), failed);
    if (word == "install") {
        fs::rename(folder() / "incoming.part", folder() / "incoming", failed);
        if (failed) return Response::error(400, "there is no update: it is sent first", request.wants_text);
    }
    const auto fresh = folder() / "order.new";
    if (!append(fresh, word + "\n", true)) return Response::error(503, "the order can't be stored", request.wants_text);
    fs::rename(fresh, folder() / "order", failed);
    if (failed) return Response::error(503, "the order can't be stored: " + failed.message(), request.wants_text);
    services_.log.info("firmware", {{"act", word}, {"actor", request.actor}});
    return request.wants_text ? Response::text(fmt::format("{}: ordered; `postern firmware status` says how it goes\n", word))
                              : Response::json(boost::json::object{{"ordered", word}});
}

}  // namespace postern::control
