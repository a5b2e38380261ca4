#include "policy/directory_file.hpp"

#include "base/text.hpp"
#include "policy/file_reader.hpp"
#include "policy/keys.hpp"
#include "policy/parse.hpp"
#include "policy/source.hpp"
#include "policy/values.hpp"
#include "policy/yaml_reader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <iterator>

namespace postern::policy {

namespace {

using vocabulary::DirectoryEntry;
using vocabulary::EntryKind;
using vocabulary::ImportOrganisation;

/// A list of an organisation, and what its items are.
struct Section {
    const char* key;
    EntryKind kind;
};
constexpr Section sections[] = {{"users", EntryKind::user},
                                {"functions", EntryKind::function},
                                {"groups", EntryKind::group},
                                {"lists", EntryKind::list}};

Key key_of(const char* name, Form form, bool required = false)
{
    return {.name = name, .shape = {.form = form}, .description = {}, .required = required};
}

/// The keys of one entry, as yaml-schema/directory.schema.json has them.
Shape shape_of(EntryKind kind)
{
    Shape status{.form = Form::word, .words = {"invited", "active", "suspended", "removed"}};
    Shape shape{.form = Form::map};
    shape.keys = {key_of("address", Form::address, true),
                  key_of("name", Form::text, kind != EntryKind::function),
                  {.name = "status", .shape = std::move(status), .description = {}},
                  key_of("ex_directory", Form::boolean),
                  key_of("moved_to", Form::address),
                  key_of("non_secure", Form::address),
                  key_of("details", Form::map)};
    if (kind == EntryKind::function) shape.keys.push_back(key_of("function", Form::text, true));
    if (kind != EntryKind::user) shape.keys.push_back(key_of("owner", Form::address, true));
    if (kind == EntryKind::user) {
        shape.keys.push_back(key_of("user_name", Form::text));
        shape.keys.push_back(key_of("password_hash", Form::text));
    }
    Shape address{.form = Form::address};
    Shape addresses{.form = Form::list, .items = {address}};
    if (kind == EntryKind::group) {
        Shape right{.form = Form::word, .words = {"read", "write", "mail"}};
        Shape rights{.form = Form::list, .items = {std::move(right)}};
        Shape member{.form = Form::map};
        member.keys = {key_of("address", Form::address, true),
                       {.name = "may", .shape = std::move(rights), .description = {}, .required = true}};
        Shape members{.form = Form::list, .items = {std::move(member)}};
        shape.keys.push_back({.name = "members", .shape = std::move(members), .description = {}});
    }
    if (kind == EntryKind::list) {
        Shape word{.form = Form::word, .words = {"members", "organisation", "community"}};
        Shape senders{.form = Form::either, .items = {std::move(word), addresses}};
        shape.keys.push_back({.name = "senders", .shape = std::move(senders), .description = {}});
        shape.keys.push_back({.name = "members", .shape = std::move(addresses), .description = {}});
    }
    return shape;
}

/// `details:` is a map without a shape: any names, texts as values.
std::map<std::string, std::string> read_details(Source& source, const YamlNode* node)
{
    std::map<std::string, std::string> details;
    if (node == nullptr || !node->is_map()) return details;
    for (const auto& entry : node->entries) {
        if (!entry.value.is_text())
            source.error(entry.value.place, fmt::format("the detail \"{}\" is a text", printable(entry.key, 60)));
        else
            details[entry.key] = entry.value.text;
    }
    return details;
}

std::vector<vocabulary::EntryMember> read_members(const Values& map, EntryKind kind)
{
    std::vector<vocabulary::EntryMember> members;
    for (const auto& item : map.items("members")) {
        vocabulary::EntryMember member;
        if (kind == EntryKind::list) {
            member.address = item.text;
        } else {
            const Values said(item);
            const auto may = said.texts("may");
            const auto has = [&](const char* right) { return std::ranges::find(may, right) != may.end(); };
            member = {said.text("address"), has("read"), has("write"), has("mail")};
        }
        members.push_back(std::move(member));
    }
    std::ranges::sort(members, {}, [](const auto& member) { return to_lower(member.address); });
    return members;
}

class Reader {
public:
    explicit Reader(Source& source) : source_(source) {}

