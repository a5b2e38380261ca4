#include "control/entry_rules.hpp"

#include "base/text.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::control {

namespace {

using vocabulary::DirectoryEntry;
using vocabulary::EntryKind;

Result<void> belongs(const policy::Snapshot& policy, const DirectoryEntry& entry)
{
    const auto* organisation = policy.organisation(entry.organisation);
    if (!organisation) return fault(Retry::never, fmt::format("there is no organisation \"{}\"", entry.organisation));
    const auto owner = policy.owner_of(entry.address.domain());
    if (owner && owner->organisation == organisation) return {};
    const bool shared = organisation->kind == vocabulary::Kind::mailbox || entry.kind == EntryKind::list;
    if (owner && !owner->organisation && shared) return {};
    std::string domains;
    for (const auto& mapped : organisation->domains) domains += (domains.empty() ? "" : ", ") + mapped.domain.text();
    return fault(Retry::never,
                 fmt::format("{} is not in a domain of {} ({})", entry.address.text(), organisation->name, domains));
}

/// Why that address can't stand in a list or group; empty: it can.
std::string misplaced(const policy::Snapshot& policy, const DirectoryEntry& entry, const std::string& text)
{
    const auto address = mail::Address::parse(text);
    if (!address) return {};  // told elsewhere
    const auto owner = policy.owner_of(address->domain());
    if (!owner) return fmt::format("{} is outside of the community", printable(text, 100));
    if (entry.kind == EntryKind::group && owner->organisation && owner->organisation->id != entry.organisation)
        return fmt::format("{} is of {}, and a group's members are its organisation's own", printable(text, 100),
                           owner->organisation->name);
    return {};
}

}  // namespace

Result<void> fits_policy(const policy::Snapshot& policy, const DirectoryEntry& entry)
{
    if (auto ours = belongs(policy, entry); !ours) return ours;
    for (const auto& member : entry.members)
        if (auto why = misplaced(policy, entry, member.address); !why.empty())
            return fault(Retry::never, "the member " + why);
    for (const auto& sender : entry.named_senders)
        if (auto why = misplaced(policy, entry, sender); !why.empty()) return fault(Retry::never, "the sender " + why);
    if (auto why = misplaced(policy, entry, entry.moved_to); entry.kind != EntryKind::group && !why.empty())
        return fault(Retry::never, "the new address " + why);
    const auto owner = mail::Address::parse(entry.owner);
    if (owner && entry.kind == EntryKind::list)
        if (auto why = misplaced(policy, entry, entry.owner); !why.empty())
            return fault(Retry::never, "the owner " + why);
    return {};
}

bool speaks_for_service(const policy::Snapshot& policy, const mail::Address& address)
{
    // RFC 2142, and what people take for the service.
    static constexpr std::string_view names[] = {
        "abuse",      "admin",         "administrator", "alerts",  "helpdesk", "hostmaster", "info",
        "it",         "mailer-daemon", "no-reply",      "noc",     "noreply",  "operations", "operator",
        "postmaster", "root",          "security",      "service", "support",  "system",     "webmaster"};
    const auto owner = policy.owner_of(address.domain());
    if (!owner || owner->organisation) return false;
    return std::ranges::find(names, to_lower(address.local())) != std::end(names);
}

directory::EntryCheck entry_check(policy::SnapshotPtr policy)
{
    return [policy = std::move(policy)](const DirectoryEntry& entry) { return fits_policy(*policy, entry); };
}

std::string to_own_form(const policy::Snapshot& policy, const std::string& text)
{
    const auto address = mail::Address::parse(text);
    const auto owner = address ? policy.owner_of(address->domain()) : std::nullopt;
    if (!owner || !owner->organisation || !owner->inside) return text;
    const auto own = transform::outside(*address, *owner->organisation);
    return own ? own->text() : text;
}

void to_own_form(const policy::Snapshot& policy, DirectoryEntry& entry)
{
    for (auto& member : entry.members) member.address = to_own_form(policy, member.address);
    for (auto& sender : entry.named_senders) sender = to_own_form(policy, sender);
    if (!entry.owner.empty()) entry.owner = to_own_form(policy, entry.owner);
}

directory::EntryTerms entry_terms(const policy::Snapshot& policy, bool sure)
{
    return {.non_secure_rests = policy.logins().non_secure_rests, .look_alikes = sure && policy.look_alikes_asked()};
}

ports::LoginOwner login_owner(const policy::Snapshot& policy, const DirectoryEntry& entry, Instant at)
{
    ports::LoginOwner who{entry.address.text(), entry.organisation,
                          entry.non_secure_at(at, policy.logins().non_secure_rests)};
    const auto owner = policy.owner_of(entry.address.domain());
    if (!owner || !owner->organisation) return who;
    if (const auto inside = transform::inside(entry.address, *owner->organisation)) who.user = inside->text();
    return who;
}

}  // namespace postern::control
