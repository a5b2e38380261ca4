// Letters to print: a page for each person who was invited, with user name and one-time password. Pure; any thread.
#pragma once

#include "directory/administration.hpp"

#include <string>
#include <vector>

namespace postern::control {

struct LetterFacts {
    std::string service;       ///< "cjsm.net"
    std::string organisation;  ///< its name
    Instant valid_until{};
};

/// One HTML page without anything from elsewhere; each letter begins on a new sheet.
[[nodiscard]] std::string print_letters(const std::vector<directory::Invited>& invited, const LetterFacts& facts);

/// Text as it may stand in HTML.
[[nodiscard]] std::string html_text(const std::string& text);

}  // namespace postern::control
