// Files that come and go in pieces over the control protocol: updates and backups.
//
// Blocking; off the I/O threads, one thread at a time for each file.
#pragma once

#include "base/clock.hpp"
#include "control/http.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace postern::control {

/// Largest piece, bytes.
inline constexpr std::size_t piece_limit = std::size_t{8} << 20;
/// What nobody goes on with is given up.
inline constexpr Duration pieces_patience = std::chrono::hours{1};

/// A file that is being sent here. Mail goes before it: it is taken only where the disk has room for all that will be
/// made of it, and goes away as soon as it can't become whole any more.
class IncomingFile {
public:
    struct Bounds {
        std::uint64_t most = 0;  ///< no file is larger, bytes
        unsigned copies = 1;     ///< how often its size is needed on the disk until it has done its work
        std::string_view what;   ///< "a backup"
    };
    explicit IncomingFile(Bounds bounds) : bounds_(bounds) {}

    /// The body of a request at the end of the file, on the disk. In the query `size` says how large it will be in all,
    /// and `offset` where the piece belongs; 0 begins anew. Answers {"size": bytes that are there}; 400 for what can't
    /// be, 507 where there is no room.
    [[nodiscard]] Response take(const Request& request, const std::filesystem::path& file, Instant now);
    /// Whether all of it is there.
    [[nodiscard]] bool whole() const noexcept { return begun_ && received_ == total_; }
    /// It has done its work, or is moved on: takes away what is there.
    void end(const std::filesystem::path& file);
    /// Takes away what an earlier engine left, or nobody went on with for `pieces_patience`.
    void look(const std::filesystem::path& file, Instant now);

private:
    [[nodiscard]] std::optional<Response> refusal(const Request& request, std::uint64_t offset, std::uint64_t total,
                                                  const std::filesystem::path& file);

    Bounds bounds_;
    bool begun_ = false;
    std::uint64_t total_ = 0, received_ = 0;  ///< bytes
    Instant last_{};
};

/// The bytes of the file from the query's `offset` on; none at its end.
[[nodiscard]] Response give_piece(const Request& request, const std::filesystem::path& file);

}  // namespace postern::control
