// The directory at a zip's end, by which most programs open it; libarchive goes by what stands in front of each file.
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::scan {

/// APPNOTE.TXT, section 4.3.12.
struct ZipEntry {
    std::string name;     ///< as it stands there
    unsigned method = 0;  ///< of compression
    bool zip64 = false;   ///< a size or place of it stands elsewhere, where 64 bits are
};

/// At most `most` entries. A directory that is not where the end of the zip says is looked for.
[[nodiscard]] std::vector<ZipEntry> zip_directory(std::string_view bytes, std::size_t most);

}  // namespace postern::scan
