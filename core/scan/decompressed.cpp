#include "scan/decompressed.hpp"

#include "scan/unread_archives.hpp"

#include <archive_entry.h>
#include <algorithm>
#include <cerrno>

namespace postern::scan {

namespace {

// Not grzip, lrzip and lzop: these would start programs, which ends the worker.
void support_filters(archive* handle)
{
    for (const auto filter :
         {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
          archive_read_support_filter_lzma, archive_read_support_filter_lzip, archive_read_support_filter_compress,
          archive_read_support_filter_lz4, archive_read_support_filter_zstd, archive_read_support_filter_rpm,
          archive_read_support_filter_uu})
        filter(handle);
}

}  // namespace

Decompressed::Decompressed(std::string_view bytes, const ArchiveLimits& limits)
    : raw_(archive_read_new()), limits_(limits), left_(limits.unpacked)
{
    support_filters(raw_.get());
    archive_read_support_format_raw(raw_.get());
    archive_entry* entry = nullptr;
    failed_ = archive_read_open_memory(raw_.get(), bytes.data(), bytes.size()) != ARCHIVE_OK ||
              archive_read_next_header(raw_.get(), &entry) < ARCHIVE_WARN;
    for (int i = 0; i < archive_filter_count(raw_.get()); ++i) {
        const int code = archive_filter_code(raw_.get(), i);
        if (code == ARCHIVE_FILTER_NONE) continue;
        filtered_ = true;
        unread_ = unread_ || is_unread_filter(code);
        if (code != ARCHIVE_FILTER_RPM && code != ARCHIVE_FILTER_UU) ++compressions_;
    }
}

la_ssize_t Decompressed::read(archive* handle, void* self, const void** buffer)
{
    return static_cast<Decompressed*>(self)->next(handle, buffer);
}

std::string Decompressed::whole(std::uint64_t room)
{
    std::string all;
    left_ = std::min(left_, room);
    const void* buffer = nullptr;
    for (la_ssize_t size = 0; (size = next(raw_.get(), &buffer)) > 0;)
        all.append(static_cast<const char*>(buffer), static_cast<std::size_t>(size));
    return all;
}

la_ssize_t Decompressed::next(archive* asking, const void** buffer)
{
    std::size_t size = 0;
    while (size == 0) {
        if (is_late(limits_)) return stop(asking, "time");
        la_int64_t offset = 0;
        const int result = archive_read_data_block(raw_.get(), buffer, &size, &offset);
        if (result == ARCHIVE_EOF) return 0;
        if (result < ARCHIVE_WARN) {
            broken_ = true;
            return stop(asking, {});
        }
    }
    if (size > left_) return stop(asking, "size");
    left_ -= size;
    return static_cast<la_ssize_t>(size);
}

la_ssize_t Decompressed::stop(archive* asking, Reason why)
{
    ended_ = why;
    archive_set_error(asking, EIO, "its compressed bytes were not read to the end");
    return ARCHIVE_FATAL;
}

}  // namespace postern::scan
