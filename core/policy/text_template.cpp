#include "policy/text_template.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <utility>

namespace postern::policy {

namespace {

constexpr std::size_t longest_value = 200;
constexpr std::string_view generation_name = "policy.generation";
constexpr std::string_view header_prefix = "header.";

/// U+0080 to U+009F, which some terminals obey.
bool is_c1_control(std::string_view text, std::size_t at)
{
    return text[at] == '\xC2' && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
}

/// Without controls; cut between characters.
std::string cleaned(std::string_view value)
{
    value = value.substr(0, longest_value);
    std::string clean;
    for (std::size_t at = 0; at < value.size(); ++at) {
        if (is_c1_control(value, at))
            ++at;
        else if (static_cast<unsigned char>(value[at]) >= 0x20 && value[at] != 0x7F)
            clean += value[at];
    }
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
    return read(source, node.place, node.text, stage);
}

TextTemplate TextTemplate::read(Source& source, const Place& place, std::string_view text, vocabulary::Stage stage)
{
    TextTemplate result;
    std::string literal;
    for (std::size_t at = 0; at < text.size() && !source.is_full();) {
        if (text.substr(at).starts_with("$${")) {
            literal += "${";
            at += 3;
        } else if (!text.substr(at).starts_with("${")) {
            literal += text[at++];
        } else if (const auto end = text.find('}', at); end == text.npos) {
            source.error(place, "\"${\" without \"}\"", "write $${ where it is meant literally");
            break;
        } else {
            const auto name = text.substr(at + 2, end - at - 2);
            at = end + 1;
            const auto* field = vocabulary::find_field(name);
            if (!check_name(source, place, name, field, stage)) continue;
            const bool header = field != nullptr && field->id == vocabulary::FieldId::header;
            result.pieces_.push_back({std::exchange(literal, {}), nullptr, {}, false});
            result.pieces_.push_back(
                {{}, field, header ? std::string(name.substr(header_prefix.size())) : "", field == nullptr});
        }
    }
    result.pieces_.push_back({std::move(literal), nullptr, {}, false});
    return result;
}

std::vector<const vocabulary::FieldInfo*> TextTemplate::fields() const
{
    std::vector<const vocabulary::FieldInfo*> fields;
    for (const auto& piece : pieces_)
        if (piece.field != nullptr) fields.push_back(piece.field);
    return fields;
}

std::string TextTemplate::fill(FieldValues& values) const
{
    std::string text;
    for (const auto& piece : pieces_) {
        if (piece.generation)
            text += std::to_string(values.facts().generation);
        else if (piece.field != nullptr)
            text += cleaned(values.text_of(*piece.field, piece.header));
        else
            text += piece.text;
    }
    return text;
}

}  // namespace postern::policy
