// A text that people replace by a file: "Subject: ...", an empty line, the text, with {{values}} (mustache).
//
// Pure; any thread. Every tag is looked at when a template is read, so that filling one in can't go wrong later: the
// library takes unknown names for empty, which would hide a spelling mistake until an alert is needed.
#pragma once

#include "base/fault.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern::vocabulary {

struct MailTemplate {
    std::string subject;
    std::string text;
    friend bool operator==(const MailTemplate&, const MailTemplate&) = default;
};

struct TemplateFault {
    std::size_t at = 0;      ///< bytes from the beginning
    std::size_t length = 1;  ///< bytes to point at
    std::string what;
    std::string remedy;
};

/// Reads one template; with faults it is empty. `known`: the values that it may name.
[[nodiscard]] MailTemplate read_mail_template(std::string_view bytes, const std::vector<std::string>& known,
                                              std::vector<TemplateFault>& faults);

/// Names ("sender.address") and values; an empty value counts as absent, so that a template can ask for it with a
/// section.
using TemplateValues = std::map<std::string, std::string>;

/// Fills in. Values lose controls and line ends and are cut at 1000 bytes: nothing in them is read as a tag, ends a
/// line or floods one. The subject comes back as one line of UTF-8, the text with LF.
[[nodiscard]] MailTemplate fill(const MailTemplate& form, const TemplateValues& values);

}  // namespace postern::vocabulary
