#include "policy/schema_parts.hpp"

#include "vocabulary/events.hpp"
#include "vocabulary/order.hpp"

#include <fmt/format.h>
#include <vector>

namespace postern::policy::schema {

namespace {

using vocabulary::ActionId;
using vocabulary::FieldInfo;
using vocabulary::FieldType;

constexpr std::size_t longest_order_text = 500;

/// As a value, without the quotes that YAML needs.
std::string_view unquoted(std::string_view example)
{
    const bool quoted = example.size() > 1 && example.front() == '"' && example.back() == '"';
    return quoted ? example.substr(1, example.size() - 2) : example;
}

/// Names come from tables of ours and are never hostile: '.' is all that patterns would take for something else.
json::object header_names()
{
    return {{"pattern", fmt::format("^{}$", spelling_of(Form::header_name).pattern)}};
}

json::object with_description(json::object value, std::string description)
{
    value["description"] = std::move(description);
    return value;
}

json::object absent()
{
    return {{"const", "absent"}, {"description", "The field is not there."}};
}

/// A value, the word absent, or a list of them of which one must match.
json::object value_or_list(json::object value)
{
    json::object one = any_of({value, absent()});
    json::object list{{"type", "array"}, {"minItems", 1}, {"items", std::move(one)}};
    return any_of({std::move(value), absent(), std::move(list)});
}

json::object between(json::object end)
{
    json::object pair{{"type", "array"}, {"minItems", 2}, {"maxItems", 2}, {"items", std::move(end)}};
    pair["description"] = "From and to; both belong to it.";
    return {{"type", "object"},
            {"additionalProperties", false},
            {"required", json::array{"between"}},
            {"properties", json::object{{"between", std::move(pair)}}}};
}

json::object field_value(const FieldInfo& field)
{
    switch (field.type) {
        case FieldType::word:
            return value_or_list(one_of(field.words, {}));
        case FieldType::boolean:
            return value_or_list({{"type", "boolean"}});
        case FieldType::time:
            return value_or_list(between(text(end_of_range(FieldType::time))));
        case FieldType::size:
            return value_or_list(any_of({text(spelling_of(field.type)), between(text(end_of_range(field.type)))}));
        case FieldType::number: {
            json::object count{{"type", "integer"}, {"minimum", 0}};
            auto end = any_of({count, text(end_of_range(field.type))});
            return value_or_list(any_of({std::move(count), text(spelling_of(field.type)), between(std::move(end))}));
        }
        default:
            return value_or_list(text(spelling_of(field.type)));
    }
}

json::object one_or_more(json::object item)
{
    json::object list{{"type", "array"}, {"minItems", 1}, {"items", item}};
    return any_of({std::move(item), std::move(list)});
}

json::object or_true(json::array alternatives)
{
    alternatives.push_back(json::object{{"const", true}, {"description", "With the text that counts where silent."}});
    return any_of(std::move(alternatives));
}

json::object map_of(json::object properties)
{
    return {{"type", "object"},
            {"minProperties", 1},
            {"additionalProperties", false},
            {"properties", std::move(properties)}};
}

json::object stay()
{
    return map_of({{"reason", with_description(line(longest_order_text), "Kept with it, and shown.")},
                   {"for", with_description(text(spelling_of(Form::duration)), "How long, if not as for all.")}});
}

json::object notice()
{
    auto words = one_of(vocabulary::notify_words(), {});
    auto told = one_or_more(any_of({std::move(words), text(spelling_of(Form::address))}));
    auto map = map_of({{"to", with_description(std::move(told), "Whom: words, or addresses inside the community.")},
                       {"text", with_description(line(longest_order_text), "What they read; ${...} for values.")}});
    map["required"] = json::array{"to", "text"};
    return map;
}

/// What stands behind an action's name.
json::object order_value(ActionId action)
{
    switch (action) {
        case ActionId::accept:
        case ActionId::allow:
            return {{"const", true}};
        case ActionId::reject:
        case ActionId::defer:
        case ActionId::refuse: {
            auto coded = line(longest_order_text);
            // A status of its own begins with the action's digit.
            const char digit = action == ActionId::defer ? '4' : '5';
            coded["pattern"] = fmt::format(
                "^(?!(?!{0})[0-9]{{3}} )(?!([0-9]{{3}} +)?(?!{0})[0-9]\\.[0-9]{{1,3}}\\.[0-9]{{1,3}}( |$))"
                "(?!([0-9]{{3}} *)?([0-9]\\.[0-9]{{1,3}}\\.[0-9]{{1,3}} *)?$)[^\\u0000-\\u001F\\u007F]+$",
                digit);
            coded["patternErrorMessage"] = fmt::format("write \"{}.7.1 text\", or the text alone", digit);
            return or_true({std::move(coded)});
        }
        case ActionId::quarantine:
        case ActionId::hold:
            return or_true({line(longest_order_text), stay()});
        case ActionId::redirect:
            return text(spelling_of(Form::address));
        case ActionId::add_recipient:
            return one_or_more(text(spelling_of(Form::address)));
        case ActionId::add_header:
        case ActionId::replace_header: {
            auto texts = header_texts(longest_order_text);
            texts["minProperties"] = 1;
            return texts;
        }
        case ActionId::remove_header:
            return one_or_more(text(spelling_of(Form::header_name)));
        case ActionId::set_limit:
            return text(spelling_of(Form::size));
        case ActionId::notify:
            return notice();
        case ActionId::tag_subject:
        case ActionId::annotate:
            break;
    }
    return line(longest_order_text);
}

}  // namespace

json::object text(const Spelling& spelling)
{
    json::object value;
    if (spelling.plain)
        value["type"] = json::array{"string", "number", "boolean"};
    else
        value["type"] = "string";
    if (spelling.longest > 0) {
        value["minLength"] = 1;
        value["maxLength"] = spelling.longest;
    }
    if (!spelling.pattern.empty()) {
        value["pattern"] = fmt::format("^(?:{})$", spelling.pattern);
        value["patternErrorMessage"] = spelling.hint;
    }
    if (!spelling.examples.empty()) {
        json::array examples;
        for (const auto example : spelling.examples) examples.emplace_back(unquoted(example));
        value["examples"] = std::move(examples);
    }
    return value;
}

json::object line(std::size_t longest)
{
    return {{"type", json::array{"string", "number", "boolean"}},
            {"minLength", 1},
            {"maxLength", longest},
            {"pattern", "^(?!\\s*$)[^\\u0000-\\u001F\\u007F]+$"},
            {"patternErrorMessage", "one line, without control characters"}};
}

json::object one_of(std::span<const std::string_view> words, std::span<const std::string_view> meanings)
{
    json::object value;
    json::array list;
    for (const auto word : words) list.emplace_back(word);
    value["enum"] = std::move(list);
    if (!meanings.empty()) {
        json::array descriptions;
        for (const auto meaning : meanings) descriptions.emplace_back(meaning);
        value["enumDescriptions"] = std::move(descriptions);
    }
    return value;
}

json::object any_of(json::array alternatives)
{
    return {{"anyOf", std::move(alternatives)}};
}

json::object header_texts(std::size_t longest)
{
    return {{"type", "object"}, {"additionalProperties", line(longest)}, {"propertyNames", header_names()}};
}

json::object field_name()
{
    std::vector<std::string_view> names, meanings;
    for (const auto& field : vocabulary::fields()) {
        if (field.id == vocabulary::FieldId::header) continue;
        names.push_back(field.name);
        meanings.push_back(field.description);
    }
    json::object header{{"type", "string"},
                        {"pattern", fmt::format("^header\\.{}$", spelling_of(Form::header_name).pattern)},
                        {"examples", json::array{"header.X-Protective-Marking"}}};
    return any_of({one_of(names, meanings), std::move(header)});
}

json::object condition(vocabulary::Stage stage)
{
    const json::object self{{"$ref", fmt::format("#/definitions/when_{}", vocabulary::stage_name(stage))}};
    json::object part{{"type", "object"}, {"allOf", json::array{self}}, {"minProperties", 1}};
    const json::object list{{"type", "array"}, {"minItems", 1}, {"items", self}};
    json::object properties{{"any", with_description(list, "Some of these conditions holds.")},
                            {"all", with_description(any_of({list, part}), "All of these conditions hold.")},
                            {"not", with_description(any_of({list, part}), "None of these conditions holds.")}};
    json::object patterns;
    for (const auto& field : vocabulary::fields()) {
        if (field.from > stage) continue;
        auto value = with_description(field_value(field), fmt::format("{}.", field.description));
        if (field.id == vocabulary::FieldId::header)
            patterns[fmt::format("^header\\.{}$", spelling_of(Form::header_name).pattern)] = std::move(value);
        else
            properties[field.name] = std::move(value);
    }
    json::object schema{{"type", "object"},
                        {"description", "All entries must hold."},
                        {"additionalProperties", false},
                        {"properties", std::move(properties)}};
    if (!patterns.empty()) schema["patternProperties"] = std::move(patterns);
    return schema;
}

json::object event_condition()
{
    const json::object self{{"$ref", "#/definitions/when_event"}};
    json::object part{{"type", "object"}, {"allOf", json::array{self}}, {"minProperties", 1}};
    const json::object list{{"type", "array"}, {"minItems", 1}, {"items", self}};
    json::object properties{{"any", with_description(list, "Some of these conditions holds.")},
                            {"all", with_description(any_of({list, part}), "All of these conditions hold.")},
                            {"not", with_description(any_of({list, part}), "None of these conditions holds.")}};
    const auto& form = spelling_of(FieldType::text);
    const auto add = [&](std::string_view name) { properties[name] = value_or_list(text(form)); };
    for (const auto name : vocabulary::common_event_fields()) add(name);
    for (const auto& event : vocabulary::events())
        for (const auto name : event.fields) add(name);
    properties["time"] = between(text(end_of_range(FieldType::time)));
    return {{"type", "object"},
            {"description", "All entries must hold."},
            {"additionalProperties", false},
            {"properties", std::move(properties)}};
}

json::object orders(vocabulary::RuleFile file)
{
    std::vector<std::string_view> words, meanings;
    json::object properties;
    for (const auto& action : vocabulary::actions()) {
        if (!vocabulary::belongs(action.id, file)) continue;
        if (vocabulary::stands_alone(action.id)) {
            words.push_back(action.name);
            meanings.push_back(action.description);
        }
        auto value = order_value(action.id);
        properties[action.name] =
            with_description(std::move(value), fmt::format("{} Takes {}.", action.description, action.takes));
    }
    auto word = one_of(words, meanings);
    auto map = map_of(std::move(properties));
    json::object list{{"type", "array"}, {"minItems", 1}, {"items", any_of({word, map})}};
    return any_of({std::move(word), std::move(map), std::move(list)});
}

}  // namespace postern::policy::schema
