// From `when:` in YAML to a condition: by the table of fields, each value by its field's type.
#include "base/text.hpp"
#include "policy/condition.hpp"
#include "policy/parse.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::FieldInfo;
using vocabulary::FieldType;

constexpr std::string_view header_prefix = "header.";

class Reader {
public:
    Reader(Source& source, vocabulary::Stage stage, std::vector<NamedIn>& names)
        : source_(source), stage_(stage), names_(names)
    {
    }

    Condition map(const YamlNode& node)
    {
        Condition all;
        if (!node.is_map()) {
            source_.error(node.place, "a condition is a map of fields and values", "write { field: value }");
            return all;
        }
        all.place = node.place;
        Condition attachment;
        attachment.op = Condition::Op::attachment;
        for (const auto& entry : node.entries) {
            auto part = this->entry(entry);
            const auto* field = part.clause.field;
            (field != nullptr && field->of_attachment ? attachment : all).parts.push_back(std::move(part));
        }
        // Clauses about attachments that stand together mean one and the same attachment.
        if (!attachment.parts.empty()) {
            attachment.place = attachment.parts.front().place;
            attachment.canonical = joined(attachment);
            all.parts.push_back(std::move(attachment));
        }
        all.canonical = joined(all);
        return all;
    }

private:
    /// Of its parts in whatever order they stand.
    static std::string joined(const Condition& condition)
    {
        std::vector<std::string> canonical;
        for (const auto& part : condition.parts) canonical.push_back(part.canonical);
        std::ranges::sort(canonical);
        return fmt::format("{{{}}}", fmt::join(canonical, ", "));
    }

    Condition entry(const Entry& entry)
    {
        if (entry.key == "any") return group(Condition::Op::any, entry);
        if (entry.key == "all") return group(Condition::Op::all, entry);
        if (entry.key == "not") return group(Condition::Op::none, entry);
        return clause(entry);
    }

    Condition group(Condition::Op op, const Entry& entry)
    {
        Condition condition;
        condition.op = op;
        condition.place = entry.place;
        if (entry.value.is_list() && !entry.value.items.empty()) {
            for (const auto& item : entry.value.items) condition.parts.push_back(map(item));
        } else if (entry.value.is_map() && !entry.value.entries.empty() && op != Condition::Op::any) {
            condition.parts.push_back(map(entry.value));
        } else {
            source_.error(entry.place, fmt::format("\"{}\" needs a list of conditions", entry.key),
                          fmt::format("write {}: [{{ field: value }}, {{ field: value }}]", entry.key));
        }
        condition.canonical = entry.key + "[";
        for (const auto& part : condition.parts) condition.canonical += part.canonical + ",";
        condition.canonical += "]";
        return condition;
    }

    Condition clause(const Entry& entry)
    {
        Condition condition;
        condition.op = Condition::Op::clause;
        condition.place = entry.place;
        const FieldInfo* field = find_field(entry);
        if (field == nullptr) return condition;
        condition.clause.field = field;
        if (field->id == vocabulary::FieldId::header) condition.clause.header = entry.key.substr(header_prefix.size());
        condition.canonical = to_lower(entry.key) + ":";
        if (entry.value.is_list() && !entry.value.items.empty())
            for (const auto& item : entry.value.items) take(condition, entry.key, item);
        else
            take(condition, entry.key, entry.value);
        return condition;
    }

