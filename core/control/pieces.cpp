#include "control/pieces.hpp"

#include "backup/files.hpp"
#include "control/json_body.hpp"

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

std::optional<std::uint64_t> bytes_in(const Request& request, const char* name)
{
    const auto text = parameter(request, name);
    std::uint64_t bytes = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), bytes);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
    return bytes;
}

/// At the end of what is there, and on the disk.
bool append(const fs::path& path, const std::string& piece, bool anew)
{
    const File file(fopen(path.c_str(), anew ? "wbe" : "abe"));
    return file && fwrite(piece.data(), 1, piece.size(), file.get()) == piece.size() && fflush(file.get()) == 0 &&
           fsync(fileno(file.get())) == 0;
}

}  // namespace

Response IncomingFile::take(const Request& request, const fs::path& file, Instant now)
{
    const auto offset = bytes_in(request, "offset"), total = bytes_in(request, "size");
    if (!offset || !total)
        return wrong(request, "\"offset\" is where the piece begins, and \"size\" how large the whole is, in bytes");
    if (auto refused = refusal(request, *offset, *total, file)) return std::move(*refused);
    if (*offset == 0) {
        begun_ = true;
        total_ = *total;
        received_ = 0;
    }
    last_ = now;
    if (!append(file, request.body, *offset == 0)) {
        end(file);
        return wrong(request, fmt::format("{} can't be stored: the disk is full or fails", bounds_.what), 507);
    }
    received_ += request.body.size();
    return Response::json(boost::json::object{{"size", received_}});
}

std::optional<Response> IncomingFile::refusal(const Request& request, std::uint64_t offset, std::uint64_t total,
                                              const fs::path& file)
{
    if (total > bounds_.most) return wrong(request, fmt::format("{} has at most {} bytes", bounds_.what, bounds_.most));
    if (offset > total || request.body.size() > total - offset)
        return wrong(request, fmt::format("the piece reaches beyond the {} bytes of the whole", total));
    const auto expected = begun_ ? received_ : 0;
    if (offset != 0 && (offset != expected || total != total_))
        return wrong(request, fmt::format("the next piece begins at {}", expected));
    std::error_code failed;
    if (offset == 0) fs::remove(file, failed);
    fs::create_directories(file.parent_path(), failed);
    // Of the whole at its beginning, so that nobody sends gigabytes in vain; then again, since mail comes meanwhile.
    const auto needed = offset == 0 ? total * bounds_.copies : request.body.size();
    const auto room = backup::has_room(file.parent_path(), needed + backup::disk_reserve);
    if (room) return std::nullopt;
    end(file);
    return wrong(request,
                 fmt::format("{} of {} MiB is not taken, since mail needs its room: {}", bounds_.what, total >> 20,
                             room.error().describe()),
                 507);
}

void IncomingFile::end(const fs::path& file)
{
    begun_ = false;
    std::error_code ignored;
    fs::remove(file, ignored);
}

void IncomingFile::look(const fs::path& file, Instant now)
{
    if (!begun_ || now - last_ > pieces_patience) end(file);
}

Response give_piece(const Request& request, const fs::path& file)
{
    const auto offset = bytes_in(request, "offset");
    if (!offset) return wrong(request, "\"offset\" is where the piece begins, in bytes");
    const File opened(fopen(file.c_str(), "rbe"));
    if (!opened || fseeko(opened.get(), static_cast<off_t>(*offset), SEEK_SET) != 0)
        return Response::error(404, "there is no such file to fetch", request.wants_text);
    std::string bytes(piece_limit, '\0');
    bytes.resize(fread(bytes.data(), 1, bytes.size(), opened.get()));
    if (ferror(opened.get())) return Response::error(503, "it can't be read", request.wants_text);
    return Response{200, "application/octet-stream", std::move(bytes)};
}

}  // namespace postern::control
