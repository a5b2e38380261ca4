#include "policy/difference.hpp"

#include "base/text.hpp"
#include "policy/source.hpp"
#include "policy/yaml_reader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace postern::policy {

namespace {

constexpr std::size_t longest_shown = 100;

std::string inline_text(const YamlNode& node)
{
    std::vector<std::string> parts;
    switch (node.type) {
        case YamlNode::Type::nothing:
            return "nothing";
        case YamlNode::Type::text:
            return node.quoted ? fmt::format("\"{}\"", node.text) : node.text;
        case YamlNode::Type::list:
            for (const auto& item : node.items) parts.push_back(inline_text(item));
            return fmt::format("[{}]", fmt::join(parts, ", "));
        case YamlNode::Type::map:
            for (const auto& entry : node.entries)
                parts.push_back(fmt::format("{}: {}", entry.key, inline_text(entry.value)));
            return fmt::format("{{{}}}", fmt::join(parts, ", "));
    }
    return {};
}

std::string shown(const YamlNode& node)
{
    return printable(inline_text(node), longest_shown);
}

bool same(const YamlNode& a, const YamlNode& b)
{
    if (a.type != b.type) return false;
    if (a.is_text()) return a.text == b.text && a.quoted == b.quoted;
    if (a.is_list())
        return std::ranges::equal(a.items, b.items, [](const auto& x, const auto& y) { return same(x, y); });
    if (!a.is_map()) return true;
    // The order of keys says nothing, but for what a rule does: `then` is in order.
    return a.entries.size() == b.entries.size() && std::ranges::all_of(a.entries, [&](const Entry& entry) {
               const auto* other = b.find(entry.key);
               return other != nullptr && same(entry.value, *other) &&
                      (entry.key != "then" || inline_text(entry.value) == inline_text(*other));
           });
}

const std::string* name_of(const YamlNode& node)
{
    const auto* name = node.is_map() ? node.find("name") : nullptr;
    return name != nullptr && name->is_text() ? &name->text : nullptr;
}

/// A list whose items are told apart by their names: rules, listeners, tests.
bool is_named_list(const YamlNode& node)
{
    return node.is_list() && !node.items.empty() &&
           std::ranges::all_of(node.items, [](const YamlNode& item) { return name_of(item) != nullptr; });
}

std::string_view word_for(std::string_view list)
{
    if (list == "routes") return "route";
    if (list == "tags") return "tag";
    if (list == "rates") return "rate";
    if (list == "limits") return "limit";
    if (list == "listeners") return "listener";
    if (list == "tests") return "test";
    if (list == "alerts") return "alert";
    return "rule";
}

/// Which of these stay where they are relative to each other: the longest rising run of old places.
std::set<std::size_t> unmoved(const std::vector<std::size_t>& old_places)
{
    std::vector<std::size_t> best(old_places.size(), 1), from(old_places.size(), SIZE_MAX);
    std::size_t last = SIZE_MAX, length = 0;
    for (std::size_t i = 0; i < old_places.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j)
            if (old_places[j] < old_places[i] && best[j] + 1 > best[i]) {
                best[i] = best[j] + 1;
                from[i] = j;
            }
        if (best[i] > length) {
            length = best[i];
            last = i;
        }
    }
    std::set<std::size_t> stay;
    for (auto i = last; i != SIZE_MAX; i = from[i]) stay.insert(i);
    return stay;
}

class Comparison {
public:
    explicit Comparison(std::vector<Change>& into) : into_(into) {}

    void file(const std::string& name, const YamlNode& before, const YamlNode& after)
    {
        file_ = name;
        std::string what = name;
        if (const auto* id = after.find("organisation"); id != nullptr && name.starts_with("organisations/"))
            what = "organisation " + id->text;
        maps(what, {}, before, after);
    }

private:
    [[nodiscard]] std::string at(const Place& place) const
    {
        return place.line == 0 ? file_ : fmt::format("{}:{}", file_, place.line);
    }

