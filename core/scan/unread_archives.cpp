#include "scan/unread_archives.hpp"

#include <archive.h>
#include <algorithm>
#include <array>

namespace postern::scan {

namespace {

constexpr std::array unread_filters{ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_LZ4,      ARCHIVE_FILTER_LZIP,
                                    ARCHIVE_FILTER_LZMA, ARCHIVE_FILTER_COMPRESS, ARCHIVE_FILTER_UU,
                                    ARCHIVE_FILTER_RPM};
/// Stored, shrunk, imploded, deflated, deflated with 64 KiB, by bzip2; and what is encrypted, which says so itself.
constexpr std::array<unsigned, 7> methods_that_are_read{0, 1, 6, 8, 9, 12, 99};

}  // namespace

bool is_unread_filter(int code) noexcept
{
    return std::ranges::find(unread_filters, code) != unread_filters.end();
}

bool is_unread_format(int format) noexcept
{
    return format == ARCHIVE_FORMAT_7ZIP || format == ARCHIVE_FORMAT_AR;
}

bool is_unread_entry(const ZipEntry& entry) noexcept
{
    return entry.zip64 || std::ranges::find(methods_that_are_read, entry.method) == methods_that_are_read.end();
}

}  // namespace postern::scan
