// From `then:` in YAML to orders: by the table of actions, each with what it takes.
#include "base/text.hpp"
#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

namespace postern::policy {

namespace {

using vocabulary::ActionId;
using vocabulary::ActionInfo;
using vocabulary::Order;
using vocabulary::RuleFile;
using vocabulary::Stage;

constexpr std::size_t longest_text = 500;

/// What the peer of a bare action reads.
std::string_view fallback_text(ActionId action)
{
    switch (action) {
        case ActionId::reject:
            return "5.7.1 This service does not carry this message";
        case ActionId::defer:
            return "4.7.1 This message cannot be taken at the moment; please try again later";
        case ActionId::refuse:
            return "5.7.1 You may not write to this recipient";
        default:
            return {};
    }
}

class Reader {
public:
    Reader(Source& source, Stage stage, RuleFile file) : source_(source), stage_(stage), file_(file) {}

    OrderTemplates read(const YamlNode& then)
    {
        if (then.is_list()) {
            for (const auto& item : then.items) entry(item);
            if (then.items.empty()) source_.error(then.place, "\"then\" is an empty list", "write what is to be done");
        } else {
            entry(then);
        }
        check_verdicts();
        return std::move(orders_);
    }

private:
    /// A word, or a map whose keys are actions.
    void entry(const YamlNode& node)
    {
        if (node.is_text()) {
            if (const auto* action = find(node.place, node.text)) bare(*action, node.place);
        } else if (node.is_map() && !node.entries.empty()) {
            for (const auto& one : node.entries)
                if (const auto* action = find(one.place, one.key)) take(*action, one);
        } else {
            source_.error(node.place, "this orders nothing", "write an action: accept, or { reject: \"text\" }");
        }
    }

    const ActionInfo* find(const Place& place, const std::string& name)
    {
        const auto* action = vocabulary::find_action(name);
        if (action != nullptr && vocabulary::belongs(action->id, file_)) return action;
        std::vector<std::string> known;
        for (const auto& one : vocabulary::actions())
            if (vocabulary::belongs(one.id, file_)) known.emplace_back(one.name);
        if (action != nullptr) {
            source_.error(place, fmt::format("\"{}\" is no action of {}", name, vocabulary::file_name(file_)),
                          fmt::format("actions: {}", fmt::join(known, ", ")));
            return nullptr;
        }
        const auto near = nearest(name, known);
        source_.error(place, fmt::format("unknown action \"{}\"", printable(name, 60)),
                      near.empty() ? fmt::format("actions: {}", fmt::join(known, ", "))
                                   : fmt::format("did you mean \"{}\"?", near));
        return nullptr;
    }

    void bare(const ActionInfo& action, const Place& place)
    {
        if (!vocabulary::stands_alone(action.id))
            return source_.error(place, fmt::format("\"{}\" needs {}", action.name, action.takes),
                                 fmt::format("write {}", action.example));
        auto& order = add(action, place);
        if (const auto text = fallback_text(action.id); !text.empty()) coded(order, place, std::string(text));
    }

    OrderTemplate& add(const ActionInfo& action, const Place& place)
    {
        auto& order = orders_.emplace_back();
        order.order.action = action.id;
        order.place = place;
        return order;
    }

    void take(const ActionInfo& action, const Entry& entry)
    {
        const auto& value = entry.value;
        if (value.is_text() && vocabulary::stands_alone(action.id) && parse_boolean(value).value_or(false))
            return bare(action, entry.place);
        switch (action.id) {
            case ActionId::accept:
            case ActionId::allow:
                return source_.error(value.place, fmt::format("\"{}\" takes nothing", action.name),
                                     fmt::format("write {} alone, or {}: true", action.name, action.name));
            case ActionId::reject:
            case ActionId::defer:
            case ActionId::refuse:
                if (is_text(action, value)) coded(add(action, entry.place), value.place, value.text);
                return;
            case ActionId::quarantine:
            case ActionId::hold:
                return stay(action, entry);
            case ActionId::redirect:
            case ActionId::add_recipient:
                return addresses(action, entry);
            case ActionId::tag_subject:
            case ActionId::annotate:
                if (is_text(action, value)) text(add(action, entry.place), value);
                return;
            case ActionId::add_header:
            case ActionId::replace_header:
                return headers(action, entry);
            case ActionId::remove_header:
                return header_names(action, entry);
            case ActionId::set_limit:
                return limit(action, entry);
            case ActionId::notify:
                return notice(action, entry);
        }
    }

