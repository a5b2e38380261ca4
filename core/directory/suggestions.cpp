#include "directory/suggestions.hpp"

#include "base/text.hpp"
#include "directory/rows.hpp"

#include <algorithm>
#include <unordered_map>

namespace postern::directory {

namespace {

using store::Blob;
using store::Database;
using store::Query;

/// Candidates by key, each once, whatever order found it.
using Candidates = std::unordered_map<std::string, std::string>;

void take(Candidates& candidates, Query rows)
{
    while (rows.next()) candidates.try_emplace(rows.string(0), rows.string(1));
}

/// 500 neighbours on each side, in both orders: a slip at the beginning leaves the end alone, and the other way round.
Candidates neighbours_in_organisation(Database& database, const std::string& key, std::string_view organisation)
{
    Candidates candidates;
    const std::string reversed = backwards(key);
    take(candidates, database.query("SELECT key, address FROM entries WHERE organisation = ? AND status = 'active' AND "
                                    "ex_directory = 0 AND key >= ? ORDER BY key LIMIT 500",
                                    organisation, key));
    take(candidates, database.query("SELECT key, address FROM entries WHERE organisation = ? AND status = 'active' AND "
                                    "ex_directory = 0 AND key < ? ORDER BY key DESC LIMIT 500",
                                    organisation, key));
    take(candidates, database.query("SELECT key, address FROM entries WHERE organisation = ? AND status = 'active' AND "
                                    "ex_directory = 0 AND backwards >= ? ORDER BY backwards LIMIT 500",
                                    organisation, Blob{reversed}));
    take(candidates, database.query("SELECT key, address FROM entries WHERE organisation = ? AND status = 'active' AND "
                                    "ex_directory = 0 AND backwards < ? ORDER BY backwards DESC LIMIT 500",
                                    organisation, Blob{reversed}));
    return candidates;
}

Candidates neighbours_in_domain(Database& database, const std::string& key, const std::string& domain)
{
    Candidates candidates;
    take(candidates, database.query("SELECT key, address FROM entries WHERE domain = ? AND status = 'active' AND "
                                    "ex_directory = 0 AND key >= ? ORDER BY key LIMIT 1000",
                                    domain, key));
    take(candidates, database.query("SELECT key, address FROM entries WHERE domain = ? AND status = 'active' AND "
                                    "ex_directory = 0 AND key < ? ORDER BY key DESC LIMIT 1000",
                                    domain, key));
    return candidates;
}

}  // namespace

std::vector<std::string> suggest(Database& database, const mail::Address& address, std::string_view organisation,
                                 std::size_t at_most)
{
    const std::string& key = address.key();
    const auto split = [](std::string_view text) {
        const auto at = text.rfind('@');
        return std::pair(text.substr(0, at), text.substr(at + 1));
    };
    const auto [local, domain] = split(key);
    const std::size_t limit = std::clamp<std::size_t>(local.size() / 3, 1, 3);
    const Candidates candidates = organisation.empty() ? neighbours_in_domain(database, key, address.domain().key())
                                                       : neighbours_in_organisation(database, key, organisation);

    struct Found {
        std::size_t distance;
        const std::string* address;
    };
    std::vector<Found> found;
    for (const auto& [candidate, written] : candidates) {
        if (candidate == key) continue;
        const auto [other_local, other_domain] = split(candidate);
        const std::size_t distance = edit_distance(local, other_local, limit);
        if (distance <= limit) found.push_back({distance + (domain == other_domain ? 0U : 1U), &written});
    }
    std::ranges::sort(found, [](const Found& a, const Found& b) {
        return std::pair(a.distance, std::string_view(*a.address)) <
               std::pair(b.distance, std::string_view(*b.address));
    });
    std::vector<std::string> addresses;
    for (std::size_t i = 0; i < std::min(at_most, found.size()); ++i) addresses.push_back(*found[i].address);
    return addresses;
}

}  // namespace postern::directory
