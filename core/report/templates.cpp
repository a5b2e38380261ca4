// Reading templates: every tag is looked at when a template is loaded, so that filling one in can't go wrong later.
#include "report/templates.hpp"

#include "base/text.hpp"
#include "report/embedded.hpp"
#include "vocabulary/mail_template.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace postern::report {

namespace {

constexpr std::array<Kind, 4> kinds{Kind::failure, Kind::delay, Kind::relayed, Kind::delivered};
constexpr std::size_t longest_template = std::size_t{64} * 1024;

/// "file:line:column: what", one line for each fault.
std::string describe(std::string_view text, const std::string& file,
                     const std::vector<vocabulary::TemplateFault>& faults)
{
    std::string all;
    for (const auto& fault : faults) {
        const std::string_view before = text.substr(0, fault.at);
        const auto line = std::ranges::count(before, '\n') + 1;
        const std::size_t start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
        all += fmt::format("{}{}:{}:{}: {}{}{}", all.empty() ? "" : "\n", file, line, fault.at - start + 1, fault.what,
                           fault.remedy.empty() ? "" : "; ", fault.remedy);
    }
    return all;
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
    static const std::vector<std::string> names{
        "subject",     "received", "message_id", "service",      "operator", "sender",       "time",
        "retry_until", "several",  "whole",      "recipients",   "address",  "organisation", "reason",
        "advice",      "reply",    "server",     "last_attempt", "tls",      "silent",       "text"};
    return names;
}

Result<Template> parse_template(std::string_view text, const std::string& file)
{
    std::vector<vocabulary::TemplateFault> faults;
    auto made = vocabulary::read_mail_template(text, known_values(), faults);
    if (!faults.empty()) return fault(Retry::never, describe(text, file, faults));
    return Template{std::move(made.subject), std::move(made.text)};
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
