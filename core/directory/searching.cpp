#include "directory/searching.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <unordered_set>

namespace postern::directory {

namespace {

using store::Database;

// What a search costs at most: reading keys in their order is cheap, looking at one entry here and one there is not.
constexpr std::size_t most_read = 6000;    ///< keys of one term
constexpr std::size_t most_looked = 2500;  ///< looks at single entries, in all

/// The first word that does not begin so any more.
std::string end_of(std::string beginning)
{
    beginning += '\xFF';
    return beginning;
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

/// Something that all who are found have: a word that begins as it was typed, an organisation, a kind, a status.
struct Term {
    enum class What { word, organisation, kind, status } what = What::word;
    std::string value;
    const std::set<std::string>* meant = nullptr;  ///< organisations that a word means too; may be null
    std::vector<std::string> keys{};               ///< who has it, as far as they were read
    bool whole = false;                            ///< those are all
    std::unordered_set<std::string_view> known{};  ///< the same, where others are held against them
};

/// What the other columns of an entry must say.
struct Facts {
    std::string organisation, kind, status;
    bool ex_directory = false;
};

class Search {
public:
    Search(Database& database, const EntryFilter& filter) : database_(database), filter_(filter)
    {
        const auto words = split_words(filter.like);
        for (std::size_t i = 0; i < words.size(); ++i) {
            // Who has "smith" has "smi": it narrows nothing down.
            const bool said = std::ranges::any_of(words, [&](const std::string& other) {
                return other.starts_with(words[i]) && (other != words[i] || &other < &words[i]);
            });
            if (!said)
                terms_.push_back({Term::What::word, words[i], i < filter.meant.size() ? &filter.meant[i] : nullptr});
        }
        if (!filter.like.empty() && terms_.empty()) return;
        if (!filter.organisation.empty()) terms_.push_back({Term::What::organisation, filter.organisation});
        // Nearly all are active users; others are few, and there is an index of them.
        if (filter.kind && *filter.kind != EntryKind::user)
            terms_.push_back({Term::What::kind, std::string(vocabulary::name_of(*filter.kind))});
        if (filter.status && *filter.status != EntryStatus::active)
            terms_.push_back({Term::What::status, std::string(vocabulary::name_of(*filter.status))});
        searchable_ = true;
    }

    std::vector<StandingEntry> run()
    {
        if (!searchable_) return {};
        if (const auto address = mail::Address::parse(filter_.like)) consider(address->key(), nullptr, false);
        if (!found_.empty()) return std::move(found_);
        if (terms_.empty())
            all_entries();
        else if (terms_.size() == 1)
            read(terms_.front(), [this](std::string key) { return consider(std::move(key), &terms_.front()); });
        else
            of_the_fewest();
        std::ranges::sort(found_, {}, [](const StandingEntry& one) { return one.entry->address.key(); });
        return std::move(found_);
    }

private:
    /// Keys of those who have a term, until `take` has enough. An organisation that is found by its domain alone is not
    /// among a word's.
    template <class Take>
    void read(const Term& term, const Take& take)
    {
        const auto pass_on = [&take](store::Query rows) {
            while (rows.next())
                if (!take(rows.string(0))) return false;
            return true;
        };
        const auto of_organisation = [&](const std::string& organisation) {
            return pass_on(
                database_.query("SELECT key FROM entries WHERE organisation = ? ORDER BY key", organisation));
        };
        switch (term.what) {
            case Term::What::organisation:
                of_organisation(term.value);
                return;
            case Term::What::kind:
                pass_on(database_.query("SELECT key FROM entries WHERE kind = ? AND kind != 'user' ORDER BY key",
                                        term.value));
                return;
            case Term::What::status:
                pass_on(database_.query("SELECT key FROM entries WHERE status = ? AND status != 'active' ORDER BY key",
                                        term.value));
                return;
            case Term::What::word:
                break;
        }
        if (!pass_on(
                database_.query("SELECT key FROM words WHERE word >= ? AND word < ?", term.value, end_of(term.value))))
            return;
        if (term.meant == nullptr) return;
        for (const auto& organisation : *term.meant)
            if (!of_organisation(organisation)) return;
    }

    void all_entries()
    {
        auto rows = database_.query("SELECT key FROM entries ORDER BY key");
        while (rows.next() && consider(rows.string(0), nullptr)) {
        }
    }

    /// Begins with the term that the fewest have, so that all of those can be held against the others.
    void of_the_fewest()
    {
        for (auto& term : terms_) {
            read(term, [&term](std::string key) {
                term.keys.push_back(std::move(key));
                return term.keys.size() < most_read;
            });
            term.whole = term.keys.size() < most_read;
        }
        const Term& begin = *std::ranges::min_element(terms_, {}, [](const Term& term) { return term.keys.size(); });
        for (auto& term : terms_)
            if (&term != &begin && term.whole) term.known.insert(term.keys.begin(), term.keys.end());
        for (const auto& key : begin.keys)
            if (!consider(key, &begin)) return;
    }

    /// One that has the term with which the search began. False: it has come to its end.
    bool consider(std::string key, const Term* begin, bool by_terms = true)
    {
        if (!seen_.insert(key).second) return true;
        facts_.reset();
        if (by_terms) {
            // First what costs nothing.
            for (const auto& term : terms_)
                if (&term != begin && term.whole && !may_have(key, term)) return true;
            for (const auto& term : terms_)
                if (&term != begin && !term.whole && !has(key, term)) return looked_ < most_looked;
        }
        if (may_show(key))
            if (auto standing = read_standing(database_, key); standing.entry) found_.push_back(std::move(standing));
        return found_.size() < filter_.limit && looked_ < most_looked;
    }

    static bool has_label(const std::string& key, const Term& term)
    {
        return term.what == Term::What::word &&
               begins_label(std::string_view(key).substr(key.rfind('@') + 1), term.value);
    }

    /// Of a term all of whose keys are known.
    static bool may_have(const std::string& key, const Term& term)
    {
        return term.known.contains(key) || has_label(key, term);
    }

    bool has(const std::string& key, const Term& term)
    {
        switch (term.what) {
            case Term::What::organisation:
                return facts_of(key).organisation == term.value;
            case Term::What::kind:
                return facts_of(key).kind == term.value;
            case Term::What::status:
                return facts_of(key).status == term.value;
            case Term::What::word:
                break;
        }
        if (has_label(key, term)) return true;
        ++looked_;
        {
            auto row = database_.query("SELECT 1 FROM words WHERE key = ? AND word >= ? AND word < ? LIMIT 1", key,
                                       term.value, end_of(term.value));
            if (row.next()) return true;
        }
        return term.meant != nullptr && !term.meant->empty() && term.meant->contains(facts_of(key).organisation);
    }

    bool may_show(const std::string& key)
    {
        const Facts& facts = facts_of(key);
        if (!filter_.organisation.empty() && facts.organisation != filter_.organisation) return false;
        if (filter_.kind && facts.kind != vocabulary::name_of(*filter_.kind)) return false;
        if (filter_.status && facts.status != vocabulary::name_of(*filter_.status)) return false;
        return filter_.hidden || (facts.status == vocabulary::name_of(EntryStatus::active) && !facts.ex_directory);
    }

    const Facts& facts_of(const std::string& key)
    {
        if (facts_) return *facts_;
        ++looked_;
        facts_.emplace();
        auto row = database_.query("SELECT organisation, kind, status, ex_directory FROM entries WHERE key = ?", key);
        if (row.next()) *facts_ = {row.string(0), row.string(1), row.string(2), row.flag(3)};
        return *facts_;
    }

    Database& database_;
    const EntryFilter& filter_;
    bool searchable_ = false;
    std::vector<Term> terms_;
    std::vector<StandingEntry> found_;
    std::unordered_set<std::string> seen_;
    std::optional<Facts> facts_;  ///< of who is considered
    std::size_t looked_ = 0;
};

}  // namespace

std::vector<StandingEntry> search_entries(Database& database, const EntryFilter& filter)
{
    return Search(database, filter).run();
}

}  // namespace postern::directory
