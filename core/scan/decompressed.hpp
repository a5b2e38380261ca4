// The bytes behind a compression filter (gzip, xz), as a format's reader gets them. libarchive may look for its next
// header through all of them within one call, so here is where they are counted and the time is looked at.
//
// One thread.
#pragma once

#include "scan/archive_look.hpp"

#include <archive.h>
#include <memory>
#include <string>
#include <string_view>

namespace postern::scan {

using Reason = std::string_view;  ///< why a look ended early; empty: it did not

struct ReadFree {
    void operator()(archive* handle) const noexcept { archive_read_free(handle); }
};
using Reading = std::unique_ptr<archive, ReadFree>;

[[nodiscard]] inline bool is_late(const ArchiveLimits& limits)
{
    return std::chrono::steady_clock::now() >= limits.until;
}

class Decompressed {
public:
    /// Both have to outlive it.
    Decompressed(std::string_view bytes, const ArchiveLimits& limits);

    [[nodiscard]] archive* handle() const noexcept { return raw_.get(); }
    /// Nothing could be unpacked at all.
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] bool is_filtered() const noexcept { return filtered_; }
    /// By something that libclamav does not open.
    [[nodiscard]] bool is_unread() const noexcept { return unread_; }
    /// How often it is compressed: each time may make a thousand bytes of one.
    [[nodiscard]] unsigned compressions() const noexcept { return compressions_; }
    [[nodiscard]] Reason ended() const noexcept { return ended_; }
    [[nodiscard]] bool broken() const noexcept { return broken_; }
    /// Bytes that may still be unpacked.
    [[nodiscard]] std::uint64_t left() const noexcept { return left_; }

    /// For archive_read_open2(); `self`: a Decompressed.
    static la_ssize_t read(archive* handle, void* self, const void** buffer);
    /// All of it, as far as there is room; else ended() or broken() says why not.
    [[nodiscard]] std::string whole(std::uint64_t room);

private:
    la_ssize_t next(archive* asking, const void** buffer);
    la_ssize_t stop(archive* asking, Reason why);

    Reading raw_;
    const ArchiveLimits& limits_;
    std::uint64_t left_;
    Reason ended_;
    unsigned compressions_ = 0;
    bool filtered_ = false;
    bool unread_ = false;
    bool failed_ = false;
    bool broken_ = false;
};

}  // namespace postern::scan
