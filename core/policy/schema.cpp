#include "policy/schema.hpp"

#include "vocabulary/fields.hpp"
#include "vocabulary/order.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>

namespace postern::policy {

namespace {

namespace json = boost::json;
using vocabulary::FieldInfo;
using vocabulary::FieldType;

constexpr std::string_view size_pattern = "[0-9]+(\\.[0-9]+)? *([Kk][Ii]?[Bb]|[Mm][Ii]?[Bb]|[Gg][Ii]?[Bb]|[Bb])";
constexpr std::string_view time_units =
    "(ms|milliseconds?|s|seconds?|min|minutes?|h|hours?|d|days?|weeks?|months?|years?)";

json::object text_matching(std::string pattern, std::string_view example)
{
    return {{"type", "string"}, {"pattern", "^" + pattern + "$"}, {"examples", json::array{example}}};
}

json::object bounded_text(std::size_t longest)
{
    return {{"type", "string"}, {"minLength", 1}, {"maxLength", longest}};
}

template <class Words>
json::object one_of(const Words& words)
{
    json::array list;
    for (const auto& word : words) list.emplace_back(std::string_view(word));
    return {{"enum", std::move(list)}};
}

/// A value, a list of values of which one must match, or the word absent.
json::object value_or_list(json::object value)
{
    json::object list{{"type", "array"}, {"minItems", 1}, {"items", value}};
    json::object absent{{"const", "absent"}};
    return {{"anyOf", json::array{std::move(value), std::move(absent), std::move(list)}}};
}

json::object between(json::object end)
{
    json::object pair{{"type", "array"}, {"minItems", 2}, {"maxItems", 2}, {"items", std::move(end)}};
    return {{"type", "object"},
            {"additionalProperties", false},
            {"required", json::array{"between"}},
            {"properties", json::object{{"between", std::move(pair)}}}};
}

/// A count, or a comparison with one.
json::object number_value()
{
    json::object count{{"type", "integer"}, {"minimum", 0}};
    auto compared = text_matching("(>=?|<=?|=)? *[0-9]+", "> 10");
    auto range = between(count);
    return value_or_list({{"anyOf", json::array{std::move(count), std::move(compared), std::move(range)}}});
}

json::object field_value(const FieldInfo& field)
{
    switch (field.type) {
        case FieldType::text:
            return value_or_list(bounded_text(1000));
        case FieldType::role:
        case FieldType::organisation:
            return value_or_list(bounded_text(200));
        case FieldType::word:
            return value_or_list(one_of(field.words));
        case FieldType::boolean:
            return value_or_list({{"type", "boolean"}});
        case FieldType::network:
            return value_or_list(text_matching("[0-9a-fA-F:.]+(/[0-9]{1,3})?", "203.0.113.8/29"));
        case FieldType::time:
            return between(text_matching("[0-2][0-9]:[0-5][0-9]", "20:00"));
        case FieldType::number:
            return number_value();
        case FieldType::size:
            break;
    }
    auto compared = text_matching("(>=?|<=?|=)? *" + std::string(size_pattern), "> 4 MiB");
    auto range = between(text_matching(std::string(size_pattern), "4 MiB"));
    return value_or_list({{"anyOf", json::array{std::move(compared), std::move(range)}}});
}

/// Fields that exist at a stage, and the words that join conditions.
json::object condition_schema(vocabulary::Stage stage)
{
    const json::object self{{"$ref", fmt::format("#/definitions/when_{}", vocabulary::stage_name(stage))}};
    const json::object list{{"type", "array"}, {"minItems", 1}, {"items", self}};
    json::object properties{
        {"any", json::object{{"description", "Some of these conditions holds."}, {"allOf", json::array{list}}}},
        {"all", json::object{{"description", "All of these conditions hold."}, {"anyOf", json::array{list, self}}}},
        {"not", json::object{{"description", "None of these conditions holds."}, {"anyOf", json::array{list, self}}}}};
    json::object patterns;
    for (const auto& field : vocabulary::fields()) {
        if (field.from > stage) continue;
        auto value = field_value(field);
        value["description"] = fmt::format("{}.", field.description);
        if (field.id == vocabulary::FieldId::header)
            patterns["^header\\.[!-9;-~]+$"] = std::move(value);
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

std::string title_of(FileKind kind)
{
    if (kind == FileKind::organisation) return "organisations/*.yaml";
    if (kind == FileKind::tests) return "tests/*.yaml";
    return fmt::format("{}.yaml", kind_name(kind));
}

json::object header_texts()
{
    return {{"type", "object"},
            {"minProperties", 1},
            {"additionalProperties", bounded_text(500)},
            {"propertyNames", json::object{{"pattern", "^[!-9;-~]{1,100}$"}}}};
}

json::object one_or_more(json::object item)
{
    json::object list{{"type", "array"}, {"minItems", 1}, {"items", item}};
    return {{"anyOf", json::array{std::move(item), std::move(list)}}};
}

json::object duration()
{
    return text_matching("[0-9]+(\\.[0-9]+)? *" + std::string(time_units), "90 days");
}

json::object address()
{
    return text_matching("[^@]+@[^@\\s]+", "office@example.org");
}

json::object or_true(json::object value)
{
    return {{"anyOf", json::array{std::move(value), json::object{{"const", true}}}}};
}

/// What stands behind an action's name.
json::object order_value(vocabulary::ActionId action)
{
    using vocabulary::ActionId;
    switch (action) {
        case ActionId::accept:
        case ActionId::allow:
            return {{"const", true}};
        case ActionId::reject:
        case ActionId::defer:
        case ActionId::refuse:
            return or_true(bounded_text(500));
        case ActionId::quarantine:
        case ActionId::hold: {
            json::object map{{"type", "object"},
                             {"minProperties", 1},
                             {"additionalProperties", false},
                             {"properties", json::object{{"reason", bounded_text(500)}, {"for", duration()}}}};
            return {{"anyOf", json::array{bounded_text(500), std::move(map), json::object{{"const", true}}}}};
        }
        case ActionId::redirect:
            return address();
        case ActionId::add_recipient:
            return one_or_more(address());
        case ActionId::add_header:
        case ActionId::replace_header:
            return header_texts();
        case ActionId::remove_header:
            return one_or_more(text_matching("[!-9;-~]{1,100}", "X-Example"));
        case ActionId::set_limit:
            return text_matching(std::string(size_pattern), "10 MiB");
        case ActionId::notify: {
            json::object told{{"anyOf", json::array{one_of(vocabulary::notify_words()), address()}}};
            return {{"type", "object"},
                    {"additionalProperties", false},
                    {"required", json::array{"to", "text"}},
                    {"properties", json::object{{"to", one_or_more(std::move(told))}, {"text", bounded_text(500)}}}};
        }
        case ActionId::tag_subject:
        case ActionId::annotate:
            break;
    }
    return bounded_text(500);
}

json::object orders_schema(vocabulary::RuleFile file)
{
    json::array words;
    json::object properties;
    for (const auto& action : vocabulary::actions()) {
        if (!vocabulary::belongs(action.id, file)) continue;
        if (vocabulary::stands_alone(action.id)) words.emplace_back(action.name);
        auto value = order_value(action.id);
        value["description"] = fmt::format("{} Takes {}.", action.description, action.takes);
        properties[action.name] = std::move(value);
    }
    json::object word{{"enum", std::move(words)}};
    json::object map{{"type", "object"},
                     {"minProperties", 1},
                     {"additionalProperties", false},
                     {"properties", std::move(properties)}};
    json::object item{{"anyOf", json::array{word, map}}};
    json::object list{{"type", "array"}, {"minItems", 1}, {"items", std::move(item)}};
    return {{"anyOf", json::array{std::move(word), std::move(map), std::move(list)}}};
}

class Generator {
public:
    json::object document(FileKind kind)
    {
        auto top = of(shape_of(kind));
        json::object schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
                            {"title", fmt::format("Postern: {}", title_of(kind))}};
        for (auto& member : top) schema[member.key()] = std::move(member.value());
        if (!definitions_.empty()) schema["definitions"] = std::move(definitions_);
        return schema;
    }

private:
    json::object of(const Shape& shape)
    {
        switch (shape.form) {
            case Form::map:
                return map(shape);
            case Form::list:
                return {{"type", "array"}, {"minItems", 1}, {"items", of(shape.items.front())}};
            case Form::either:
                return either(shape);
            case Form::condition:
                return condition(shape.stage);
            case Form::header_map:
                return {{"type", "object"},
                        {"additionalProperties", bounded_text(900)},
                        {"propertyNames", json::object{{"pattern", "^[!-9;-~]{1,100}$"}}}};
            case Form::orders:
                return orders(shape.file);
            case Form::tables:
                return tables();
            case Form::field:
                return field_name();
            case Form::word:
                return one_of(shape.words);
            case Form::boolean:
                return {{"type", "boolean"}};
            case Form::count:
                return {{"type", "integer"}, {"minimum", shape.least}, {"maximum", shape.most}};
            case Form::factor:
                return {{"type", "number"}, {"minimum", shape.least}, {"maximum", shape.most}};
            default:
                return text(shape.form);
        }
    }

    static json::object text(Form form)
    {
        switch (form) {
            case Form::id:
                return text_matching("[a-z0-9-]{1,64}", "crown-court");
            case Form::label:
                return text_matching("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "york");
            case Form::size:
                return text_matching(std::string(size_pattern), "10 MiB");
            case Form::duration:
                return text_matching("[0-9]+(\\.[0-9]+)? *" + std::string(time_units), "90 days");
            case Form::rate:
                return text_matching("[0-9]+ *per .+", "200 per hour");
            case Form::percent:
                return text_matching("[0-9]+(\\.[0-9]+)? *%", "20 %");
            case Form::network:
                return text_matching("[0-9a-fA-F:.]+(/[0-9]{1,3})?", "203.0.113.8/29");
            case Form::ip:
                return text_matching("[0-9a-fA-F:.]+(@[0-9]{1,5})?", "127.0.0.1");
            case Form::host_port:
                return text_matching("(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}", "mail.example.org:25");
            case Form::instant:
                return text_matching("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", "2026-12-01T06:00:00Z");
            case Form::sha256:
                return text_matching("([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}", std::string(64, '0'));
            case Form::domain:
                return text_matching("[^@\\s\\[\\]]+", "example.org");
            case Form::address:
                return text_matching("[^@]+@[^@\\s]+", "office@example.org");
            case Form::script:
                return text_matching("[A-Za-z0-9_-][A-Za-z0-9_./-]*\\.lua", "marking.lua");
            case Form::header_name:
                return text_matching("[!-9;-~]{1,100}", "X-Example");
            case Form::path:
                return bounded_text(1024);
            case Form::prose:
                return {{"type", "string"}, {"maxLength", 64 * 1024}};
            default:
                return bounded_text(200);
        }
    }

    json::object map(const Shape& shape)
    {
        json::object properties;
        json::array required;
        for (const auto& key : shape.keys) {
            auto value = of(key.shape);
            // Draft 07 ignores what stands beside $ref.
            if (value.contains("$ref")) value = {{"allOf", json::array{std::move(value)}}};
            value["description"] = key.description;
            properties[key.name] = std::move(value);
            if (key.required) required.emplace_back(key.name);
        }
        json::object schema{{"type", "object"}, {"additionalProperties", false}};
        if (!shape.some_of.empty()) {
            json::array some;
            for (const auto& key : shape.some_of) some.push_back(json::object{{"required", json::array{key}}});
            schema["anyOf"] = std::move(some);
        }
        if (!required.empty()) schema["required"] = std::move(required);
        schema["properties"] = std::move(properties);
        return schema;
    }

    static json::object field_name()
    {
        json::array names;
        for (const auto& field : vocabulary::fields())
            if (field.id != vocabulary::FieldId::header) names.emplace_back(field.name);
        json::object header{{"type", "string"}, {"pattern", "^header\\.[!-9;-~]+$"}};
        return {{"anyOf", json::array{json::object{{"enum", std::move(names)}}, std::move(header)}}};
    }

    static json::object tables()
    {
        json::object texts{{"type", "array"},
                           {"items", json::object{{"type", json::array{"string", "number", "boolean"}}}}};
        json::object pairs{
            {"type", "object"},
            {"additionalProperties", json::object{{"type", json::array{"string", "number", "boolean"}}}}};
        return {{"type", "object"},
                {"propertyNames", json::object{{"pattern", "^[A-Za-z0-9_-]{1,64}$"}}},
                {"additionalProperties", json::object{{"anyOf", json::array{std::move(texts), std::move(pairs)}}}}};
    }

    /// A word, a map of actions, or a list of both.
    json::object orders(vocabulary::RuleFile file)
    {
        const std::string name = "then";
        if (!definitions_.contains(name)) definitions_[name] = orders_schema(file);
        return {{"$ref", "#/definitions/" + name}};
    }

    json::object either(const Shape& shape)
    {
        json::array alternatives;
        for (const auto& item : shape.items) alternatives.push_back(of(item));
        return {{"anyOf", std::move(alternatives)}};
    }

    json::object condition(vocabulary::Stage stage)
    {
        const auto name = fmt::format("when_{}", vocabulary::stage_name(stage));
        if (!definitions_.contains(name)) definitions_[name] = condition_schema(stage);
        return {{"$ref", "#/definitions/" + name}};
    }

    json::object definitions_;
};

/// Indented, for people and for diffs.
void print(std::string& out, const json::value& value, std::size_t depth)
{
    const std::string indent(2 * (depth + 1), ' ');
    const std::string close(2 * depth, ' ');
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out += "{\n";
        for (std::size_t i = 0; const auto& member : *object) {
            out += indent + json::serialize(json::value(member.key())) + ": ";
            print(out, member.value(), depth + 1);
            out += ++i < object->size() ? ",\n" : "\n";
        }
        out += close + "}";
    } else if (const auto* array = value.if_array(); array != nullptr && !array->empty() && (*array)[0].is_object()) {
        out += "[\n";
        for (std::size_t i = 0; const auto& item : *array) {
            out += indent;
            print(out, item, depth + 1);
            out += ++i < array->size() ? ",\n" : "\n";
        }
        out += close + "]";
    } else {
        out += json::serialize(value);
    }
}

}  // namespace

std::string_view kind_name(FileKind kind) noexcept
{
    switch (kind) {
        case FileKind::node:
            return "node";
        case FileKind::routing:
            return "routing";
        case FileKind::tagging:
            return "tagging";
        case FileKind::limits:
            return "limits";
        case FileKind::permissions:
            return "permissions";
        case FileKind::content:
            return "content";
        case FileKind::organisation:
            return "organisation";
        case FileKind::tests:
            return "tests";
    }
    return "?";
}

std::string json_schema(FileKind kind)
{
    std::string text;
    print(text, Generator().document(kind), 0);
    return text + "\n";
}

}  // namespace postern::policy
