#include "alert/book.hpp"

#include "base/ids.hpp"

#include <algorithm>

namespace postern::alert {

namespace {

constexpr std::size_t many_groups = 10'000;
constexpr std::size_t most_open = 10'000;
constexpr Duration old_group = std::chrono::days{7};

store::AlertRecord record_of(const vocabulary::Event& event, const vocabulary::AlertRule& rule,
                             const std::string& grouping, std::uint64_t generation)
{
    store::AlertRecord alert;
    alert.id = make_message_id(event.at);
    alert.rule = rule.name;
    alert.event = event.id;
    alert.object = event.object;
    alert.grouping = grouping;
    alert.at = event.at;
    alert.text = event.text;
    alert.fields = event.fields;
    if (rule.escalates) alert.escalates = event.at + *rule.escalates;
    alert.generation = generation;
    return alert;
}

}  // namespace

void Book::restore(const std::vector<store::AlertRecord>& remembered)
{
    for (const auto& alert : remembered) {
        if (alert.object == test_object) continue;
        groups_[{alert.rule, alert.grouping}] = {alert.number, alert.at, alert.left_out};
        keep(alert);
        if (!open_.empty() && open_.back().number == alert.number) open_.back().expected = open_.back().standing;
    }
}

std::vector<std::int64_t> Book::forget_unseen()
{
    std::vector<std::int64_t> unseen;
    for (const auto& open : open_)
        if (open.expected) unseen.push_back(open.number);
    std::erase_if(open_, [](const Open& open) { return open.expected; });
    return unseen;
}

void Book::keep(const store::AlertRecord& alert)
{
    auto& group = groups_[{alert.rule, alert.grouping}];
    if (group.at <= alert.at) group = {alert.number, alert.at, alert.left_out};
    const bool standing = vocabulary::info(alert.event).standing && !alert.cleared;
    const bool escalates = alert.escalates && !alert.escalated && !alert.acknowledged && !alert.cleared;
    if (!standing && !escalates) return;
    if (open_.size() >= most_open) open_.erase(open_.begin());
    open_.push_back({alert.number, alert.id, alert.rule, alert.object, standing, false,
                     escalates ? alert.escalates : std::nullopt});
}

void Book::acknowledge(const std::string& id)
{
    for (auto& open : open_)
        if (open.id == id) open.escalates.reset();
    std::erase_if(open_, [](const Open& open) { return !open.standing && !open.escalates; });
}

/// Whether the condition has its alert from before a restart.
bool Book::is_known(const std::string& rule, const vocabulary::Event& event)
{
    if (!vocabulary::info(event.id).standing) return false;
    const auto known = std::ranges::find_if(
        open_, [&](const Open& open) { return open.expected && open.rule == rule && open.object == event.object; });
    if (known == open_.end()) return false;
    known->expected = false;
    return true;
}

void Book::end(const vocabulary::Event& event, Heard& heard)
{
    for (const auto& open : open_)
        if (open.standing && open.object == event.object) heard.cleared.push_back(open.number);
    std::erase_if(open_, [&](const Open& open) { return open.standing && open.object == event.object; });
}

Heard Book::hear(const vocabulary::Event& event, const vocabulary::AlertPolicy& policy, std::uint64_t generation)
{
    Heard heard;
    if (event.cleared) {
        end(event, heard);
        return heard;
    }
    for (const auto& rule : policy.rules)
        if (rule.takes(event) && !is_known(rule.name, event)) hear(event, rule, generation, heard);
    tidy(event.at);
    return heard;
}

void Book::hear(const vocabulary::Event& event, const vocabulary::AlertRule& rule, std::uint64_t generation,
                Heard& heard)
{
    vocabulary::EventScript::Answer said;
    if (rule.script) said = rule.script->ask(event);
    if (!said.error.empty()) heard.failed.emplace_back(rule.place, said.error);
    if (!said.holds) return;
    const auto grouping = rule.group_by.empty() ? std::string{} : event.field(rule.group_by).value_or("");
    auto [place, first] = groups_.try_emplace({rule.name, grouping});
    auto& group = place->second;
    if (!first && rule.one_per && event.at < group.at + *rule.one_per) {
        ++group.left_out;
        heard.left_out.emplace_back(group.alert, group.left_out);
        return;
    }
    auto alert = record_of(event, rule, grouping, generation);
    if (!said.note.empty()) alert.fields.emplace_back("note", said.note);
    alert.suppressed = group.left_out;
    group = {0, event.at, 0};
    heard.fresh.push_back(std::move(alert));
}

std::vector<std::int64_t> Book::escalations(Instant now)
{
    std::vector<std::int64_t> due;
    for (auto& open : open_) {
        if (!open.escalates || *open.escalates > now) continue;
        due.push_back(open.number);
        open.escalates.reset();
    }
    std::erase_if(open_, [](const Open& open) { return !open.standing && !open.escalates; });
    return due;
}

std::optional<Instant> Book::next_escalation() const
{
    std::optional<Instant> next;
    for (const auto& open : open_)
        if (open.escalates && (!next || *open.escalates < *next)) next = open.escalates;
    return next;
}

/// A group_by over what senders choose must not grow without end.
void Book::tidy(Instant now)
{
    if (groups_.size() < many_groups) return;
    std::erase_if(groups_, [&](const auto& group) { return group.second.at + old_group < now; });
    while (groups_.size() >= many_groups) {
        const auto oldest = std::ranges::min_element(groups_, {}, [](const auto& group) { return group.second.at; });
        groups_.erase(oldest);
    }
}

}  // namespace postern::alert