    const FieldInfo* find_field(const Entry& entry)
    {
        const FieldInfo* field = vocabulary::find_field(entry.key);
        if (field == nullptr) {
            auto names = vocabulary::field_names();
            names.insert(names.end(), {"any", "all", "not"});
            const auto near = nearest(entry.key, names);
            source_.error(entry.place, fmt::format("unknown field \"{}\"", printable(entry.key, 60)),
                          near.empty() ? fmt::format("fields: {}", fmt::join(names, ", "))
                                       : fmt::format("did you mean \"{}\"?", near));
            return nullptr;
        }
        if (field->from > stage_) {
            source_.error(entry.place,
                          fmt::format("\"{}\" is not known yet where this rule is decided (stage {})", entry.key,
                                      vocabulary::stage_name(stage_)),
                          fmt::format("it exists from stage {} on", vocabulary::stage_name(field->from)));
            return nullptr;
        }
        if (field->id == vocabulary::FieldId::header &&
            !is_header_name(std::string_view(entry.key).substr(header_prefix.size())))
            source_.error(entry.place, fmt::format("\"{}\" names no header field", printable(entry.key, 60)));
        return field;
    }

    void take(Condition& condition, const std::string& name, const YamlNode& value)
    {
        if (!value.is_map()) {
            add_canonical(condition, value.text);
            add_wanted(condition.clause, value.text);
        }
        if (value.is_text() && !value.quoted && value.text == "absent") {
            condition.clause.any_of.emplace_back(Absent{});
        } else if (value.is_map()) {
            between(condition, name, value);
        } else if (!value.is_text()) {
            source_.error(value.place, fmt::format("\"{}\" is compared with nothing here", name),
                          "write a value, a list of values, or absent");
        } else {
            single(condition.clause, name, value);
        }
    }

    /// In lower case, as it is compared; but for regular expressions.
    static void add_canonical(Condition& condition, const std::string& text)
    {
        condition.canonical += text.starts_with('/') ? text : to_lower(text);
        condition.canonical += '\0';
    }

    static void add_wanted(Clause& clause, std::string_view text)
    {
        clause.wanted += clause.wanted.empty() ? "" : ", ";
        clause.wanted += text;
    }

    /// { between: [from, to] } of sizes, counts and times.
    void between(Condition& condition, const std::string& name, const YamlNode& value)
    {
        const auto type = condition.clause.field->type;
        const auto* ends = value.find("between");
        const bool fits = type == FieldType::size || type == FieldType::time || type == FieldType::number;
        if (!fits || ends == nullptr || value.entries.size() != 1 || !ends->is_list() || ends->items.size() != 2 ||
            !ends->items[0].is_text() || !ends->items[1].is_text()) {
            source_.error(value.place, fmt::format("\"{}\" cannot be compared with this", name),
                          type == FieldType::time     ? "write { between: [\"20:00\", \"06:00\"] }"
                          : type == FieldType::size   ? "write { between: [1 MiB, 4 MiB] }"
                          : type == FieldType::number ? "write { between: [10, 20] }"
                                                      : "write a value or a list of values");
            return;
        }
        const auto& from = ends->items[0];
        const auto& to = ends->items[1];
        add_canonical(condition, from.text + ".." + to.text);
        add_wanted(condition.clause, fmt::format("between {} and {}", from.text, to.text));
        if (type == FieldType::time)
            between_times(condition.clause, from, to);
        else if (type == FieldType::size)
            between_numbers(condition.clause, from, to, vocabulary::parse_size);
        else
            between_numbers(condition.clause, from, to, parse_number);
    }

    void between_times(Clause& clause, const YamlNode& from, const YamlNode& to)
    {
        const auto first = checked(from, parse_time_of_day(from.text));
        const auto second = checked(to, parse_time_of_day(to.text));
        if (!first || !second) return;
        if (*first == *second) source_.error(from.place, "from and to are the same time");
        clause.any_of.emplace_back(TimeRange{*first, *second});
    }

    void between_numbers(Clause& clause, const YamlNode& from, const YamlNode& to,
                         Result<std::uint64_t> (*parse)(std::string_view))
    {
        const auto first = checked(from, parse(from.text));
        const auto second = checked(to, parse(to.text));
        if (!first || !second) return;
        if (*first > *second) source_.error(from.place, "the first value is the larger", "nothing is between them");
        clause.any_of.emplace_back(SizeRange{*first, *second});
    }

