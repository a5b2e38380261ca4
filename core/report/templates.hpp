// The texts of reports: mustache templates that a member's clerk understands, built in and replaceable by files.
//
// Immutable after loading and shared by all threads. A template that names an unknown value is an error at load.
#pragma once

#include "base/fault.hpp"

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern::report {

/// Why a sender gets a report (RFC 3464 section 2.3.3 Action).
enum class Kind {
    failure,    ///< failed
    delay,      ///< delayed
    relayed,    ///< handed to a server that sends no reports of its own
    delivered,  ///< put into a mailbox
};
/// "failure", "delay", "relayed", "delivered": also the name of the template's file, with ".txt".
[[nodiscard]] std::string_view name_of(Kind kind) noexcept;

/// One template: the first line is "Subject: ...", an empty line follows, the rest is the text.
struct Template {
    std::string subject;
    std::string text;
};

class Templates {
public:
    /// The texts that Postern was built with.
    [[nodiscard]] static const Templates& built_in();
    /// Those of `directory` where there is a file, else the built-in ones; a directory that does not exist is fine.
    /// Faults (never) name file and line: no Subject line, unknown value, broken tag; all of them at once.
    [[nodiscard]] static Result<Templates> load(const std::string& directory);
    /// The same from a policy's files by name: "templates/failure.txt".
    [[nodiscard]] static Result<Templates> from(const std::map<std::string, std::string, std::less<>>& files);

    /// "notice.txt": what a content rule has somebody told (notify).
    [[nodiscard]] const Template& notice() const noexcept { return notice_; }
    [[nodiscard]] const Template& of(Kind kind) const noexcept { return templates_[static_cast<std::size_t>(kind)]; }

private:
    /// All by their file's name without ".txt".
    [[nodiscard]] std::vector<std::pair<std::string, Template*>> forms();
    void take(Template& form, const Result<std::string>& text, const std::string& name, std::string& complaints);
    [[nodiscard]] static Result<Templates> whole(Templates templates, std::string complaints);

    std::array<Template, 4> templates_;
    Template notice_;
};

/// Reads one template. `file` is for the fault's text.
[[nodiscard]] Result<Template> parse_template(std::string_view text, const std::string& file);

/// Names that templates may use, for error messages and documentation.
[[nodiscard]] const std::vector<std::string>& known_values();

}  // namespace postern::report
