#include "scan/unread_archives.hpp"

#include <archive.h>
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace postern::scan {

namespace {

using std::string_view_literals::operator""sv;

// Of a zip's directory (APPNOTE.TXT, section 4.3.12).
constexpr auto entry_mark = "PK\x01\x02"sv;
constexpr std::size_t entry_size = 46;
constexpr std::size_t method_at = 10, packed_at = 20, unpacked_at = 24, offset_at = 42;
constexpr std::uint32_t elsewhere = 0xffffffff;  ///< the true value stands in the entry's zip64 field
/// Stored, shrunk, imploded, deflated, deflated with 64 KiB, by bzip2; and what is encrypted, which says so itself.
constexpr std::array<std::uint32_t, 7> methods_that_are_read{0, 1, 6, 8, 9, 12, 99};

std::uint32_t number_at(const char* place, std::size_t bytes)
{
    std::uint32_t value = 0;
    for (std::size_t i = bytes; i > 0; --i) value = value << 8U | static_cast<unsigned char>(place[i - 1]);
    return value;
}

bool is_unread_entry(const char* entry)
{
    return std::ranges::find(methods_that_are_read, number_at(entry + method_at, 2)) == methods_that_are_read.end() ||
           number_at(entry + packed_at, 4) == elsewhere || number_at(entry + unpacked_at, 4) == elsewhere ||
           number_at(entry + offset_at, 4) == elsewhere;
}

}  // namespace

bool is_unread_filter(int code) noexcept
{
    return code == ARCHIVE_FILTER_ZSTD || code == ARCHIVE_FILTER_LZ4 || code == ARCHIVE_FILTER_LZIP ||
           code == ARCHIVE_FILTER_LZMA || code == ARCHIVE_FILTER_COMPRESS || code == ARCHIVE_FILTER_UU ||
           code == ARCHIVE_FILTER_RPM;
}

bool is_unread_format(int format) noexcept
{
    return format == ARCHIVE_FORMAT_7ZIP || format == ARCHIVE_FORMAT_AR;
}

bool is_unread_zip(std::string_view bytes) noexcept
{
    while (bytes.size() >= entry_size) {
        const auto* found =
            static_cast<const char*>(memmem(bytes.data(), bytes.size(), entry_mark.data(), entry_mark.size()));
        if (!found) return false;
        bytes.remove_prefix(static_cast<std::size_t>(found - bytes.data()));
        if (bytes.size() < entry_size) return false;
        if (is_unread_entry(found)) return true;
        bytes.remove_prefix(entry_mark.size());
    }
    return false;
}

}  // namespace postern::scan
