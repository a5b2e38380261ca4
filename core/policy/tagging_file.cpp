#include "base/text.hpp"
#include "policy/keys.hpp"
#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

constexpr std::size_t longest_header_text = 900;

void read_added_headers(Source& source, const Values& headers, TagRule& tag)
{
    const auto* add = headers.node("add");
    if (add == nullptr) return;
    for (const auto& entry : add->entries) {
        check_changed_header(source, entry.place, entry.key);
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
    read_rule(source, map, vocabulary::Stage::message, vocabulary::RuleFile::tagging, names, tag);
    check_ignore(source, map, tag, {});
    read_subject(source, map.map("subject"), tag);
    const auto headers = map.map("headers");
    read_added_headers(source, headers, tag);
    tag.remove_headers = headers.texts("remove");
    for (const auto& item : headers.items("remove")) check_changed_header(source, item.place, item.text);
    if (!map.has("subject") && !map.has("headers") && !map.has("lua"))
        source.error(map.place(), "this tag orders nothing", "give it subject:, headers: or lua:");
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
