#include "base/text.hpp"
#include "policy/keys.hpp"
#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

namespace postern::policy {

namespace {

constexpr std::size_t longest_header_text = 900;

/// Fields that carry the message's structure or its way: changing them by rule would break mail, replies or the
/// detection of loops.
constexpr std::array<std::string_view, 16> untouchable{"from",         "sender",
                                                       "reply-to",     "to",
                                                       "cc",           "bcc",
                                                       "date",         "message-id",
                                                       "received",     "return-path",
                                                       "subject",      "mime-version",
                                                       "content-type", "content-transfer-encoding",
                                                       "delivered-to", "authentication-results"};

void check_header(Source& source, const Place& place, const std::string& name)
{
    if (!is_header_name(name))
        return source.error(place, fmt::format("\"{}\" is no name of a header field", printable(name, 60)));
    if (std::ranges::find(untouchable, to_lower(name)) != untouchable.end())
        source.error(place, fmt::format("the field \"{}\" is not changed by tags", name),
                     "mail, replies or loop detection would break");
}

void read_added_headers(Source& source, const Values& headers, TagRule& tag)
{
    const auto* add = headers.node("add");
    if (add == nullptr) return;
    for (const auto& entry : add->entries) {
        check_header(source, entry.place, entry.key);
        const auto& value = entry.value;
        const bool control =
            std::ranges::any_of(value.text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
        if (!value.is_text() || value.text.empty() || value.text.size() > longest_header_text || control)
            source.error(value.place,
                         fmt::format("the value of \"{}\" is no text of one line", printable(entry.key, 60)));
        else
            tag.add_headers.emplace_back(entry.key, TextTemplate::read(source, value, vocabulary::Stage::message));
    }
}

void read_subject(Source& source, const Values& subject, TagRule& tag)
{
    tag.subject_prefix = subject.text("prefix");
    tag.once = subject.boolean("once", true);
    tag.remove_on_entry = subject.boolean("remove_on_entry", false);
    if (trim(tag.subject_prefix).empty() && subject.has("prefix"))
        source.error(subject.place("prefix"), "a prefix of white space marks nothing");
}

TagRule read_tag(Source& source, const YamlNode& node, std::set<std::string>& names)
{
    const Values map(node);
    TagRule tag;
    tag.name = read_rule_name(source, map, names);
    tag.place = map.place("name");
    tag.when = read_condition(source, map.node("when"), vocabulary::Stage::message);
    read_subject(source, map.map("subject"), tag);
    const auto headers = map.map("headers");
    read_added_headers(source, headers, tag);
    tag.remove_headers = headers.texts("remove");
    for (const auto& item : headers.items("remove")) check_header(source, item.place, item.text);
    if (!map.has("subject") && !map.has("headers"))
        source.error(map.place(), "this tag orders nothing", "give it subject: or headers:");
    return tag;
}

}  // namespace

TaggingFile read_tagging_file(Source& source, const YamlNode& tree)
{
    check_shape(source, tree, shape_of(FileKind::tagging), {});
    TaggingFile file;
    std::set<std::string> names;
    for (const auto& node : Values(tree).items("tags")) file.tags.push_back(read_tag(source, node, names));
    return file;
}

}  // namespace postern::policy
