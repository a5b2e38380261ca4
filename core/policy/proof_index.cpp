#include "policy/proof_index.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace postern::policy {

namespace {

using vocabulary::CertificateProof;
using vocabulary::Ip;
using vocabulary::Network;
using vocabulary::Organisation;

Ip last_of(const Network& network)
{
    Ip last = network.base;
    for (unsigned i = 0; i < 16; ++i) {
        const unsigned kept = network.bits <= i * 8 ? 0 : std::min(8u, network.bits - i * 8u);
        last.bytes[i] = static_cast<std::uint8_t>(last.bytes[i] | (0xFF >> kept));
    }
    return last;
}

/// One network that a member may come from; no networks declared is the one that holds all.
struct Door {
    Network network;
    std::uint32_t organisation = 0;
    std::uint32_t place = 0;  ///< index in its list of networks
};

std::vector<Door> doors_of(const std::vector<Organisation>& organisations)
{
    std::vector<Door> doors;
    for (std::uint32_t o = 0; o < organisations.size(); ++o) {
        const auto& proof = organisations[o].connects_from;
        if (!proof || (proof->networks.empty() && !proof->certificate)) continue;
        if (proof->networks.empty()) doors.push_back({{{}, 0}, o, 0});
        for (std::uint32_t n = 0; n < proof->networks.size(); ++n) doors.push_back({proof->networks[n], o, n});
    }
    // Enclosing networks first.
    std::ranges::sort(doors, [](const Door& a, const Door& b) {
        return std::tie(a.network.base, a.network.bits, a.organisation) <
               std::tie(b.network.base, b.network.bits, b.organisation);
    });
    return doors;
}

/// Doors that hold the address being looked at, by what certificate they ask for besides.
class OpenDoors {
public:
    explicit OpenDoors(const std::vector<Organisation>& organisations) : organisations_(organisations) {}

    void enter(const Door& door) { doors_[group(door.organisation)].push_back(&door); }
    void leave(const Door& door)
    {
        const auto list = doors_.find(group(door.organisation));
        if (list == doors_.end()) return;
        std::erase(list->second, &door);
        if (list->second.empty()) doors_.erase(list);
    }

    /// A door of another member through which one and the same connection could come, or null. Different names,
    /// and different digests, exclude each other; a name and a digest do not, and no certificate excludes nothing.
    [[nodiscard]] const Door* conflict(const Door& door) const
    {
        const auto own = group(door.organisation);
        const auto other_kinds = own.first == none      ? std::array{by_name, by_digest}
                                 : own.first == by_name ? std::array{none, by_digest}
                                                        : std::array{none, by_name};
        for (const auto kind : other_kinds)
            if (const auto at = doors_.lower_bound({kind, {}}); at != doors_.end() && at->first.first == kind)
                return at->second.front();
        const auto same = doors_.find(own);
        if (same == doors_.end()) return nullptr;
        for (const auto* other : same->second)
            if (other->organisation != door.organisation) return other;
        return nullptr;
    }

private:
    enum Kind { none, by_name, by_digest };
    using Group = std::pair<Kind, std::string_view>;

    [[nodiscard]] Group group(std::uint32_t organisation) const
    {
        const auto& certificate = organisations_[organisation].connects_from->certificate;
        if (!certificate) return {none, {}};
        return certificate->name.empty() ? Group{by_digest, certificate->sha256} : Group{by_name, certificate->name};
    }

