// Reading templates: every tag is looked at when a template is loaded, so that filling one in can't go wrong later.
#include "report/templates.hpp"

#include "base/text.hpp"
#include "report/embedded.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <kainjow/mustache.hpp>
#include <stdexcept>

namespace postern::report {

namespace {

constexpr std::array<Kind, 4> kinds{Kind::failure, Kind::delay, Kind::relayed, Kind::delivered};
constexpr std::size_t longest_template = std::size_t{64} * 1024;
constexpr std::string_view subject_field = "Subject:";

/// "file:line:column: what", one line for each fault.
class Complaints {
public:
    Complaints(std::string_view text, const std::string& file) : text_(text), file_(file) {}

    void add(std::size_t at, std::string_view what)
    {
        const std::string_view before = text_.substr(0, at);
        const auto line = std::ranges::count(before, '\n') + 1;
        const std::size_t start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
        if (!all_.empty()) all_ += '\n';
        all_ += fmt::format("{}:{}:{}: {}", file_, line, at - start + 1, what);
    }
    [[nodiscard]] bool any() const noexcept { return !all_.empty(); }
    [[nodiscard]] const std::string& all() const noexcept { return all_; }

private:
    std::string_view text_;
    const std::string& file_;
    std::string all_;
};

void check_name(Complaints& complaints, std::size_t at, std::string_view name)
{
    if (std::ranges::find(known_values(), name) != known_values().end()) return;
    const std::string near = nearest(name, known_values());
    complaints.add(at, fmt::format("unknown value \"{}\"{}; known are {}", printable(name, 60),
                                   near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near),
                                   fmt::join(known_values(), ", ")));
}

/// Looks at the tag whose "{{" stands at `at`; gives where it ends.
std::size_t check_tag(Complaints& complaints, std::string_view text, std::size_t at)
{
    const bool triple = text.substr(at).starts_with("{{{");
    const std::string_view closing = triple ? "}}}" : "}}";
    const std::size_t start = at + closing.size();
    const std::size_t end = text.find(closing, start);
    if (end == text.npos) {
        complaints.add(at, "this tag is not closed");
        return text.size();
    }
    std::string_view name = trim(text.substr(start, end - start));
    const char kind = name.empty() ? '\0' : name.front();
    if (kind == '>' || kind == '=')
        complaints.add(at, "partials and other delimiters are not supported");
    else if (kind != '!')
        check_name(complaints, at,
                   std::string_view("#^/&").find(kind) == std::string_view::npos ? name : trim(name.substr(1)));
    return end + closing.size();
}

Result<std::string> read_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) return fault(Retry::never, fmt::format("can't open it: {}", std::strerror(errno))).about(path);
    std::string text(longest_template + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (file.bad()) return fault(Retry::never, "can't read it").about(path);
    return text;
}

}  // namespace

std::string_view name_of(Kind kind) noexcept
{
    constexpr std::array<std::string_view, 4> names{"failure", "delay", "relayed", "delivered"};
    return names[static_cast<std::size_t>(kind)];
}

const std::vector<std::string>& known_values()
{
    static const std::vector<std::string> names{"subject",    "received", "message_id",   "service", "operator",
                                                "sender",     "time",     "retry_until",  "several", "whole",
                                                "recipients", "address",  "organisation", "reason",  "advice",
                                                "reply",      "server",   "last_attempt", "text"};
    return names;
}

Result<Template> parse_template(std::string_view text, const std::string& file)
{
    Complaints complaints(text, file);
    if (text.size() > longest_template) complaints.add(0, "it is longer than 64 KiB");
    if (!is_utf8(text)) complaints.add(0, "it is not UTF-8");
    const std::size_t first_end = std::min(text.find('\n'), text.size());
    const std::string_view first = trim(text.substr(0, first_end));
    const std::string_view rest = first_end < text.size() ? text.substr(first_end + 1) : std::string_view{};
    if (!first.starts_with(subject_field))
        complaints.add(0, "the first line must be \"Subject: ...\"");
    else if (!rest.empty() && !trim(rest.substr(0, rest.find('\n'))).empty())
        complaints.add(first_end + 1, "an empty line must follow the Subject line");
    if (trim(rest).empty()) complaints.add(text.size(), "there is no text below the Subject line");
    if (!complaints.any())
        for (std::size_t at = text.find("{{"); at != text.npos; at = text.find("{{", at))
            at = check_tag(complaints, text, at);

    Template made;
    if (!complaints.any()) {
        made.subject = trim(first.substr(subject_field.size()));
        made.text = rest.substr(rest.find_first_not_of("\r\n"));
        for (const std::string* part : {&made.subject, &made.text}) {
            const kainjow::mustache::mustache parsed(*part);
            if (!parsed.is_valid()) complaints.add(part == &made.subject ? 0 : first_end + 1, parsed.error_message());
        }
    }
    if (complaints.any()) return fault(Retry::never, complaints.all());
    return made;
}

const Templates& Templates::built_in()
{
    static const Templates built = [] {
        Templates templates;
        for (const auto& [name, form] : templates.forms()) {
            auto made = parse_template(embedded(name + ".txt"), name + ".txt");
            if (!made) throw std::logic_error("built-in template " + made.error().describe());
            *form = std::move(*made);
        }
        return templates;
    }();
    return built;
}

std::vector<std::pair<std::string, Template*>> Templates::forms()
{
    std::vector<std::pair<std::string, Template*>> all;
    for (const Kind kind : kinds) all.emplace_back(name_of(kind), &templates_[static_cast<std::size_t>(kind)]);
    all.emplace_back("notice", &notice_);
    return all;
}

void Templates::take(Template& form, const Result<std::string>& text, const std::string& name, std::string& complaints)
{
    auto made = text ? parse_template(*text, name) : Result<Template>(std::unexpected(text.error()));
    if (made)
        form = std::move(*made);
    else
        complaints += (complaints.empty() ? "" : "\n") + made.error().describe();
}

Result<Templates> Templates::whole(Templates templates, std::string complaints)
{
    if (!complaints.empty()) return fault(Retry::never, std::move(complaints));
    return templates;
}

Result<Templates> Templates::load(const std::string& directory)
{
    Templates templates = built_in();
    std::string complaints;
    for (const auto& [form_name, form] : templates.forms()) {
        const std::string path = fmt::format("{}/{}.txt", directory, form_name);
        std::error_code error;
        if (!std::filesystem::exists(path, error) && !error) continue;
        templates.take(*form, read_file(path), path, complaints);
    }
    return whole(std::move(templates), std::move(complaints));
}

Result<Templates> Templates::from(const std::map<std::string, std::string, std::less<>>& files)
{
    Templates templates = built_in();
    std::string complaints;
    for (const auto& [form_name, form] : templates.forms()) {
        const std::string name = fmt::format("templates/{}.txt", form_name);
        if (const auto file = files.find(name); file != files.end())
            templates.take(*form, file->second, name, complaints);
    }
    return whole(std::move(templates), std::move(complaints));
}

}  // namespace postern::report
