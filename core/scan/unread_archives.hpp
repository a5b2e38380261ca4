// Archives that libarchive opens and libclamav does not: what lies in them has to be shown to libclamav file by file.
//
// Found by trying libclamav 1.4 with the EICAR test file in each; the tests have them all.
// Any thread.
#pragma once

#include "scan/zip_directory.hpp"

namespace postern::scan {

/// `code`: libarchive's, of a compression (ARCHIVE_FILTER_ZSTD).
[[nodiscard]] bool is_unread_filter(int code) noexcept;

/// `format`: libarchive's (ARCHIVE_FORMAT_AR). Of 7-Zip some methods are read; which a file has stands within its
/// packed header.
[[nodiscard]] bool is_unread_format(int format) noexcept;

/// A file of a zip that libclamav passes over: by its method, or since the directory is written for more than 4 GiB
/// (zip64), however small the file is.
[[nodiscard]] bool is_unread_entry(const ZipEntry& entry) noexcept;

}  // namespace postern::scan
