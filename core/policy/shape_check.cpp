// Checks a document against the table of keys; every mistake of form is named here, so that the typed readers
// need not.
#include "base/text.hpp"
#include "mail/address.hpp"
#include "policy/keys.hpp"
#include "policy/parse.hpp"
#include "vocabulary/fields.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

constexpr std::size_t longest_text = 200;
constexpr std::size_t longest_path = 1024;
constexpr std::size_t longest_prose = 64 * 1024;

std::string joined(const std::vector<std::string>& words)
{
    return fmt::format("{}", fmt::join(words, ", "));
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known, std::string_view what)
{
    const auto near = nearest(word, known);
    return near.empty() ? fmt::format("known {}: {}", what, joined(known)) : fmt::format("did you mean \"{}\"?", near);
}

std::string_view name_of(YamlNode::Type type)
{
    switch (type) {
        case YamlNode::Type::nothing:
            return "nothing";
        case YamlNode::Type::text:
            return "text";
        case YamlNode::Type::list:
            return "a list";
        case YamlNode::Type::map:
            return "a map";
    }
    return "?";
}

YamlNode::Type type_of(Form form)
{
    if (form == Form::map || form == Form::condition || form == Form::header_map || form == Form::tables ||
        form == Form::event_condition)
        return YamlNode::Type::map;
    return form == Form::list ? YamlNode::Type::list : YamlNode::Type::text;
}

template <class T>
void check_result(Source& source, const YamlNode& node, const Result<T>& result)
{
    if (!result) source.error_from(node.place, result.error().detail());
}

void check_domain(Source& source, const YamlNode& node)
{
    const auto domain = mail::Domain::parse(node.text);
    if (!domain || domain->is_literal())
        source.error(node.place, fmt::format("\"{}\" is not a domain", printable(node.text, 80)),
                     "write one such as mail.example.org");
}

void check_address(Source& source, const YamlNode& node)
{
    if (!mail::Address::parse(node.text))
        source.error(node.place, fmt::format("\"{}\" is not an address", printable(node.text, 80)),
                     "write one such as office@example.org");
}

void check_local_endpoint(Source& source, const YamlNode& node)
{
    if (node.text.find('/') != std::string::npos) return;
    const auto endpoint = vocabulary::parse_host_port(node.text);
    if (!endpoint) return source.error_from(node.place, endpoint.error().detail());
    const auto ip = vocabulary::parse_ip(endpoint->host);
    if (!ip || !ip->is_loopback())
        source.error(node.place, fmt::format("\"{}\" is not on this machine", node.text),
                     "write the path of a socket, or 127.0.0.1:port");
}

void check_word(Source& source, const YamlNode& node, const Shape& shape, const std::string& what)
{
    if (std::ranges::find(shape.words, node.text) == shape.words.end())
        source.error(node.place, fmt::format("\"{}\" is no value of \"{}\"", printable(node.text, 60), what),
                     did_you_mean(node.text, shape.words, "values"));
}

void check_number(Source& source, const YamlNode& node, const Shape& shape, const std::string& what)
{
    std::optional<double> number = parse_factor(node);
    if (shape.form == Form::count && !parse_count(node)) number.reset();
    if (!number || *number < static_cast<double>(shape.least) || *number > static_cast<double>(shape.most))
        source.error(node.place, fmt::format("\"{}\" is a {}number from {} to {}", what,
                                             shape.form == Form::count ? "whole " : "", shape.least, shape.most));
}

void check_free_text(Source& source, const YamlNode& node, std::size_t longest, const std::string& what)
{
    const bool control =
        std::ranges::any_of(node.text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (node.text.empty()) source.error(node.place, fmt::format("\"{}\" is empty", what));
    if (control) source.error(node.place, fmt::format("\"{}\" holds a line break or control character", what));
    if (node.text.size() > longest)
        source.error(node.place, fmt::format("\"{}\" is longer than {} bytes", what, longest));
}

void check_id(Source& source, const YamlNode& node, const std::string& what)
{
    if (!is_id(node.text))
        source.error(node.place,
                     fmt::format("\"{}\" is no {}", printable(node.text, 80), what == "organisation" ? "id" : what),
                     "small letters, digits and hyphens, at most 64");
}

bool is_table_name(std::string_view text)
{
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

void check_label(Source& source, const YamlNode& node)
{
    const auto& text = node.text;
    if (!is_id(text) || text.size() > 63 || text.front() == '-' || text.back() == '-')
        source.error(node.place, fmt::format("\"{}\" is no label of a domain", printable(text, 80)),
                     "small letters, digits and hyphens: york for york.SUFFIX");
}

void check_script(Source& source, const YamlNode& node)
{
    const auto& text = node.text;
    const bool plain = std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.' || c == '/';
    });
    if (!plain || !text.ends_with(".lua") || text.starts_with('/') || text.find("..") != text.npos)
        source.error(node.place, fmt::format("\"{}\" is no script of this policy", printable(text, 80)),
                     "write a file in its lua/ folder, as marking.lua");
}

void check_field(Source& source, const YamlNode& node)
{
    if (vocabulary::find_field(node.text) == nullptr)
        source.error(node.place, fmt::format("unknown field \"{}\"", printable(node.text, 60)),
                     did_you_mean(node.text, vocabulary::field_names(), "fields"));
}

