// What a file is called where a program stores it: the name that rules must see.
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace postern::mail {

/// As UTF-8, without controls, letters that nobody sees (zero width, direction), and what Windows drops or takes for
/// the same file: trailing dots and blanks, "::$DATA". Folders stay.
[[nodiscard]] std::string stored_name(std::string_view raw);

}  // namespace postern::mail