    void misfit(const ActionInfo& action, const Place& place)
    {
        source_.error(place, fmt::format("\"{}\" takes {}", action.name, action.takes),
                      fmt::format("write {}", action.example));
    }

    /// One line of some length; says what is wrong with others.
    bool is_text(const ActionInfo& action, const YamlNode& node)
    {
        if (!node.is_text() || trim(node.text).empty()) return misfit(action, node.place), false;
        const bool control =
            std::ranges::any_of(node.text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
        if (!control && node.text.size() <= longest_text) return true;
        source_.error(node.place, fmt::format("the text of \"{}\" is no single line of at most {} bytes", action.name,
                                              longest_text));
        return false;
    }

    void text(OrderTemplate& order, const YamlNode& node) { order.text = TextTemplate::read(source_, node, stage_); }

    /// "5.7.1 text": what the peer reads.
    void coded(OrderTemplate& order, const Place& place, const std::string& written)
    {
        const auto parsed = vocabulary::parse_coded_text(order.order.action, written);
        if (!parsed) return source_.error_from(place, parsed.error().detail());
        order.order.status = parsed->status;
        order.order.digits = parsed->digits;
        order.text = TextTemplate::read(source_, place, parsed->text, stage_);
    }

    /// "reason", or { reason: ..., for: 30 days }.
    void stay(const ActionInfo& action, const Entry& entry)
    {
        const auto& value = entry.value;
        if (!value.is_map()) {
            if (is_text(action, value)) text(add(action, entry.place), value);
            return;
        }
        auto& order = add(action, entry.place);
        for (const auto& key : value.entries) {
            if (key.key == "reason") {
                if (is_text(action, key.value)) text(order, key.value);
            } else if (key.key == "for") {
                const auto lasts = vocabulary::parse_duration(key.value.is_text() ? key.value.text : "");
                if (!lasts)
                    source_.error_from(key.value.place, lasts.error().detail());
                else if (*lasts <= Duration{})
                    source_.error(key.value.place, fmt::format("\"{}\" would end at once", action.name));
                else
                    order.order.lasts = *lasts;
            } else {
                unknown_key(key, {"reason", "for"});
            }
        }
    }

    void unknown_key(const Entry& entry, const std::vector<std::string>& known)
    {
        const auto near = nearest(entry.key, known);
        source_.error(entry.place, fmt::format("unknown key \"{}\"", printable(entry.key, 60)),
                      near.empty() ? fmt::format("known keys: {}", fmt::join(known, ", "))
                                   : fmt::format("did you mean \"{}\"?", near));
    }

    void address(OrderTemplate& order, const YamlNode& node)
    {
        auto parsed = node.is_text() ? mail::Address::parse(node.text) : Result<mail::Address>(fault(Retry::never, ""));
        if (!parsed)
            return source_.error(node.place, fmt::format("\"{}\" is not an address", printable(node.text, 80)),
                                 "write one inside the community");
        order.order.addresses.push_back(std::move(*parsed));
        order.where.push_back(node.place);
    }

    void addresses(const ActionInfo& action, const Entry& entry)
    {
        const auto& value = entry.value;
        if (value.is_text()) return address(add(action, entry.place), value);
        if (!value.is_list() || value.items.empty() || action.id == ActionId::redirect)
            return misfit(action, value.place);
        auto& order = add(action, entry.place);
        for (const auto& item : value.items) address(order, item);
    }

    void headers(const ActionInfo& action, const Entry& entry)
    {
        if (!entry.value.is_map() || entry.value.entries.empty()) return misfit(action, entry.value.place);
        for (const auto& header : entry.value.entries) {
            check_changed_header(source_, header.place, header.key);
            if (!is_text(action, header.value)) continue;
            auto& order = add(action, header.place);
            order.order.name = header.key;
            text(order, header.value);
        }
    }

    void header_names(const ActionInfo& action, const Entry& entry)
    {
        const auto one = [&](const YamlNode& node) {
            if (!node.is_text()) return misfit(action, node.place);
            check_changed_header(source_, node.place, node.text);
            add(action, node.place).order.name = node.text;
        };
        if (!entry.value.is_list()) return one(entry.value);
        for (const auto& item : entry.value.items) one(item);
        if (entry.value.items.empty()) misfit(action, entry.value.place);
    }

    void limit(const ActionInfo& action, const Entry& entry)
    {
        const auto size = vocabulary::parse_size(entry.value.is_text() ? entry.value.text : "");
        if (!size) return source_.error_from(entry.value.place, size.error().detail());
        if (*size == 0) return source_.error(entry.value.place, "no message is so small");
        add(action, entry.place).order.size = *size;
    }

    void notice(const ActionInfo& action, const Entry& entry)
    {
        const auto* to = entry.value.find("to");
        const auto* words = entry.value.find("text");
        if (!entry.value.is_map() || to == nullptr || words == nullptr) return misfit(action, entry.value.place);
        auto& order = add(action, entry.place);
        for (const auto& key : entry.value.entries)
            if (key.key != "to" && key.key != "text") unknown_key(key, {"to", "text"});
        if (is_text(action, *words)) text(order, *words);
        if (to->is_list())
            for (const auto& item : to->items) told(order, item);
        else
            told(order, *to);
        if (to->is_list() && to->items.empty()) misfit(action, to->place);
    }

    /// A word of the list, or an address inside the community, which is checked when that is known.
    void told(OrderTemplate& order, const YamlNode& node)
    {
        const auto known = vocabulary::notify_words();
        if (std::ranges::find(known, std::string_view(node.text)) != known.end())
            return order.order.to.push_back(node.text);
        if (const auto parsed = mail::Address::parse(node.text)) {
            order.order.to.push_back(node.text);
            order.order.addresses.push_back(*parsed);
            return order.where.push_back(node.place);
        }
        const std::vector<std::string> words(known.begin(), known.end());
        const auto near = nearest(node.text, words);
        source_.error(node.place, fmt::format("\"{}\" is nobody who can be told", printable(node.text, 60)),
                      near.empty() ? fmt::format("write an address, or one of: {}", fmt::join(words, ", "))
                                   : fmt::format("did you mean \"{}\"?", near));
    }

    /// One rule decides once.
    void check_verdicts()
    {
        const OrderTemplate* first = nullptr;
        for (const auto& order : orders_) {
            if (vocabulary::info(order.order.action).kind != vocabulary::ActionKind::verdict) continue;
            if (first != nullptr)
                source_.error(order.place,
                              fmt::format("\"{}\" is a second verdict", vocabulary::info(order.order.action).name),
                              fmt::format("\"{}\" decides already: make two rules of it",
                                          vocabulary::info(first->order.action).name));
            else
                first = &order;
        }
    }

    Source& source_;
    Stage stage_;
    RuleFile file_;
    OrderTemplates orders_;
};

}  // namespace

OrderTemplates read_orders(Source& source, const YamlNode* then, Stage stage, RuleFile file)
{
    if (then == nullptr || then->type == YamlNode::Type::nothing) return {};
    return Reader(source, stage, file).read(*then);
}

}  // namespace postern::policy