/// Names of tables with lists of texts, or maps of texts.
void check_tables(Source& source, const YamlNode& tables)
{
    for (const auto& table : tables.entries) {
        if (!is_table_name(table.key))
            source.error(table.place, fmt::format("\"{}\" is no name of a table", printable(table.key, 60)),
                         "letters, digits, hyphens and underscores, at most 64");
        if (!table.value.is_list() && !table.value.is_map()) {
            source.error(table.value.place, fmt::format("table \"{}\" is no list", printable(table.key, 60)),
                         "write [word, word], or { word: what it stands for }");
            continue;
        }
        for (const auto& item : table.value.items)
            if (!item.is_text()) source.error(item.place, "a table holds texts alone");
        for (const auto& pair : table.value.entries)
            if (!pair.value.is_text()) source.error(pair.value.place, "a table holds texts alone");
    }
}

/// Forms that are texts with a meaning.
void check_text(Source& source, const YamlNode& node, const Shape& shape, const std::string& what)
{
    switch (shape.form) {
        case Form::text:
            return check_free_text(source, node, longest_text, what);
        case Form::prose:
            if (node.text.size() > longest_prose)
                source.error(node.place, fmt::format("\"{}\" is longer than {} bytes", what, longest_prose),
                             "keep it in a file");
            return;
        case Form::path:
            return check_free_text(source, node, longest_path, what);
        case Form::id:
            return check_id(source, node, what);
        case Form::label:
            return check_label(source, node);
        case Form::boolean:
            if (!parse_boolean(node)) source.error(node.place, fmt::format("\"{}\" is true or false", what));
            return;
        case Form::count:
        case Form::factor:
            return check_number(source, node, shape, what);
        case Form::size:
            return check_result(source, node, vocabulary::parse_size(node.text));
        case Form::duration:
            return check_result(source, node, vocabulary::parse_duration(node.text));
        case Form::rate:
            return check_result(source, node, vocabulary::parse_rate(node.text));
        case Form::percent:
            return check_result(source, node, vocabulary::parse_percent(node.text));
        case Form::network:
            return check_result(source, node, vocabulary::parse_network(node.text));
        case Form::host_port:
        case Form::ip_port:
        case Form::loopback_port:
            return check_result(source, node, vocabulary::parse_host_port(node.text));
        case Form::instant:
            return check_result(source, node, parse_instant(node.text));
        case Form::sha256:
            return check_result(source, node, parse_sha256(node.text));
        case Form::local_endpoint:
            return check_local_endpoint(source, node);
        case Form::domain:
        case Form::whole_domain:
            return check_domain(source, node);
        case Form::address:
            return check_address(source, node);
        case Form::word:
            return check_word(source, node, shape, what);
        case Form::ip:
            if (!is_resolver(node.text))
                source.error(node.place, fmt::format("\"{}\" is not a server's address", printable(node.text, 60)),
                             "write 127.0.0.1 or 127.0.0.1@5353");
            return;
        case Form::header_name:
            if (!is_header_name(node.text))
                source.error(node.place, fmt::format("\"{}\" is no name of a header field", printable(node.text, 60)));
            return;
        case Form::script:
            return check_script(source, node);
        case Form::field:
            return check_field(source, node);
        case Form::map:
        case Form::list:
        case Form::either:
        case Form::condition:
        case Form::header_map:
        case Form::orders:
        case Form::tables:
        case Form::event_condition:
            return;
    }
}

void check_map(Source& source, const YamlNode& node, const Shape& shape, const std::string& what)
{
    if (shape.keys.begin() == shape.keys.end()) return;  // any names: its reader looks at them
    for (const auto& entry : node.entries) {
        if (source.is_full()) return;
        const auto key = std::ranges::find(shape.keys, entry.key, &Key::name);
        if (key == shape.keys.end()) {
            std::vector<std::string> known;
            for (const auto& k : shape.keys) known.push_back(k.name);
            source.error(entry.place, fmt::format("unknown key \"{}\"", printable(entry.key, 60)),
                         did_you_mean(entry.key, known, "keys"));
        } else if (entry.value.type == YamlNode::Type::nothing) {
            source.error(entry.place, fmt::format("\"{}\" is empty", key->name),
                         "give it a value or take the line out");
        } else {
            check_shape(source, entry.value, key->shape, key->name);
        }
    }
    for (const auto& key : shape.keys)
        if (key.required && !node.find(key.name))
            source.error(node.place, fmt::format("\"{}\" is missing{}", key.name,
                                                 what.empty() ? "" : fmt::format(" in \"{}\"", what)));
}

/// The alternative that a value is meant as.
const Shape& chosen(const YamlNode& node, const Shape& shape)
{
    const auto fits =
        std::ranges::find_if(shape.items, [&](const Shape& item) { return type_of(item.form) == node.type; });
    return fits == shape.items.end() ? shape.items.front() : *fits;
}

}  // namespace

void check_shape(Source& source, const YamlNode& node, const Shape& shape, const std::string& what)
{
    if (source.is_full()) return;
    if (shape.form == Form::orders) return;  // read_orders() says what is wrong with them
    if (shape.form == Form::either) return check_shape(source, node, chosen(node, shape), what);
    if (const auto due = type_of(shape.form); node.type != due) {
        const std::string name = what.empty() ? "a policy file" : fmt::format("\"{}\"", what);
        const bool single = due == YamlNode::Type::list && node.is_text();
        return source.error(node.place,
                            fmt::format("{} is {} here, and should be {}", name, name_of(node.type), name_of(due)),
                            single ? fmt::format("write [{}]", printable(node.text, 60)) : "");
    }
    if (shape.form == Form::map) return check_map(source, node, shape, what);
    if (shape.form == Form::tables) return check_tables(source, node);
    if (shape.form != Form::list) return check_text(source, node, shape, what);
    if (node.items.empty()) source.error(node.place, fmt::format("\"{}\" is an empty list", what));
    for (const auto& item : node.items) check_shape(source, item, shape.items.front(), what);
}

}  // namespace postern::policy
