#include "control/entry_views.hpp"

#include "base/text.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>

namespace postern::control {

namespace json = boost::json;

using directory::DirectoryEntry;
using directory::EntryKind;
using directory::StandingEntry;
using vocabulary::name_of;

namespace {

json::array members_json(const DirectoryEntry& entry)
{
    json::array members;
    for (const auto& member : entry.members) {
        json::object one{{"address", member.address}};
        if (entry.kind == EntryKind::group) {
            json::array may;
            if (member.read) may.emplace_back("read");
            if (member.write) may.emplace_back("write");
            if (member.mail) may.emplace_back("mail");
            one["may"] = std::move(may);
        }
        members.push_back(std::move(one));
    }
    return members;
}

}  // namespace

std::string inside_form(const policy::Snapshot& policy, const DirectoryEntry& entry)
{
    const auto owner = policy.owner_of(entry.address.domain());
    if (!owner || !owner->organisation) return entry.address.text();
    const auto inside = transform::inside(entry.address, *owner->organisation);
    return inside ? inside->text() : entry.address.text();
}

json::object entry_json(const policy::Snapshot& policy, const StandingEntry& standing, bool all)
{
    const auto& entry = *standing.entry;
    json::object object{{"address", inside_form(policy, entry)},
                        {"own_address", entry.address.text()},
                        {"organisation", entry.organisation},
                        {"kind", std::string(name_of(entry.kind))},
                        {"name", entry.name}};
    if (const auto* organisation = policy.organisation(entry.organisation)) {
        object["organisation_name"] = organisation->name;
        if (!organisation->kind_of_body.empty()) object["kind_of_body"] = organisation->kind_of_body;
        if (!organisation->place.empty()) object["place"] = organisation->place;
    }
    if (!entry.function.empty()) object["function"] = entry.function;
    json::object details;
    for (const auto& [name, value] : entry.details) details[name] = value;
    if (!details.empty()) object["details"] = std::move(details);
    if (!all) return object;
    object["status"] = std::string(name_of(entry.status));
    object["ex_directory"] = entry.ex_directory;
    object["version"] = standing.version;
    object["changed"] = to_iso8601(standing.changed);
    object["changed_by"] = standing.changed_by;
    if (!entry.non_secure.empty()) {
        object["non_secure"] = entry.non_secure;
        if (!entry.non_secure_history.confirmed) object["non_secure_confirmed"] = false;
    }
    if (!entry.owner.empty()) object["owner"] = entry.owner;
    if (!entry.moved_to.empty()) object["moved_to"] = entry.moved_to;
    if (entry.kind == EntryKind::list) {
        if (entry.senders == vocabulary::ListSenders::named)
            object["senders"] = json::value_from(entry.named_senders);
        else
            object["senders"] = std::string(name_of(entry.senders));
    }
    if (!entry.members.empty()) object["members"] = members_json(entry);
    return object;
}

std::string plain(const json::value& value)
{
    if (value.is_string()) return std::string(value.get_string());
    return json::serialize(value);
}

std::string entry_text(const json::object& entry)
{
    std::string text = fmt::format("{}\n", plain(entry.at("address")));
    for (const auto& field : entry) {
        if (field.key() == "address" || field.key() == "members" || field.key() == "details") continue;
        text += fmt::format("  {:<18} {}\n", std::string_view(field.key()), plain(field.value()));
    }
    if (const auto* details = entry.if_contains("details"))
        for (const auto& detail : details->as_object())
            text += fmt::format("  {:<18} {}\n", std::string_view(detail.key()), plain(detail.value()));
    if (const auto* members = entry.if_contains("members"))
        for (const auto& member : members->as_array()) {
            const auto& one = member.as_object();
            const auto* may = one.if_contains("may");
            std::string rights;
            if (may != nullptr)
                for (const auto& right : may->as_array()) rights += (rights.empty() ? "" : ", ") + plain(right);
            text += fmt::format("  member             {}{}\n", plain(one.at("address")),
                                rights.empty() ? "" : " may " + rights);
        }
    return text;
}

json::array problems_json(const std::vector<directory::ImportProblem>& problems)
{
    json::array all;
    for (const auto& problem : problems) all.push_back({{"line", problem.line}, {"what", problem.what}});
    return all;
}

std::string problems_text(const std::vector<directory::ImportProblem>& problems)
{
    std::string text;
    for (const auto& problem : problems)
        text += problem.line == 0 ? problem.what + "\n" : fmt::format("line {}: {}\n", problem.line, problem.what);
    return text;
}

json::value difference_json(const directory::Difference& difference, bool applied)
{
    const auto addresses = [](const auto& entries) {
        json::array all;
        for (const auto& entry : entries) all.emplace_back(entry.address.text());
        return all;
    };
    json::array changed;
    for (const auto& change : difference.changed) {
        json::array fields;
        for (const auto& field : change.fields)
            fields.push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
        changed.push_back({{"address", change.entry.address.text()}, {"fields", std::move(fields)}});
    }
    return {{"applied", applied},
            {"added", addresses(difference.added)},
            {"changed", std::move(changed)},
            {"removed", addresses(difference.removed)},
            {"logins", difference.logins.size()},
            {"unchanged", difference.unchanged},
            {"problems", problems_json(difference.problems)}};
}

std::string difference_text(const directory::Difference& difference, bool dry_run)
{
    std::string text;
    for (const auto& entry : difference.added)
        text += fmt::format("+ {} ({})\n", entry.address.text(), entry.organisation);
    for (const auto& change : difference.changed)
        for (const auto& field : change.fields)
            text += fmt::format("~ {}: {} \"{}\" becomes \"{}\"\n", change.entry.address.text(), field.field,
                                field.before, field.after);
    for (const auto& entry : difference.removed)
        text += fmt::format("- {} ({})\n", entry.address.text(), entry.organisation);
    text += problems_text(difference.problems);
    if (!difference.valid())
        return text + fmt::format("nothing was imported: {} problems\n", difference.problems.size());
    text += fmt::format("{}: {} added, {} changed, {} removed, {} as they were\n",
                        dry_run ? "would be imported" : "imported", difference.added.size(), difference.changed.size(),
                        difference.removed.size(), difference.unchanged);
    if (!difference.logins.empty())
        text += fmt::format("{} logins {}brought along\n", difference.logins.size(), dry_run ? "would be " : "");
    return text;
}

}  // namespace postern::control
