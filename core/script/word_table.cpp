#include "script/word_table.hpp"

#include <algorithm>

namespace postern::script {

namespace {

constexpr std::size_t most_words = 8;
constexpr std::size_t longest_word = 200;  // bytes; a longer one is in no table

bool is_word_byte(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/// The next word from `at` on, which moves behind it; empty at the text's end.
std::string_view next_word(std::string_view text, std::size_t& at)
{
    while (at < text.size() && !is_word_byte(text[at])) ++at;
    const std::size_t begin = at;
    while (at < text.size() && is_word_byte(text[at])) ++at;
    return text.substr(begin, at - begin);
}

}  // namespace

WordTable::WordTable(std::map<std::string, std::string> entries)
{
    entries_.reserve(entries.size());
    for (auto& [key, value] : entries) {
        by_key_.try_emplace(to_lower(trim(key)), entries_.size());
        std::string words;
        std::size_t count = 0, at = 0;
        for (auto word = next_word(key, at); !word.empty(); word = next_word(key, at)) {
            words.append(count++ == 0 ? "" : " ").append(to_lower(word));
        }
        if (count > 0 && count <= most_words) {
            by_words_.try_emplace(std::move(words), entries_.size());
            longest_ = std::max(longest_, count);
        }
        entries_.push_back({key, std::move(value)});
    }
}

const WordTable::Entry* WordTable::find(std::string_view key) const
{
    const auto found = by_key_.find(to_lower(trim(key)));
    return found == by_key_.end() ? nullptr : &entries_[found->second];
}

std::vector<const WordTable::Entry*> WordTable::words_in(std::string_view text, std::size_t most) const
{
    std::vector<const Entry*> found;
    std::vector<bool> seen(entries_.size());
    std::vector<std::string> last;  // the words that a longer key could have begun with
    std::string phrase;
    std::size_t at = 0;
    for (auto word = next_word(text, at); !word.empty() && found.size() < most; word = next_word(text, at)) {
        if (word.size() > longest_word) {
            last.clear();
            continue;
        }
        last.push_back(to_lower(word));
        if (last.size() > longest_) last.erase(last.begin());
        phrase.clear();
        for (std::size_t i = last.size(); i-- > 0 && found.size() < most;) {
            phrase = phrase.empty() ? last[i] : last[i] + " " + phrase;
            const auto entry = by_words_.find(phrase);
            if (entry == by_words_.end() || seen[entry->second]) continue;
            seen[entry->second] = true;
            found.push_back(&entries_[entry->second]);
        }
    }
    return found;
}

}  // namespace postern::script
