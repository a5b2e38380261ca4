#include "directory/searching.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <set>

namespace postern::directory {

namespace {

using store::Database;

constexpr std::size_t most_candidates = 2000;

/// The first key that no word with this beginning has.
std::string end_of(std::string beginning)
{
    beginning += '\xFF';
    return beginning;
}

/// Whether each typed word begins a word of the entry, or the id of its organisation.
bool fits(const DirectoryEntry& entry, const std::vector<std::string>& typed)
{
    auto words = words_of(entry);
    for (auto& word : split_words(entry.organisation)) words.push_back(std::move(word));
    for (auto& word : split_words(entry.address.domain().text())) words.push_back(std::move(word));
    return std::ranges::all_of(typed, [&](const std::string& beginning) {
        return std::ranges::any_of(words, [&](const std::string& word) { return word.starts_with(beginning); });
    });
}

bool may_show(const DirectoryEntry& entry, const EntryFilter& filter)
{
    if (!filter.organisation.empty() && entry.organisation != filter.organisation) return false;
    if (filter.kind && entry.kind != *filter.kind) return false;
    if (filter.status && entry.status != *filter.status) return false;
    return filter.hidden || (entry.status == EntryStatus::active && !entry.ex_directory);
}

class Search {
public:
    Search(Database& database, const EntryFilter& filter)
        : database_(database), filter_(filter), typed_(split_words(filter.like))
    {
    }

    std::vector<StandingEntry> run()
    {
        if (!filter_.like.empty() && typed_.empty()) return {};
        if (const auto address = mail::Address::parse(filter_.like)) consider(address->key());
        if (!found_.empty()) return std::move(found_);
        if (typed_.empty())
            by_organisation();
        else
            by_words();
        std::ranges::sort(found_, {}, [](const StandingEntry& one) { return one.entry->address.key(); });
        return std::move(found_);
    }

private:
    bool enough() const { return found_.size() >= filter_.limit || looked_ >= most_candidates; }

    void consider(const std::string& key)
    {
        ++looked_;
        if (!seen_.insert(key).second) return;
        auto standing = read_standing(database_, key);
        if (standing.entry && may_show(*standing.entry, filter_) && fits(*standing.entry, typed_))
            found_.push_back(std::move(standing));
    }

    /// The longest word first: it has the fewest entries.
    void by_words()
    {
        std::vector<std::string> longest = typed_;
        std::ranges::stable_sort(longest, std::ranges::greater{}, &std::string::size);
        for (const auto& word : longest) {
            std::vector<std::string> keys;
            {
                auto rows = filter_.organisation.empty()
                                ? database_.query("SELECT key FROM words WHERE word >= ? AND word < ? LIMIT ?", word,
                                                  end_of(word), most_candidates)
                                : database_.query(
                                      "SELECT w.key FROM words w JOIN entries e ON e.key = w.key WHERE w.word >= ? "
                                      "AND w.word < ? AND e.organisation = ? LIMIT ?",
                                      word, end_of(word), filter_.organisation, most_candidates);
                while (rows.next()) keys.push_back(rows.string(0));
            }
            for (const auto& key : keys) {
                consider(key);
                if (enough()) return;
            }
            // All entries with that word were looked at: no other word finds more.
            if (keys.size() < most_candidates && !keys.empty()) return;
        }
    }

    void by_organisation()
    {
        std::vector<std::string> keys;
        {
            auto rows = filter_.organisation.empty()
                            ? database_.query("SELECT key FROM entries ORDER BY key LIMIT ?", most_candidates)
                            : database_.query("SELECT key FROM entries WHERE organisation = ? ORDER BY key LIMIT ?",
                                              filter_.organisation, most_candidates);
            while (rows.next()) keys.push_back(rows.string(0));
        }
        for (const auto& key : keys) {
            consider(key);
            if (enough()) return;
        }
    }

    Database& database_;
    const EntryFilter& filter_;
    std::vector<std::string> typed_;
    std::vector<StandingEntry> found_;
    std::set<std::string> seen_;
    std::size_t looked_ = 0;
};

}  // namespace

std::vector<StandingEntry> search_entries(Database& database, const EntryFilter& filter)
{
    return Search(database, filter).run();
}

}  // namespace postern::directory