    void single(Clause& clause, const std::string& name, const YamlNode& value)
    {
        switch (clause.field->type) {
            case FieldType::text:
                if (is_literal(value.text) && !fits(clause, value)) return;
                return add(clause, value, parse_text_matcher(value.text));
            case FieldType::size:
                return add(clause, value, parse_size_matcher(value.text));
            case FieldType::number:
                return add(clause, value, parse_number_matcher(value.text));
            case FieldType::network:
                return add(clause, value, vocabulary::parse_network(value.text));
            case FieldType::word:
                return word(clause, name, value);
            case FieldType::boolean:
                if (const auto truth = parse_boolean(value)) return clause.any_of.emplace_back(*truth), void();
                return source_.error(value.place, fmt::format("\"{}\" is true or false", name));
            case FieldType::time:
                return source_.error(value.place, "a time is compared with two others",
                                     "write { between: [\"20:00\", \"06:00\"] }");
            case FieldType::role:
            case FieldType::organisation:
                break;
        }
        const bool role = clause.field->type == FieldType::role;
        names_.push_back({role ? NamedIn::What::role : NamedIn::What::organisation, value.text, value.place});
        clause.any_of.emplace_back(Exactly{to_lower(value.text)});
    }

    static bool is_literal(std::string_view text)
    {
        return !text.starts_with('/') && text.find_first_of("*?") == std::string_view::npos;
    }

    /// Whether the field can ever have this value; if not, that is said.
    bool fits(const Clause& clause, const YamlNode& value)
    {
        switch (clause.field->id) {
            case vocabulary::FieldId::attachment_sha256:
                if (value.text.size() == 64 && parse_sha256(value.text)) return true;
                source_.error(value.place, fmt::format("\"{}\" is the digest of nothing", printable(value.text, 80)),
                              "write the 64 hexadecimal digits of a SHA-256, or a pattern");
                return false;
            case vocabulary::FieldId::time_date:
                if (parse_instant(value.text + "T00:00:00Z")) return true;
                source_.error(value.place, fmt::format("\"{}\" is no date", printable(value.text, 60)),
                              "write one such as \"2026-12-24\", or a pattern such as \"*-12-24\"");
                return false;
            case vocabulary::FieldId::connection_listener:
                names_.push_back({NamedIn::What::listener, value.text, value.place});
                return true;
            default:
                return true;
        }
    }

    void word(Clause& clause, const std::string& name, const YamlNode& value)
    {
        const std::vector<std::string> words(clause.field->words.begin(), clause.field->words.end());
        if (std::ranges::find(words, value.text) == words.end()) {
            const auto near = nearest(value.text, words);
            return source_.error(value.place,
                                 fmt::format("\"{}\" is no value of \"{}\"", printable(value.text, 60), name),
                                 near.empty() ? fmt::format("values: {}", fmt::join(words, ", "))
                                              : fmt::format("did you mean \"{}\"?", near));
        }
        clause.any_of.emplace_back(Exactly{value.text});
    }

    template <class T>
    std::optional<T> checked(const YamlNode& value, const Result<T>& result)
    {
        if (result) return *result;
        source_.error_from(value.place, result.error().detail());
        return {};
    }

    template <class T>
    void add(Clause& clause, const YamlNode& value, const Result<T>& result)
    {
        if (auto matcher = checked(value, result)) clause.any_of.emplace_back(std::move(*matcher));
    }

    Source& source_;
    vocabulary::Stage stage_;
    std::vector<NamedIn>& names_;
};

}  // namespace

When read_condition(Source& source, const YamlNode* node, vocabulary::Stage stage)
{
    When when;
    if (node == nullptr || node->type == YamlNode::Type::nothing) return when;
    auto condition = Reader(source, stage, when.names).map(*node);
    if (!condition.parts.empty()) when.condition = std::make_shared<const Condition>(std::move(condition));
    return when;
}

}  // namespace postern::policy
