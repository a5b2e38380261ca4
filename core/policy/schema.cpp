#include "policy/schema.hpp"

#include "policy/schema_parts.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_header_text = 900;

/// "properties": { key: value }, for what `together` asks of one key.
json::object has_value(const std::string& key, const std::string& value)
{
    json::object properties;
    if (!value.empty()) properties[key] = json::object{{"const", value}};
    json::object condition{{"required", json::array{key}}};
    if (!properties.empty()) condition["properties"] = std::move(properties);
    return condition;
}

json::object required(const std::vector<std::string>& keys)
{
    json::array names;
    for (const auto& key : keys) names.emplace_back(key);
    return {{"required", std::move(names)}};
}

/// Each of the keys by itself.
json::array each(const std::vector<std::string>& keys)
{
    json::array alternatives;
    for (const auto& key : keys) alternatives.push_back(json::object{{"required", json::array{key}}});
    return alternatives;
}

json::object forbidden(const std::vector<std::string>& keys)
{
    json::object properties;
    for (const auto& key : keys) properties[key] = false;
    return {{"properties", std::move(properties)}};
}

json::object together_schema(const Together& rule)
{
    switch (rule.kind) {
        case Together::Kind::one_of:
            return {{"oneOf", each(rule.keys)}};
        case Together::Kind::some_of:
            return {{"anyOf", each(rule.keys)}};
        case Together::Kind::needs:
            return {{"if", has_value(rule.key, rule.value)}, {"then", required(rule.keys)}};
        case Together::Kind::excludes:
            return {{"if", has_value(rule.key, rule.value)}, {"then", forbidden(rule.keys)}};
        case Together::Kind::only_with:
            break;
    }
    auto with = has_value(rule.key, rule.value);
    if (rule.fallback) with.erase("required");
    return {{"if", json::object{{"anyOf", each(rule.keys)}}}, {"then", std::move(with)}};
}

json::object words_schema(const Shape& shape)
{
    const std::vector<std::string_view> words(shape.words.begin(), shape.words.end());
    const std::vector<std::string_view> meanings(shape.meanings.begin(), shape.meanings.end());
    return schema::one_of(words, meanings);
}

json::object tables_schema()
{
    const auto text = [] { return schema::line(longest_header_text); };
    json::object list{{"type", "array"}, {"items", text()}};
    json::object pairs{{"type", "object"}, {"additionalProperties", text()}};
    return {{"type", "object"},
            {"propertyNames", json::object{{"pattern", "^[A-Za-z0-9_-]{1,64}$"}}},
            {"additionalProperties", schema::any_of({std::move(list), std::move(pairs)})}};
}

std::string title_of(FileKind kind)
{
    if (kind == FileKind::organisation) return "organisations/*.yaml";
    if (kind == FileKind::tests) return "tests/*.yaml";
    return fmt::format("{}.yaml", kind_name(kind));
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
                return defined(fmt::format("when_{}", vocabulary::stage_name(shape.stage)),
                               [&] { return schema::condition(shape.stage); });
            case Form::event_condition:
                return defined("when_event", [] { return schema::event_condition(); });
            case Form::header_map:
                return schema::header_texts(longest_header_text);
            case Form::orders:
                return defined("then", [&] { return schema::orders(shape.file); });
            case Form::tables:
                return tables_schema();
            case Form::field:
                return schema::field_name();
            case Form::word:
                return words_schema(shape);
            case Form::boolean:
                return {{"type", "boolean"}};
            case Form::count:
                return {{"type", "integer"}, {"minimum", shape.least}, {"maximum", shape.most}};
            case Form::factor:
                return {{"type", "number"}, {"minimum", shape.least}, {"maximum", shape.most}};
            default:
                return schema::text(spelling_of(shape.form));
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
        if (!required.empty()) schema["required"] = std::move(required);
        schema["properties"] = std::move(properties);
        json::array together;
        for (const auto& rule : shape.together) together.push_back(together_schema(rule));
        if (!together.empty()) schema["allOf"] = std::move(together);
        return schema;
    }

    json::object either(const Shape& shape)
    {
        json::array alternatives;
        for (const auto& item : shape.items) alternatives.push_back(of(item));
        return schema::any_of(std::move(alternatives));
    }

    template <class Make>
    json::object defined(const std::string& name, Make make)
    {
        if (!definitions_.contains(name)) definitions_[name] = make();
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
        case FileKind::alerts:
            return "alerts";
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
