// Files that stand within a text, as mail carried them before MIME: "begin 644 name", lines, "end" (POSIX, uuencode).
//
// Pure and linear; any thread. Many mail programs still show them as attachments.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace postern::mail {

struct UuencodedFile {
    std::string_view name;   ///< as it stands there; of the text
    std::string_view lines;  ///< the coded ones; of the text
    std::size_t offset = 0;  ///< of the line that begins it
    std::size_t length = 0;  ///< to behind the line that ends it, or to the end of the text
};

/// At most `most`, in order. A line that only looks like a beginning, with no coded line behind it, is none.
[[nodiscard]] std::vector<UuencodedFile> uuencoded_files(std::string_view text, std::size_t most);

}  // namespace postern::mail
