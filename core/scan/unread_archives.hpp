// Archives that libarchive opens and libclamav does not: what lies in them has to be shown to libclamav file by file.
//
// Found by trying libclamav 1.4 with the EICAR test file in each; the tests have them all.
// Any thread.
#pragma once

#include <string_view>

namespace postern::scan {

/// `code`: libarchive's, of a compression (ARCHIVE_FILTER_ZSTD).
[[nodiscard]] bool is_unread_filter(int code) noexcept;

/// `format`: libarchive's (ARCHIVE_FORMAT_AR). Of 7-Zip some methods are read; which a file has stands within its
/// packed header.
[[nodiscard]] bool is_unread_format(int format) noexcept;

/// A zip with files that libclamav passes over: by their method, or since its directory is written for more than 4 GiB
/// (zip64), however small they are.
[[nodiscard]] bool is_unread_zip(std::string_view bytes) noexcept;

}  // namespace postern::scan