    void maps(const std::string& what, const std::string& prefix, const YamlNode& before, const YamlNode& after)
    {
        for (const auto& entry : after.entries) {
            const auto key = prefix.empty() ? entry.key : prefix + "." + entry.key;
            if (const auto* old = before.find(entry.key))
                values(what, key, *old, entry.value);
            else if (is_named_list(entry.value))
                lists(entry.key, YamlNode{}, entry.value);
            else
                into_.push_back({Change::Kind::added, what, key, {}, shown(entry.value), {}, at(entry.place)});
        }
        for (const auto& entry : before.entries) {
            if (after.find(entry.key) != nullptr) continue;
            const auto key = prefix.empty() ? entry.key : prefix + "." + entry.key;
            if (is_named_list(entry.value))
                lists(entry.key, entry.value, YamlNode{});
            else
                into_.push_back({Change::Kind::removed, what, key, shown(entry.value), {}, at(entry.place), {}});
        }
    }

    void values(const std::string& what, const std::string& key, const YamlNode& before, const YamlNode& after)
    {
        if (same(before, after) && inline_text(before) == inline_text(after)) return;
        const auto last = key.substr(key.rfind('.') + 1);
        if (last != "then" && before.is_map() && after.is_map()) return maps(what, key, before, after);
        if (is_named_list(before) && is_named_list(after)) return lists(last, before, after);
        if (same(before, after) && last != "then") return;
        into_.push_back(
            {Change::Kind::changed, what, key, shown(before), shown(after), at(before.place), at(after.place)});
    }

    void lists(const std::string& key, const YamlNode& before, const YamlNode& after)
    {
        std::map<std::string_view, std::size_t> old_places;
        for (std::size_t i = 0; i < before.items.size(); ++i) old_places.emplace(*name_of(before.items[i]), i);
        std::vector<std::size_t> order;
        std::vector<const YamlNode*> kept;
        std::set<std::string_view> names;
        for (const auto& item : after.items) {
            const auto& name = *name_of(item);
            names.insert(name);
            const auto what = fmt::format("{} {}", word_for(key), printable(name));
            const auto old = old_places.find(name);
            if (old == old_places.end()) {
                into_.push_back({Change::Kind::added, what, {}, {}, shown(item), {}, at(item.place)});
                continue;
            }
            order.push_back(old->second);
            kept.push_back(&item);
            maps(what, {}, before.items[old->second], item);
        }
        moves(key, before, order, kept);
        for (const auto& item : before.items)
            if (!names.contains(*name_of(item)))
                into_.push_back({Change::Kind::removed,
                                 fmt::format("{} {}", word_for(key), printable(*name_of(item))),
                                 {},
                                 shown(item),
                                 {},
                                 at(item.place),
                                 {}});
    }

    void moves(const std::string& key, const YamlNode& before, const std::vector<std::size_t>& order,
               const std::vector<const YamlNode*>& kept)
    {
        const auto stay = unmoved(order);
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (stay.contains(i)) continue;
            const auto behind =
                i == 0 ? std::string("first") : fmt::format("behind {}", printable(*name_of(*kept[i - 1])));
            into_.push_back({Change::Kind::moved,
                             fmt::format("{} {}", word_for(key), printable(*name_of(*kept[i]))),
                             {},
                             {},
                             behind,
                             at(before.items[order[i]].place),
                             at(kept[i]->place)});
        }
    }

    std::vector<Change>& into_;
    std::string file_;
};

std::string what_file(const std::string& name)
{
    if (name.starts_with("lua/")) return "script " + name.substr(4);
    return name;
}

