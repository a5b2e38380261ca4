// A table of content.yaml as scripts look things up in it: by key, or any of its words in a text. ASCII case-blind.
//
// Immutable; any thread. Finding words in a text takes time by the text's size, whatever the table's.
#pragma once

#include "base/text.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::script {

class WordTable {
public:
    struct Entry {
        std::string key;    ///< as written
        std::string value;  ///< of a list: the same as the key
    };

    explicit WordTable(std::map<std::string, std::string> entries);

    /// Null if there is none. The key's case and white space around it don't count.
    [[nodiscard]] const Entry* find(std::string_view key) const;
    /// The keys that stand in the text as whole words, in the order of the text, each once, at most `most`. A word is
    /// made of letters, digits and bytes beyond ASCII; what stands between words doesn't count: "top secret" is found
    /// in "TOP-SECRET". Keys of more than 8 words are found by find() only.
    [[nodiscard]] std::vector<const Entry*> words_in(std::string_view text, std::size_t most) const;
    /// By key.
    [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }
    /// How many words the longest key has, at most 8.
    [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

private:
    using Index = std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>>;
    std::vector<Entry> entries_;
    Index by_key_;
    Index by_words_;
    std::size_t longest_ = 0;
};

}  // namespace postern::script
