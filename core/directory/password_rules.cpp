#include "directory/password_rules.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <fstream>

namespace postern::directory {

namespace {

constexpr std::size_t longest_password = 256;
constexpr std::size_t shortest_word = 5;  ///< that a password must not hold; shorter ones must not be it
constexpr std::size_t longest_word = 40;

std::size_t characters_of(std::string_view text)
{
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// A refused word that stands somewhere in it and is more than half of it.
bool holds_refused(const std::string& lower, const RefusedWords& refused)
{
    if (refused.contains(lower)) return true;
    for (std::size_t begin = 0; begin + shortest_word <= lower.size(); ++begin)
        for (std::size_t size = shortest_word; size <= std::min(longest_word, lower.size() - begin); ++size)
            if (size * 2 > lower.size() && refused.contains(lower.substr(begin, size))) return true;
    return false;
}

}  // namespace

std::shared_ptr<const RefusedWords> RefusedWordsFile::at(const std::string& path)
{
    const std::lock_guard lock(mutex_);
    std::error_code failed;
    const auto written =
        path.empty() ? std::filesystem::file_time_type{} : std::filesystem::last_write_time(path, failed);
    if (path == path_ && written == written_) return words_;
    auto words = std::make_shared<RefusedWords>();
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (const auto word = to_lower(trim(line)); !word.empty() && word.size() <= longest_word) words->insert(word);
    path_ = path;
    written_ = written;
    words_ = std::move(words);
    return words_;
}

std::vector<std::string> password_mistakes(std::string_view password, const vocabulary::LoginRules& rules,
                                           const std::vector<std::string>& own, const RefusedWords& refused)
{
    std::vector<std::string> mistakes;
    if (!is_utf8(password) || printable(password, longest_password) != password)
        mistakes.emplace_back("it holds control characters, or is longer than 256 bytes");
    if (characters_of(password) < rules.password_length)
        mistakes.push_back(
            fmt::format("it is shorter than {} characters; several words are easy to remember", rules.password_length));
    const auto lower = to_lower(password);
    if (std::ranges::any_of(own, [&](const std::string& word) {
            return word.size() >= 4 && lower.find(to_lower(word)) != std::string::npos;
        }))
        mistakes.emplace_back("it holds a part of the person's name, user name or address");
    std::string distinct = lower;
    std::ranges::sort(distinct);
    distinct.erase(std::ranges::unique(distinct).begin(), distinct.end());
    if (!password.empty() && distinct.size() < 5) mistakes.emplace_back("it repeats the same few characters");
    if (holds_refused(lower, refused))
        mistakes.emplace_back("it is, or is mostly, a word that many use or that stands in a list of stolen passwords");
    return mistakes;
}

}  // namespace postern::directory