std::vector<std::string_view> lines_of(std::string_view text)
{
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

/// How many lines went and came, wherever they stood.
std::string lines_changed(std::string_view before, std::string_view after)
{
    const auto old_lines = lines_of(before), new_lines = lines_of(after);
    std::multiset<std::string_view> left(old_lines.begin(), old_lines.end());
    std::size_t came = 0;
    for (const auto line : new_lines) {
        const auto same_line = left.find(line);
        if (same_line == left.end())
            ++came;
        else
            left.erase(same_line);
    }
    return fmt::format("{} lines went, {} came", left.size(), came);
}

std::optional<YamlNode> tree_of(const std::string& name, const std::string& bytes)
{
    Diagnostics unsaid;
    Source source(name, bytes, unsaid);
    auto tree = read_yaml(source);
    if (!tree || !tree->is_map() || has_errors(unsaid)) return std::nullopt;
    return tree;
}

/// The organisation that a whole file declares, or the file's name.
std::string whole(const std::string& name, const std::string& bytes)
{
    if (!name.starts_with("organisations/")) return what_file(name);
    const auto tree = tree_of(name, bytes);
    const auto* id = tree ? tree->find("organisation") : nullptr;
    return id != nullptr ? "organisation " + id->text : name;
}

void compare_file(const std::string& name, const std::string& before, const std::string& after,
                  std::vector<Change>& into)
{
    if (name.ends_with(".yaml")) {
        const auto old_tree = tree_of(name, before);
        const auto new_tree = tree_of(name, after);
        if (old_tree && new_tree) return Comparison(into).file(name, *old_tree, *new_tree);
    }
    into.push_back({Change::Kind::changed, what_file(name), {}, {}, lines_changed(before, after), name, name});
}

std::string places(const Change& change)
{
    if (change.place_before.empty()) return change.place_after;
    if (change.place_after.empty() || change.place_after == change.place_before) return change.place_before;
    return fmt::format("{} -> {}", change.place_before, change.place_after);
}

std::string words(const Change& change)
{
    const auto key = change.key.empty() ? std::string{} : ": " + change.key;
    switch (change.kind) {
        case Change::Kind::added:
            return fmt::format("+ {}{}{}", change.what, key,
                               change.after.empty() ? "" : fmt::format(" {}", change.after));
        case Change::Kind::removed:
            return fmt::format("- {}{}{}", change.what, key,
                               change.before.empty() ? "" : fmt::format(" {}", change.before));
        case Change::Kind::moved:
            return fmt::format("> {} moved: now {}", change.what, change.after);
        case Change::Kind::changed:
            break;
    }
    if (change.before.empty()) return fmt::format("~ {}{} {}", change.what, key, change.after);
    return fmt::format("~ {}{} {} -> {}", change.what, key, change.before, change.after);
}

std::string_view name_of(Change::Kind kind)
{
    switch (kind) {
        case Change::Kind::added:
            return "added";
        case Change::Kind::removed:
            return "removed";
        case Change::Kind::moved:
            return "moved";
        case Change::Kind::changed:
            break;
    }
    return "changed";
}

}  // namespace

std::vector<Change> difference(const FileSet& before, const FileSet& after)
{
    std::vector<Change> changes;
    std::set<std::string_view> names;
    for (const auto& [name, bytes] : before) names.insert(name);
    for (const auto& [name, bytes] : after) names.insert(name);
    for (const auto name : names) {
        const std::string file(name);
        const auto old_file = before.find(name);
        const auto new_file = after.find(name);
        if (old_file == before.end())
            changes.push_back({Change::Kind::added, whole(file, new_file->second), {}, {}, {}, {}, file});
        else if (new_file == after.end())
            changes.push_back({Change::Kind::removed, whole(file, old_file->second), {}, {}, {}, file, {}});
        else if (old_file->second != new_file->second)
            compare_file(file, old_file->second, new_file->second, changes);
    }
    return changes;
}

std::string difference_text(const std::vector<Change>& changes)
{
    std::string text;
    for (const auto& change : changes) text += fmt::format("{}   [{}]\n", words(change), places(change));
    return text;
}

boost::json::array difference_json(const std::vector<Change>& changes)
{
    boost::json::array array;
    for (const auto& change : changes) {
        boost::json::object object{{"change", std::string(name_of(change.kind))}, {"what", change.what}};
        const auto put = [&](const char* name, const std::string& text) {
            if (!text.empty()) object[name] = text;
        };
        put("key", change.key);
        put("before", change.before);
        put("after", change.after);
        put("place_before", change.place_before);
        put("place_after", change.place_after);
        array.push_back(std::move(object));
    }
    return array;
}

}  // namespace postern::policy
