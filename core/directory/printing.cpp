// Entries as the files that an import reads.
#include "base/text.hpp"
#include "directory/csv_file.hpp"
#include "directory/entry_check.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <set>

namespace postern::directory {

namespace {

using vocabulary::ListSenders;
using vocabulary::name_of;

std::string members_cell(const DirectoryEntry& entry)
{
    std::string text;
    for (const auto& member : entry.members) {
        text += (text.empty() ? "" : " ") + member.address;
        if (entry.kind == EntryKind::group)
            text += fmt::format(":{}{}{}", member.read ? "r" : "", member.write ? "w" : "", member.mail ? "m" : "");
    }
    return text;
}

std::string senders_cell(const DirectoryEntry& entry)
{
    if (entry.kind != EntryKind::list) return {};
    if (entry.senders == ListSenders::named) return fmt::format("{}", fmt::join(entry.named_senders, " "));
    return std::string(name_of(entry.senders));
}

/// A YAML text in double quotes.
std::string in_quotes(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string yaml_members(const DirectoryEntry& entry)
{
    std::string text;
    for (const auto& member : entry.members) {
        text += "\n          - ";
        if (entry.kind == EntryKind::list) {
            text += in_quotes(member.address);
            continue;
        }
        std::vector<std::string> may;
        if (member.read) may.emplace_back("read");
        if (member.write) may.emplace_back("write");
        if (member.mail) may.emplace_back("mail");
        text += fmt::format("{{ address: {}, may: [{}] }}", in_quotes(member.address), fmt::join(may, ", "));
    }
    return text;
}

std::string yaml_entry(const DirectoryEntry& entry)
{
    std::string text = fmt::format("      - address: {}\n", in_quotes(entry.address.text()));
    const auto put = [&](std::string_view key, std::string_view value) {
        if (!value.empty()) text += fmt::format("        {}: {}\n", key, value);
    };
    const auto put_text = [&](std::string_view key, std::string_view value) {
        if (!value.empty()) put(key, in_quotes(value));
    };
    put_text("function", entry.function);
    put_text("name", entry.name);
    put_text("owner", entry.owner);
    if (entry.status != EntryStatus::active) put("status", name_of(entry.status));
    put_text("moved_to", entry.moved_to);
    if (entry.ex_directory) put("ex_directory", "true");
    put_text("non_secure", entry.non_secure);
    if (!entry.details.empty()) {
        text += "        details:\n";
        for (const auto& [name, value] : entry.details)
            text += fmt::format("          {}: {}\n", in_quotes(name), in_quotes(value));
    }
    if (entry.kind == EntryKind::list && entry.senders == ListSenders::named) {
        text += "        senders:";
        for (const auto& sender : entry.named_senders) text += "\n          - " + in_quotes(sender);
        text += "\n";
    } else if (entry.kind == EntryKind::list && entry.senders != ListSenders::community) {
        put("senders", name_of(entry.senders));
    }
    if (!entry.members.empty()) text += "        members:" + yaml_members(entry) + "\n";
    return text;
}

}  // namespace

std::string csv_cell(std::string_view text)
{
    std::string cell(text);
    if (is_formula(text)) cell.insert(0, 1, '\'');
    if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
    std::string out = "\"";
    for (const char c : cell) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + "\"";
}

std::string print_directory_csv(const std::vector<DirectoryEntry>& entries)
{
    std::set<std::string> details;
    for (const auto& entry : entries)
        for (const auto& [name, value] : entry.details) details.insert(name);
    std::string text =
        "organisation,kind,address,name,status,function,owner,moved_to,ex_directory,non_secure,senders,members";
    for (const auto& name : details) text += "," + csv_cell(name);
    text += "\r\n";
    for (const auto& entry : entries) {
        const std::string fields[] = {entry.organisation,
                                      std::string(name_of(entry.kind)),
                                      entry.address.text(),
                                      entry.name,
                                      std::string(name_of(entry.status)),
                                      entry.function,
                                      entry.owner,
                                      entry.moved_to,
                                      entry.ex_directory ? "true" : "false",
                                      entry.non_secure,
                                      senders_cell(entry),
                                      members_cell(entry)};
        bool first = true;
        for (const auto& field : fields) {
            text += (first ? "" : ",") + csv_cell(field);
            first = false;
        }
        for (const auto& name : details) {
            const auto found = entry.details.find(name);
            text += "," + (found == entry.details.end() ? std::string{} : csv_cell(found->second));
        }
        text += "\r\n";
    }
    return text;
}

std::string print_directory_yaml(const std::vector<DirectoryEntry>& entries)
{
    constexpr std::pair<EntryKind, std::string_view> sections[] = {{EntryKind::user, "users"},
                                                                   {EntryKind::function, "functions"},
                                                                   {EntryKind::group, "groups"},
                                                                   {EntryKind::list, "lists"}};
    std::map<std::string, std::vector<const DirectoryEntry*>> organisations;
    for (const auto& entry : entries) organisations[entry.organisation].push_back(&entry);
    std::string text = organisations.empty() ? "organisations: {}\n" : "organisations:\n";
    for (const auto& [id, all] : organisations) {
        text += fmt::format("  {}:\n", id);
        for (const auto& [kind, section] : sections) {
            if (std::ranges::none_of(all, [&](const auto* entry) { return entry->kind == kind; })) continue;
            text += fmt::format("    {}:\n", section);
            for (const auto* entry : all)
                if (entry->kind == kind) text += yaml_entry(*entry);
        }
    }
    return text;
}

}  // namespace postern::directory
