#include "vocabulary/mail_template.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <kainjow/mustache.hpp>

namespace postern::vocabulary {

namespace {

namespace mustache = kainjow::mustache;

constexpr std::size_t longest_template = std::size_t{64} * 1024;
constexpr std::size_t longest_value = 1000;
constexpr std::size_t longest_subject = 300;
constexpr std::string_view subject_field = "Subject:";

void check_name(std::vector<TemplateFault>& faults, std::size_t at, std::size_t length, std::string_view name,
                const std::vector<std::string>& known)
{
    if (std::ranges::find(known, name) != known.end()) return;
    const auto near = nearest(name, known);
    faults.push_back({at, length, fmt::format("unknown value \"{}\"", printable(name, 60)),
                      near.empty() ? fmt::format("known are {}", fmt::join(known, ", "))
                                   : fmt::format("did you mean \"{}\"?", near)});
}

/// Looks at the tag whose "{{" stands at `at`; gives where it ends.
std::size_t check_tag(std::vector<TemplateFault>& faults, std::string_view text, std::size_t at,
                      const std::vector<std::string>& known)
{
    const bool triple = text.substr(at).starts_with("{{{");
    const std::string_view closing = triple ? "}}}" : "}}";
    const std::size_t start = at + closing.size();
    const std::size_t end = text.find(closing, start);
    if (end == text.npos) {
        faults.push_back({at, 2, "this tag is not closed", "write }} behind the name"});
        return text.size();
    }
    const std::string_view name = trim(text.substr(start, end - start));
    const std::size_t length = end + closing.size() - at;
    const char kind = name.empty() ? '\0' : name.front();
    if (kind == '>' || kind == '=')
        faults.push_back({at, length, "partials and other delimiters are not supported", {}});
    else if (kind != '!')
        check_name(faults, at, length,
                   std::string_view("#^/&").find(kind) == std::string_view::npos ? name : trim(name.substr(1)), known);
    return end + closing.size();
}

/// The value as one line without controls, cut between characters.
std::string cleaned(std::string_view value)
{
    std::string clean;
    for (const char c : value.substr(0, longest_value)) {
        const auto byte = static_cast<unsigned char>(c);
        clean += byte < 0x20 || byte == 0x7F ? ' ' : c;
    }
    for (std::size_t cut = 0; cut < 4 && !is_utf8(clean) && !clean.empty(); ++cut) clean.pop_back();
    return std::string(trim(is_utf8(clean) ? clean : printable(value, longest_value)));
}

/// "sender.address" is looked for as address in sender.
void set(mustache::data& data, std::string_view name, const std::string& value)
{
    const auto dot = name.find('.');
    if (dot == name.npos) return data.set(std::string(name), value);
    const std::string front(name.substr(0, dot));
    const auto* known = data.get(front);
    mustache::data inner = known != nullptr ? *known : mustache::data();
    set(inner, name.substr(dot + 1), value);
    data.set(front, inner);
}

std::string render(const std::string& form, const mustache::data& data)
{
    mustache::mustache parsed(form);  // its own each time: rendering changes it
    parsed.set_custom_escape([](const std::string& text) { return text; });
    return parsed.render(data);
}

}  // namespace

MailTemplate read_mail_template(std::string_view bytes, const std::vector<std::string>& known,
                                std::vector<TemplateFault>& faults)
{
    const auto before = faults.size();
    if (bytes.size() > longest_template) faults.push_back({0, 1, "it is longer than 64 KiB", {}});
    if (!is_utf8(bytes)) faults.push_back({0, 1, "it is not UTF-8", {}});
    const std::size_t first_end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view first = trim(bytes.substr(0, first_end));
    const std::string_view rest = first_end < bytes.size() ? bytes.substr(first_end + 1) : std::string_view{};
    if (!first.starts_with(subject_field))
        faults.push_back({0, std::max<std::size_t>(first.size(), 1), "the first line must be \"Subject: ...\"", {}});
    else if (!rest.empty() && !trim(rest.substr(0, rest.find('\n'))).empty())
        faults.push_back({first_end + 1, 1, "an empty line must follow the Subject line", {}});
    if (trim(rest).empty()) faults.push_back({bytes.size(), 1, "there is no text below the Subject line", {}});
    for (std::size_t at = bytes.find("{{"); at != bytes.npos; at = bytes.find("{{", at))
        at = check_tag(faults, bytes, at, known);
    if (faults.size() > before) return {};

    MailTemplate made{std::string(trim(first.substr(subject_field.size()))),
                      std::string(rest.substr(rest.find_first_not_of("\r\n")))};
    for (const std::string* part : {&made.subject, &made.text}) {
        const mustache::mustache parsed(*part);
        if (!parsed.is_valid())
            faults.push_back({part == &made.subject ? 0 : first_end + 1, 1, parsed.error_message(), {}});
    }
    return faults.size() > before ? MailTemplate{} : made;
}

MailTemplate fill(const MailTemplate& form, const TemplateValues& values)
{
    mustache::data data;
    for (const auto& [name, value] : values)
        if (const auto clean = cleaned(value); !clean.empty()) set(data, name, clean);
    MailTemplate filled{render(form.subject, data), render(form.text, data)};
    std::erase(filled.text, '\r');
    filled.subject = cleaned(filled.subject).substr(0, longest_subject);
    while (!is_utf8(filled.subject)) filled.subject.pop_back();
    return filled;
}

}  // namespace postern::vocabulary