    std::vector<ImportOrganisation> read(const YamlNode& root)
    {
        std::vector<ImportOrganisation> read;
        const YamlNode* organisations = root.find("organisations");
        if (!root.is_map() || organisations == nullptr || !organisations->is_map()) {
            source_.error(
                root.place, "the file has no map \"organisations\"",
                "write organisations: { ID: { users: [...], functions: [...], groups: [...], lists: [...] } }");
            return read;
        }
        for (const auto& entry : root.entries)
            if (entry.key != "organisations")
                source_.error(entry.place, fmt::format("unknown key \"{}\"", printable(entry.key, 60)),
                              "known keys: organisations");
        for (const auto& entry : organisations->entries) read.push_back(organisation(entry));
        return read;
    }

private:
    ImportOrganisation organisation(const Entry& declared)
    {
        ImportOrganisation organisation{.id = declared.key, .line = declared.place.line, .entries = {}};
        if (!is_id(declared.key))
            source_.error(declared.place,
                          fmt::format("\"{}\" is no id of an organisation", printable(declared.key, 80)),
                          "small letters, digits and hyphens, at most 64");
        if (!declared.value.is_map()) {
            source_.error(declared.value.place, fmt::format("\"{}\" is a map", declared.key),
                          "write {} for an organisation without entries");
            return organisation;
        }
        for (const auto& part : declared.value.entries) {
            const auto* section = std::ranges::find(sections, std::string_view(part.key), &Section::key);
            if (section == std::end(sections))
                source_.error(part.place, fmt::format("unknown key \"{}\"", printable(part.key, 60)),
                              "known keys: users, functions, groups, lists");
            else if (!part.value.is_list())
                source_.error(part.value.place, fmt::format("\"{}\" is a list", part.key),
                              "leave it out if it is empty");
            else
                for (const auto& item : part.value.items) entry(organisation, item, section->kind);
        }
        return organisation;
    }

    void entry(ImportOrganisation& organisation, const YamlNode& item, EntryKind kind)
    {
        check_shape(source_, item, shapes_[static_cast<std::size_t>(kind)], std::string(vocabulary::name_of(kind)));
        const Values map(item);
        auto address = map.address("address");
        if (!address) return;
        DirectoryEntry made;
        made.address = std::move(*address);
        made.organisation = organisation.id;
        made.kind = kind;
        made.status = vocabulary::entry_status_named(map.text("status")).value_or(vocabulary::EntryStatus::active);
        made.function = map.text("function");
        made.name = map.has("name") ? map.text("name") : made.function;
        made.owner = map.text("owner");
        made.moved_to = map.text("moved_to");
        made.ex_directory = map.boolean("ex_directory", false);
        made.non_secure = map.text("non_secure");
        made.details = read_details(source_, map.node("details"));
        made.members = read_members(map, kind);
        if (kind == EntryKind::list) {
            made.senders = vocabulary::list_senders_named(map.text("senders")).value_or(made.senders);
            made.named_senders = map.texts("senders");
            if (!made.named_senders.empty()) made.senders = vocabulary::ListSenders::named;
        }
        organisation.entries.push_back(
            {std::move(made), item.place.line, map.text("password_hash"), map.text("user_name")});
    }

    Source& source_;
    const Shape shapes_[4] = {shape_of(EntryKind::user), shape_of(EntryKind::function), shape_of(EntryKind::group),
                              shape_of(EntryKind::list)};
};

}  // namespace

DirectoryFile parse_directory_file(std::string_view text, std::string_view name)
{
    DirectoryFile file;
    file.document.file = std::string(name);
    Source source(file.document.file, text, file.diagnostics);
    const auto root = read_yaml(source, largest_directory_file);
    if (root) file.document.organisations = Reader(source).read(*root);
    return file;
}

DirectoryFile read_directory_file(const std::filesystem::path& file)
{
    const auto unreadable = [&](const Fault& fault) {
        DirectoryFile refused;
        refused.document.file = file.filename().string();
        refused.diagnostics.push_back(
            {.file = refused.document.file, .what = fault.describe(), .remedy = {}, .source_line = {}});
        return refused;
    };
    const auto folder = Directory::open(file.has_parent_path() ? file.parent_path().string() : ".");
    if (!folder) return unreadable(folder.error());
    const auto content = folder->read(file.filename().string(), largest_directory_file);
    if (!content) return unreadable(content.error());
    return parse_directory_file(content->bytes, file.filename().string());
}

}  // namespace postern::policy
