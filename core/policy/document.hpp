// One YAML document as a tree with places: what yaml_reader makes and the typed readers take apart.
//
// A value; lives only while its file is being read. At most 32 levels deep, so that walking it may recurse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

/// Where something stands in a file. Line and column count from 1, the column in bytes; line 0 is the whole file.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 1;
};

struct Entry;

struct YamlNode {
    enum class Type : std::uint8_t { nothing, text, list, map };
    Type type = Type::nothing;
    bool quoted = false;  ///< text in quotes or a block: never a number, a truth value or a keyword
    Place place;
    std::string text;
    std::vector<YamlNode> items;  ///< of a list
    std::vector<Entry> entries;   ///< of a map, in the file's order; keys are unique

    [[nodiscard]] bool is_text() const noexcept { return type == Type::text; }
    [[nodiscard]] bool is_list() const noexcept { return type == Type::list; }
    [[nodiscard]] bool is_map() const noexcept { return type == Type::map; }
    /// The value under that key, or null.
    [[nodiscard]] const YamlNode* find(std::string_view key) const noexcept;
};

struct Entry {
    std::string key;
    Place place;  ///< of the key
    YamlNode value;
};

inline const YamlNode* YamlNode::find(std::string_view key) const noexcept
{
    for (const auto& entry : entries)
        if (entry.key == key) return &entry.value;
    return nullptr;
}

}  // namespace postern::policy
