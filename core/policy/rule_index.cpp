#include "policy/rule_index.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace postern::policy {

namespace {

using vocabulary::FieldId;
using vocabulary::FieldInfo;
using vocabulary::FieldType;

/// Ends of texts are looked up by these many bytes of them, so that a few look-ups serve all patterns.
constexpr std::array<std::size_t, 4> lengths{16, 8, 4, 2};
constexpr std::size_t most_keys = 64;  ///< of one rule; with more it is always asked

void mark(std::vector<std::uint64_t>& bits, const RuleNumbers& rules)
{
    for (const auto number : rules) bits[number / 64] |= std::uint64_t{1} << (number % 64);
}

bool is_text(FieldType type)
{
    return type == FieldType::text || type == FieldType::word || type == FieldType::role ||
           type == FieldType::organisation;
}

/// How many rules a value of this field is likely to leave: fields that tell more come first.
std::size_t breadth(const FieldInfo& field)
{
    switch (field.type) {
        case FieldType::organisation:
            return 1;
        case FieldType::role:
            return 3;
        case FieldType::word:
            return 4;
        default:
            return 2;
    }
}

}  // namespace

std::optional<RuleIndex::Keys> RuleIndex::keys_of(const Clause& clause)
{
    if (clause.field == nullptr || !is_text(clause.field->type) || clause.any_of.size() > most_keys) return {};
    Keys keys;
    const auto header = to_lower(clause.header);
    const auto end_key = [&](const Glob& glob, Cut::End end) {
        const auto length = std::ranges::find_if(lengths, [&](std::size_t l) { return l <= glob.literal.size(); });
        if (length == lengths.end()) return false;
        const std::string_view literal = glob.literal;
        const auto text =
            end == Cut::End::front ? literal.substr(0, *length) : literal.substr(literal.size() - *length);
        keys.push_back({clause.field, header, {end, static_cast<std::uint8_t>(*length)}, std::string(text)});
        return true;
    };
    for (const auto& matcher : clause.any_of) {
        if (const auto* exactly = std::get_if<Exactly>(&matcher)) {
            keys.push_back({clause.field, header, {}, exactly->text});
            continue;
        }
        const auto* glob = std::get_if<Glob>(&matcher);
        const bool ends = glob != nullptr && glob->form == Glob::Form::ends && end_key(*glob, Cut::End::back);
        const bool begins = glob != nullptr && glob->form == Glob::Form::begins && end_key(*glob, Cut::End::front);
        if (!ends && !begins) return {};
    }
    return keys;
}

std::size_t RuleIndex::cost(const Keys& keys)
{
    std::size_t cost = 0;
    for (const auto& key : keys) cost += breadth(*key.field) * (key.cut.end == Cut::End::whole ? 1 : 2);
    return cost;
}

/// Values of which the condition needs one to hold; nothing where it may hold without any.
std::optional<RuleIndex::Keys> RuleIndex::keys_of(const Condition& condition)
{
    switch (condition.op) {
        case Condition::Op::clause:
            return keys_of(condition.clause);
        case Condition::Op::none:
            return {};
        case Condition::Op::any: {
            Keys all;
            for (const auto& part : condition.parts) {
                auto keys = keys_of(part);
                if (!keys) return {};
                all.insert(all.end(), keys->begin(), keys->end());
                if (all.size() > most_keys) return {};
            }
            return all;
        }
        case Condition::Op::all:
        case Condition::Op::attachment:
            break;
    }
    std::optional<Keys> best;
    for (const auto& part : condition.parts)
        if (auto keys = keys_of(part); keys && (!best || cost(*keys) < cost(*best))) best = std::move(keys);
    return best;
}

RuleIndex::Table& RuleIndex::table_of(const Key& key)
{
    if (key.field->id == FieldId::header) {
        auto& table = headers_[key.header];
        table.field = key.field;
        return table;
    }
    const auto [found, fresh] = table_numbers_.try_emplace(std::string(key.field->name), tables_.size());
    if (fresh) tables_.push_back({key.field, {}, {}});
    return tables_[found->second];
}

void RuleIndex::add(std::uint32_t number, const When& when)
{
    ++size_;
    const auto keys = when.condition ? keys_of(*when.condition) : std::nullopt;
    if (!keys) return always_.push_back(number);
    for (const auto& key : *keys) {
        auto& table = table_of(key);
        if (table.rules.empty() || table.rules.back() != number) table.rules.push_back(number);
        auto slice = std::ranges::find(table.slices, key.cut, &Table::Slice::cut);
        if (slice == table.slices.end()) slice = table.slices.insert(slice, {key.cut, {}});
        slice->rules[key.text].push_back(number);
    }
}

void RuleIndex::look_up(const Table& table, const FieldText& text, std::vector<std::uint64_t>& bits)
{
    for (const auto& slice : table.slices) {
        auto part = text.lower;
        if (slice.cut.end != Cut::End::whole) {
            if (part.size() < slice.cut.length) continue;
            part = slice.cut.end == Cut::End::front ? part.substr(0, slice.cut.length)
                                                    : part.substr(part.size() - slice.cut.length);
        }
        if (const auto found = slice.rules.find(part); found != slice.rules.end()) mark(bits, found->second);
    }
}

void RuleIndex::look_up_headers(FieldValues& values, std::vector<std::uint64_t>& bits) const
{
    if (headers_.empty()) return;
    if (values.facts().stage < vocabulary::Stage::message) {
        for (const auto& [name, table] : headers_) mark(bits, table.rules);
        return;
    }
    std::string_view last;
    for (const auto name : values.header_names()) {
        if (name == last) continue;
        last = name;
        const auto table = headers_.find(name);
        if (table == headers_.end()) continue;
        for (const auto& text : values.read(*table->second.field, table->first).texts)
            look_up(table->second, text, bits);
    }
}

RuleNumbers RuleIndex::candidates(FieldValues& values) const
{
    std::vector<std::uint64_t> bits((size_ + 63) / 64);
    mark(bits, always_);
    for (const auto& table : tables_) {
        const bool each = table.field->of_attachment;
        const auto count = each ? values.attachments() : 1;
        bool known = values.facts().stage >= table.field->from && count && !(each && values.has_unlisted_parts());
        for (std::size_t i = 0; known && i < *count; ++i) {
            const auto reading = each ? values.read_of(*table.field, i) : values.read(*table.field, {});
            known = reading.known;
            for (const auto& text : reading.texts) look_up(table, text, bits);
        }
        if (!known) mark(bits, table.rules);
    }
    look_up_headers(values, bits);
    RuleNumbers numbers;
    for (std::size_t word = 0; word < bits.size(); ++word)
        for (auto rest = bits[word]; rest != 0; rest &= rest - 1)
            numbers.push_back(static_cast<std::uint32_t>(word * 64) +
                              static_cast<std::uint32_t>(std::countr_zero(rest)));
    return numbers;
}

}  // namespace postern::policy
