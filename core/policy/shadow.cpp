#include "policy/shadow.hpp"

#include <algorithm>

namespace postern::policy {

namespace {

constexpr char separator = '\0';  ///< behind each value of a clause's canonical words

/// "field:" of a clause's canonical words and its values, each with its separator.
struct Words {
    std::string_view field;
    std::vector<std::string_view> values;
};

Words words_of(const Condition& clause)
{
    std::string_view rest = clause.canonical;
    const auto colon = rest.find(':');
    Words words{rest.substr(0, colon + 1), {}};
    rest.remove_prefix(colon + 1);
    while (!rest.empty()) {
        const auto end = rest.find(separator);
        words.values.push_back(rest.substr(0, end));
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
    return words;
}

bool is_clause(const Condition& condition)
{
    return condition.op == Condition::Op::clause;
}

/// Whether `wider` holds wherever `narrower` does.
bool implied(const Condition& wider, const Condition& narrower)
{
    if (wider.canonical == narrower.canonical) return true;
    if (wider.op == Condition::Op::attachment && narrower.op == Condition::Op::attachment)
        return std::ranges::all_of(wider.parts, [&](const Condition& part) {
            return std::ranges::any_of(narrower.parts, [&](const Condition& other) { return implied(part, other); });
        });
    if (!is_clause(wider) || !is_clause(narrower)) return false;
    const auto more = words_of(wider), fewer = words_of(narrower);
    return more.field == fewer.field && std::ranges::all_of(fewer.values, [&](std::string_view value) {
               return std::ranges::find(more.values, value) != more.values.end();
           });
}

/// What a rule with this part is found by: some rule that implies it has one of them.
std::string_view key_of(const Condition& part)
{
    if (part.op == Condition::Op::attachment) return "attachment";
    return is_clause(part) ? words_of(part).field : std::string_view(part.canonical);
}

}  // namespace

void ShadowCheck::add(const Rule& rule)
{
    if (!rule.when.condition) {
        if (always_ == nullptr) always_ = &rule;
        return;
    }
    const auto& parts = rule.when.condition->parts;
    // The most telling part: one that few rules have.
    const auto part = std::ranges::max_element(
        parts, {}, [](const Condition& p) { return p.op == Condition::Op::clause ? p.canonical.size() : 0; });
    by_part_.emplace(key_of(*part), &rule);
}

const Rule* ShadowCheck::shadow_of(const Rule& rule) const
{
    if (always_ != nullptr || !rule.when.condition) return always_;
    const Rule* first = nullptr;
    const auto& parts = rule.when.condition->parts;
    for (const auto& part : parts) {
        const auto [begin, end] = by_part_.equal_range(key_of(part));
        for (auto found = begin; found != end; ++found) {
            const auto& earlier = found->second->when.condition->parts;
            const bool holds = std::ranges::all_of(earlier, [&](const Condition& wider) {
                return std::ranges::any_of(parts, [&](const Condition& narrower) { return implied(wider, narrower); });
            });
            if (holds && (first == nullptr || found->second->place.line < first->place.line)) first = found->second;
        }
    }
    return first;
}

}  // namespace postern::policy
