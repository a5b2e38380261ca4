#include "policy/event_condition.hpp"

#include "base/text.hpp"
#include "policy/matcher.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::AlertTrigger;
using vocabulary::Event;

/// A typed tree, as of other conditions.
struct Node {
    enum class Op : std::uint8_t { all, any, none, clause } op = Op::all;
    std::vector<Node> parts;
    std::string field;
    std::vector<Matcher> any_of;
};

bool in_time(const TimeRange& range, Instant at)
{
    const auto minute = static_cast<unsigned>(
        std::chrono::duration_cast<std::chrono::minutes>(at.time_since_epoch() % std::chrono::days{1}).count());
    if (range.from < range.to) return minute >= range.from && minute < range.to;
    return minute >= range.from || minute < range.to;
}

bool clause_holds(const Node& clause, const Event& event)
{
    const auto value = event.field(clause.field);
    const auto lower = to_lower(value.value_or(""));
    return std::ranges::any_of(clause.any_of, [&](const Matcher& matcher) {
        if (std::holds_alternative<Absent>(matcher)) return !value || value->empty();
        if (const auto* range = std::get_if<TimeRange>(&matcher)) return in_time(*range, event.at);
        return value && matches(matcher, FieldText{*value, lower});
    });
}

bool node_holds(const Node& node, const Event& event)
{
    const auto part = [&](const Node& inner) { return node_holds(inner, event); };
    switch (node.op) {
        case Node::Op::all:
            return std::ranges::all_of(node.parts, part);
        case Node::Op::any:
            return std::ranges::any_of(node.parts, part);
        case Node::Op::none:
            return std::ranges::none_of(node.parts, part);
        case Node::Op::clause:
            break;
    }
    return clause_holds(node, event);
}

class Tree final : public vocabulary::EventCondition {
public:
    explicit Tree(Node node) : node_(std::move(node)) {}
    [[nodiscard]] bool holds(const Event& event) const override { return node_holds(node_, event); }

private:
    Node node_;
};

class Reader {
public:
    Reader(Source& source, const std::vector<AlertTrigger>& on) : source_(source)
    {
        for (const auto field : vocabulary::common_event_fields()) known_.emplace_back(field);
        for (const auto& trigger : on)
            for (const auto field : vocabulary::info(trigger.event).fields) known_.emplace_back(field);
    }

    Node map(const YamlNode& node)
    {
        Node all;
        if (!node.is_map() || node.entries.empty())
            source_.error(node.place, "a condition is a map of fields and values", "write { field: value }");
        for (const auto& entry : node.entries) {
            if (entry.key == "any" || entry.key == "all" || entry.key == "not")
                all.parts.push_back(group(entry));
            else
                all.parts.push_back(clause(entry));
        }
        return all;
    }

private:
    Node group(const Entry& entry)
    {
        Node node;
        node.op = entry.key == "any" ? Node::Op::any : entry.key == "all" ? Node::Op::all : Node::Op::none;
        if (entry.value.is_list() && !entry.value.items.empty())
            for (const auto& item : entry.value.items) node.parts.push_back(map(item));
        else if (entry.value.is_map() && node.op != Node::Op::any)
            node.parts.push_back(map(entry.value));
        else
            source_.error(entry.place, fmt::format("\"{}\" needs a list of conditions", entry.key),
                          fmt::format("write {}: [{{ field: value }}, {{ field: value }}]", entry.key));
        return node;
    }

    Node clause(const Entry& entry)
    {
        Node node;
        node.op = Node::Op::clause;
        node.field = entry.key;
        if (std::ranges::find(known_, entry.key) == known_.end()) {
            const auto near = nearest(entry.key, known_);
            source_.error(entry.place, fmt::format("unknown field \"{}\" of these events", printable(entry.key, 60)),
                          near.empty() ? fmt::format("fields: {}", fmt::join(known_, ", "))
                                       : fmt::format("did you mean \"{}\"?", near));
            return node;
        }
        if (entry.value.is_list() && !entry.value.items.empty())
            for (const auto& item : entry.value.items) take(node, item);
        else
            take(node, entry.value);
        return node;
    }

    void take(Node& node, const YamlNode& value)
    {
        if (node.field == "time") return between(node, value);
        if (!value.is_text())
            return source_.error(value.place, fmt::format("\"{}\" is compared with nothing here", node.field),
                                 "write a value, a list of values, or absent");
        if (!value.quoted && value.text == "absent") {
            node.any_of.emplace_back(Absent{});
            return;
        }
        auto matcher = parse_text_matcher(value.text);
        if (matcher)
            node.any_of.push_back(std::move(*matcher));
        else
            source_.error_from(value.place, matcher.error().detail());
    }

    void between(Node& node, const YamlNode& value)
    {
        const auto* ends = value.is_map() ? value.find("between") : nullptr;
        const bool pair = ends != nullptr && value.entries.size() == 1 && ends->is_list() && ends->items.size() == 2;
        const auto from = pair ? parse_time_of_day(ends->items[0].text) : Result<unsigned>(0);
        const auto to = pair ? parse_time_of_day(ends->items[1].text) : Result<unsigned>(0);
        if (!pair || !from || !to || *from == *to)
            return source_.error(value.place, "\"time\" cannot be compared with this",
                                 "write { between: [\"20:00\", \"06:00\"] }");
        node.any_of.emplace_back(TimeRange{*from, *to});
    }

    Source& source_;
    std::vector<std::string> known_;
};

}  // namespace

std::shared_ptr<const vocabulary::EventCondition> read_event_condition(Source& source, const YamlNode* node,
                                                                       const std::vector<AlertTrigger>& on)
{
    if (node == nullptr) return nullptr;
    return std::make_shared<const Tree>(Reader(source, on).map(*node));
}

}  // namespace postern::policy
