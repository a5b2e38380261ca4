// What is wrong with a policy, said so that its author can mend it: place, what, why, nearest valid.
//
// Values; rendered by the command line, the log and the control protocol alike.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace postern::policy {

enum class Severity { error, warning };

struct Diagnostic {
    Severity severity = Severity::error;
    std::string file;         ///< relative to the policy's directory: "limits.yaml"
    std::size_t line = 0;     ///< from 1; 0 when the whole file is meant
    std::size_t column = 0;   ///< from 1
    std::size_t length = 1;   ///< columns to underline
    std::string what;         ///< `unknown key "mesage_size"`
    std::string remedy;       ///< `did you mean "message_size"?`; may be empty
    std::string source_line;  ///< the line as it stands, without its end
};

using Diagnostics = std::vector<Diagnostic>;

/// "rules/limits.yaml:14:3: unknown key ...", the source line and a caret with the remedy, as in policy.md.
[[nodiscard]] std::string render(const Diagnostic& diagnostic, const std::string& directory);
/// All of them, in order of file and place.
[[nodiscard]] std::string render(const Diagnostics& diagnostics, const std::string& directory);
/// A JSON array of objects with the members' names above.
[[nodiscard]] std::string render_json(const Diagnostics& diagnostics);
[[nodiscard]] bool has_errors(const Diagnostics& diagnostics) noexcept;

}  // namespace postern::policy
