#include "control/pieces.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

namespace postern::control {

namespace fs = std::filesystem;

namespace {

struct CloseFile {
    void operator()(FILE* file) const noexcept { fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

std::optional<std::uint64_t> offset_in(const Request& request)
{
    const auto said = request.query.find("offset");
    if (said == request.query.end()) return std::nullopt;
    const auto& text = said->second;
    std::uint64_t offset = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), offset);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
    return offset;
}

Response no_offset(const Request& request)
{
    return Response::error(400, "\"offset\" is where the piece begins, in bytes", request.wants_text);
}

/// At the end of what is there, and on the disk.
bool append(const fs::path& path, const std::string& piece, bool anew)
{
    const File file(fopen(path.c_str(), anew ? "wbe" : "abe"));
    return file && fwrite(piece.data(), 1, piece.size(), file.get()) == piece.size() && fflush(file.get()) == 0 &&
           fsync(fileno(file.get())) == 0;
}

}  // namespace

Response take_piece(const Request& request, const fs::path& file, std::uint64_t most, std::string_view what)
{
    const auto offset = offset_in(request);
    if (!offset) return no_offset(request);
    if (*offset > most || request.body.size() > most - *offset)
        return Response::error(400, fmt::format("{} has at most {} bytes", what, most), request.wants_text);
    std::error_code failed;
    fs::create_directories(file.parent_path(), failed);
    const auto there = *offset == 0 ? 0 : fs::file_size(file, failed);
    if (failed || there != *offset)
        return Response::error(400, fmt::format("the next piece begins at {}", failed ? 0 : there), request.wants_text);
    if (!append(file, request.body, *offset == 0))
        return Response::error(503, fmt::format("{} can't be stored: the disk is full or fails", what),
                               request.wants_text);
    return Response::json(boost::json::object{{"size", *offset + request.body.size()}});
}

Response give_piece(const Request& request, const fs::path& file)
{
    const auto offset = offset_in(request);
    if (!offset) return no_offset(request);
    const File opened(fopen(file.c_str(), "rbe"));
    if (!opened || fseeko(opened.get(), static_cast<off_t>(*offset), SEEK_SET) != 0)
        return Response::error(404, "there is no such file to fetch", request.wants_text);
    std::string bytes(piece_limit, '\0');
    bytes.resize(fread(bytes.data(), 1, bytes.size(), opened.get()));
    if (ferror(opened.get())) return Response::error(503, "it can't be read", request.wants_text);
    return Response{200, "application/octet-stream", std::move(bytes)};
}

}  // namespace postern::control