    const std::vector<Organisation>& organisations_;
    std::map<Group, std::vector<const Door*>> doors_;
};

void report(const PolicyFiles& files, const Door& mine, const Door& other, Diagnostics& diagnostics)
{
    const auto& file = files.organisations[mine.organisation];
    const auto& networks = file.document->networks;
    const auto& place = mine.place < networks.size() ? networks[mine.place] : file.document->proof;
    const auto& first = files.organisations[other.organisation];
    Source(file.file, file.bytes, diagnostics)
        .error(place,
               fmt::format("one connection could prove both \"{}\" and \"{}\"", file.document->organisation.id,
                           first.document->organisation.id),
               fmt::format(
                   "their networks overlap ({}:{}): give both different certificate names, or both different digests",
                   first.file, first.document->proof.line));
}

/// Enough to see what is wrong; a mistake in one wide network would otherwise name every member.
constexpr std::size_t most_conflicts = 100;

void find_conflicts(const PolicyFiles& files, const std::vector<Organisation>& organisations, Diagnostics& diagnostics)
{
    const auto doors = doors_of(organisations);
    OpenDoors open(organisations);
    std::vector<const Door*> enclosing;
    std::size_t conflicts = 0;
    for (const auto& door : doors) {
        while (!enclosing.empty() && !enclosing.back()->network.contains(door.network.base)) {
            open.leave(*enclosing.back());
            enclosing.pop_back();
        }
        if (const auto* other = open.conflict(door)) {
            report(files, door, *other, diagnostics);
            if (++conflicts >= most_conflicts) return;
        }
        open.enter(door);
        enclosing.push_back(&door);
    }
}

}  // namespace

void ProofIndex::build(const PolicyFiles& files, const std::vector<Organisation>& organisations,
                       Diagnostics& diagnostics)
{
    organisations_ = &organisations;
    find_conflicts(files, organisations, diagnostics);
    for (std::uint32_t o = 0; o < organisations.size(); ++o) {
        const auto& proof = organisations[o].connects_from;
        if (!proof) continue;
        anywhere_ |= proof->networks.empty();
        if (proof->certificate && !proof->certificate->name.empty()) by_name_.emplace(proof->certificate->name, o);
        if (proof->certificate && !proof->certificate->sha256.empty())
            by_sha256_.emplace(proof->certificate->sha256, o);
    }
    index_ranges();
}

void ProofIndex::index_ranges()
{
    const auto add = [](std::vector<Range>& ranges, const Door& door) {
        const Range range{door.network.base, last_of(door.network), door.organisation};
        // Networks are nested or apart: one within its forerunner adds nothing.
        if (ranges.empty() || ranges.back().last < range.first) ranges.push_back(range);
    };
    for (const auto& door : doors_of(*organisations_)) {
        const auto& proof = *(*organisations_)[door.organisation].connects_from;
        if (!proof.networks.empty()) add(all_, door);
        if (!proof.networks.empty() && !proof.certificate) add(by_network_, door);
    }
}

const ProofIndex::Range* ProofIndex::holding(const std::vector<Range>& ranges, const Ip& ip) noexcept
{
    const auto behind = std::ranges::upper_bound(ranges, ip, {}, &Range::first);
    if (behind == ranges.begin()) return nullptr;
    const auto& range = *std::prev(behind);
    return ip <= range.last ? &range : nullptr;
}

Membership ProofIndex::membership(const Shown& shown) const noexcept
{
    Membership answer;
    const auto consider = [&](std::uint32_t index) {
        const auto& organisation = (*organisations_)[index];
        const auto& networks = organisation.connects_from->networks;
        const bool there =
            networks.empty() || std::ranges::any_of(networks, [&](const Network& n) { return n.contains(shown.peer); });
        if (!there || answer.organisation == &organisation) return;
        answer.answer = answer.organisation == nullptr ? Membership::Answer::member : Membership::Answer::ambiguous;
        if (answer.organisation == nullptr) answer.organisation = &organisation;
    };
    const auto consider_all = [&](const auto& index, std::string_view key) {
        const auto [first, last] = index.equal_range(key);
        for (auto at = first; at != last; ++at) consider(at->second);
    };
    if (shown.certificate_trusted)
        for (const auto& name : shown.certificate_names) consider_all(by_name_, name);
    if (!shown.certificate_sha256.empty()) consider_all(by_sha256_, shown.certificate_sha256);
    if (const auto* range = holding(by_network_, shown.peer)) consider(range->organisation);
    if (answer.answer == Membership::Answer::ambiguous) answer.organisation = nullptr;
    return answer;
}

bool ProofIndex::could_enter(const Ip& peer) const noexcept
{
    return anywhere_ || holding(all_, peer) != nullptr;
}

}  // namespace postern::policy
