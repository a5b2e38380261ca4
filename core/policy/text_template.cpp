#include "policy/text_template.hpp"

#include "base/text.hpp"
#include "policy/field_values.hpp"

#include <fmt/format.h>
#include <utility>

namespace postern::policy {

namespace {

constexpr std::size_t longest_value = 200;
constexpr std::string_view generation_name = "policy.generation";
constexpr std::string_view header_prefix = "header.";

/// Without controls; cut between characters.
std::string cleaned(std::string_view value)
{
    std::string clean;
    for (const char c : value.substr(0, longest_value))
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) clean += c;
    if (is_utf8(clean)) return clean;
    for (std::size_t cut = 0; cut < 4 && !clean.empty(); ++cut) {
        clean.pop_back();
        if (is_utf8(clean)) return clean;
    }
    return printable(value, longest_value);
}

/// Says what is wrong with the name in ${...}; false if it stands for nothing.
bool check_name(Source& source, const Place& place, std::string_view name, const vocabulary::FieldInfo* field,
                vocabulary::Stage stage)
{
    if (field == nullptr && name != generation_name) {
        auto names = vocabulary::field_names();
        names.emplace_back(generation_name);
        const auto near = nearest(name, names);
        source.error(place, fmt::format("unknown value \"${{{}}}\"", printable(name, 60)),
                     near.empty() ? "" : fmt::format("did you mean \"${{{}}}\"?", near));
        return false;
    }
    if (field != nullptr && field->from > stage)
        source.error(place, fmt::format("\"${{{}}}\" is not known yet where this rule is decided", name));
    return true;
}

}  // namespace

TextTemplate TextTemplate::read(Source& source, const YamlNode& node, vocabulary::Stage stage)
{
    TextTemplate result;
    std::string literal;
    const std::string_view text = node.text;
    for (std::size_t at = 0; at < text.size() && !source.is_full();) {
        if (text.substr(at).starts_with("$${")) {
            literal += "${";
            at += 3;
        } else if (!text.substr(at).starts_with("${")) {
            literal += text[at++];
        } else if (const auto end = text.find('}', at); end == text.npos) {
            source.error(node.place, "\"${\" without \"}\"", "write $${ where it is meant literally");
            break;
        } else {
            const auto name = text.substr(at + 2, end - at - 2);
            at = end + 1;
            const auto* field = vocabulary::find_field(name);
            if (!check_name(source, node.place, name, field, stage)) continue;
            const bool header = field != nullptr && field->id == vocabulary::FieldId::header;
            result.pieces_.push_back({std::exchange(literal, {}), nullptr, {}, false});
            result.pieces_.push_back(
                {{}, field, header ? std::string(name.substr(header_prefix.size())) : "", field == nullptr});
        }
    }
    result.pieces_.push_back({std::move(literal), nullptr, {}, false});
    return result;
}

std::string TextTemplate::fill(const vocabulary::Facts& facts) const
{
    std::string text;
    for (const auto& piece : pieces_) {
        if (piece.generation)
            text += std::to_string(facts.generation);
        else if (piece.field != nullptr)
            text += cleaned(text_of(*piece.field, piece.header, facts));
        else
            text += piece.text;
    }
    return text;
}

}  // namespace postern::policy
