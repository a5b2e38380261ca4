// The files of core/report/templates/, as the build put them into the program (cmake/embed.cmake).
#pragma once

#include <string_view>

namespace postern::report {

/// The text of that file, "failure.txt"; empty if there is none of that name.
[[nodiscard]] std::string_view embedded(std::string_view name) noexcept;

}  // namespace postern::report
