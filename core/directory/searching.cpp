#include "directory/searching.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <unordered_set>

namespace postern::directory {

namespace {

using store::Database;

constexpr std::size_t most_candidates = 6000;  ///< keys that are probed
constexpr std::size_t most_counted = 20;  ///< organisations that a word means; of more it is not known how many people

/// The first key that no word with this beginning has.
std::string end_of(std::string beginning)
{
    beginning += '\xFF';
    return beginning;
}

bool may_show(const DirectoryEntry& entry, const EntryFilter& filter)
{
    if (!filter.organisation.empty() && entry.organisation != filter.organisation) return false;
    if (filter.kind && entry.kind != *filter.kind) return false;
    if (filter.status && entry.status != *filter.status) return false;
    return filter.hidden || (entry.status == EntryStatus::active && !entry.ex_directory);
}

/// Whether a label of the domain, or a part of one, begins so.
bool begins_label(std::string_view domain, std::string_view word)
{
    for (std::size_t at = 0; at != std::string_view::npos && at < domain.size();) {
        if (domain.substr(at).starts_with(word)) return true;
        at = domain.find_first_of(".-", at);
        if (at != std::string_view::npos) ++at;
    }
    return false;
}

/// A typed word, and where it can be found.
struct Typed {
    std::string word;
    const std::set<std::string>* meant = nullptr;  ///< organisations; may be null
    std::size_t entries = 0;                       ///< that have it, as far as they were counted
};

class Search {
public:
    Search(Database& database, const EntryFilter& filter) : database_(database), filter_(filter)
    {
        const auto words = split_words(filter.like);
        for (std::size_t i = 0; i < words.size(); ++i)
            typed_.push_back({words[i], i < filter.meant.size() ? &filter.meant[i] : nullptr});
    }

    std::vector<StandingEntry> run()
    {
        if (!filter_.like.empty() && typed_.empty()) return {};
        if (const auto address = mail::Address::parse(filter_.like)) take(address->key());
        if (!found_.empty()) return std::move(found_);
        if (typed_.empty())
            of_organisation(filter_.organisation);
        else
            by_words();
        std::ranges::sort(found_, {}, [](const StandingEntry& one) { return one.entry->address.key(); });
        return std::move(found_);
    }

private:
    [[nodiscard]] bool enough() const { return found_.size() >= filter_.limit || looked_ >= most_candidates; }

    void take(const std::string& key)
    {
        auto standing = read_standing(database_, key);
        if (standing.entry && may_show(*standing.entry, filter_)) found_.push_back(std::move(standing));
    }

    void by_words()
    {
        for (auto& typed : typed_) count(typed);
        // The one that the fewest have, so that all of those can be held against the others.
        const Typed& begin = *std::ranges::min_element(typed_, {}, &Typed::entries);
        {
            auto rows =
                database_.query("SELECT key FROM words WHERE word >= ? AND word < ?", begin.word, end_of(begin.word));
            while (!enough() && rows.next()) consider(rows.string(0), begin);
        }
        if (begin.meant == nullptr) return;
        for (const auto& organisation : *begin.meant) {
            auto rows = database_.query("SELECT key FROM entries WHERE organisation = ? ORDER BY key", organisation);
            while (!enough() && rows.next()) consider(rows.string(0), begin);
        }
    }

    void count(Typed& typed)
    {
        auto rows = database_.query("SELECT count(*) FROM (SELECT 1 FROM words WHERE word >= ? AND word < ? LIMIT ?)",
                                    typed.word, end_of(typed.word), most_candidates);
        if (rows.next()) typed.entries = static_cast<std::size_t>(rows.integer(0));
        if (typed.meant == nullptr) return;
        if (typed.meant->size() > most_counted) {
            typed.entries += most_candidates;
            return;
        }
        for (const auto& organisation : *typed.meant) {
            auto others = database_.query("SELECT count(*) FROM (SELECT 1 FROM entries WHERE organisation = ? LIMIT ?)",
                                          organisation, most_candidates);
            if (others.next()) typed.entries += static_cast<std::size_t>(others.integer(0));
        }
    }

    /// One that has the word with which the search began.
    void consider(const std::string& key, const Typed& begin)
    {
        ++looked_;
        if (!seen_.insert(key).second) return;
        if (!filter_.organisation.empty() && organisation_of(key) != filter_.organisation) return;
        for (const auto& typed : typed_)
            if (&typed != &begin && !has(key, typed)) return;
        take(key);
    }

    bool has(const std::string& key, const Typed& typed)
    {
        {
            auto row = database_.query("SELECT 1 FROM words WHERE key = ? AND word >= ? AND word < ? LIMIT 1", key,
                                       typed.word, end_of(typed.word));
            if (row.next()) return true;
        }
        if (begins_label(std::string_view(key).substr(key.rfind('@') + 1), typed.word)) return true;
        return typed.meant != nullptr && !typed.meant->empty() && typed.meant->contains(organisation_of(key));
    }

    std::string organisation_of(const std::string& key)
    {
        auto row = database_.query("SELECT organisation FROM entries WHERE key = ?", key);
        return row.next() ? row.string(0) : std::string{};
    }

    void of_organisation(const std::string& organisation)
    {
        std::vector<std::string> keys;
        {
            auto rows = organisation.empty()
                            ? database_.query("SELECT key FROM entries ORDER BY key LIMIT ?", most_candidates)
                            : database_.query("SELECT key FROM entries WHERE organisation = ? ORDER BY key LIMIT ?",
                                              organisation, most_candidates);
            while (rows.next()) keys.push_back(rows.string(0));
        }
        for (const auto& key : keys) {
            ++looked_;
            take(key);
            if (enough()) return;
        }
    }

    Database& database_;
    const EntryFilter& filter_;
    std::vector<Typed> typed_;
    std::vector<StandingEntry> found_;
    std::unordered_set<std::string> seen_;
    std::size_t looked_ = 0;
};

}  // namespace

std::vector<StandingEntry> search_entries(Database& database, const EntryFilter& filter)
{
    return Search(database, filter).run();
}

}  // namespace postern::directory
