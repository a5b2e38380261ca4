#include "policy/storage_key.hpp"

#include "policy/values.hpp"
#include "policy/yaml_reader.hpp"

#include <boost/json/serialize.hpp>

namespace postern::policy {

namespace {

Fault not_fit(std::string_view what)
{
    return fault(Retry::never, std::string(what)).about("node.yaml: storage: directory");
}

/// Where the place lies in the text; npos where it lies outside.
std::size_t offset_of(std::string_view text, const Place& place)
{
    std::size_t start = 0;
    for (std::uint32_t line = 1; line < place.line; ++line) {
        const auto end = text.find('\n', start);
        if (end == text.npos) return text.npos;
        start = end + 1;
    }
    const auto offset = start + place.column - 1;
    return place.line == 0 || place.column == 0 || offset >= text.size() ? text.npos : offset;
}

/// Bytes of a value in one line, with its quotes; 0: it is written in another way.
std::size_t length_of(std::string_view from, const std::string& value)
{
    if (from.front() != '"' && from.front() != '\'') return from.starts_with(value) ? value.size() : 0;
    const char quote = from.front();
    for (std::size_t at = 1; at < from.size() && from[at] != '\n'; ++at) {
        if (quote == '"' && from[at] == '\\')
            ++at;
        else if (quote == '\'' && from.substr(at).starts_with("''"))
            ++at;
        else if (from[at] == quote)
            return at + 1;
    }
    return 0;
}

std::optional<YamlNode> directory_in(std::string_view text)
{
    Diagnostics wrong;
    Source source("node.yaml", text, wrong);
    const auto tree = read_yaml(source);
    if (!tree || has_errors(wrong)) return std::nullopt;
    const auto* node = Values(*tree).map("storage").node("directory");
    return node != nullptr && node->is_text() ? std::optional(*node) : std::nullopt;
}

}  // namespace

Result<std::string> with_storage(std::string_view node_yaml, const std::string& directory)
{
    Diagnostics unseen;
    const auto text = Source("node.yaml", node_yaml, unseen).bytes();  // without a byte order mark
    const auto node = directory_in(text);
    if (!node) return std::unexpected(not_fit("is not there, or can't be read"));
    const auto at = offset_of(text, node->place);
    const auto length = at == text.npos ? 0 : length_of(text.substr(at), node->text);
    if (length == 0)
        return std::unexpected(not_fit("is not written in one line, and can't be changed where it stands"));
    std::string changed(text);
    changed.replace(at, length, boost::json::serialize(boost::json::string(directory)));
    // Whatever way it was written in: what counts is what will be read.
    const auto read = directory_in(changed);
    if (!read || read->text != directory) return std::unexpected(not_fit("can't be changed where it stands"));
    return changed;
}

}  // namespace postern::policy
