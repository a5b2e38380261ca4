#include "gateway/recipients.hpp"

#include "base/text.hpp"
#include "gateway/facts.hpp"
#include "gateway/lists.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>

namespace postern::gateway {

namespace {

using vocabulary::Organisation;
using vocabulary::Suspension;

FaultBuilder unknown_domain(const policy::Snapshot& policy, const mail::Address& address)
{
    const auto& suffix = policy.community().suffix;
    const std::string written = to_lower(address.domain().text());
    std::vector<std::string> domains;
    for (const auto& organisation : policy.organisations())
        for (const auto& mapped : organisation.domains)
            // Only those that begin alike: comparing with thousands would hold up this thread's other sessions.
            if (mapped.secure.key().front() == written.front() && edit_distance(written, mapped.secure.key(), 3) <= 3)
                domains.push_back(mapped.secure.key());
    const auto near = nearest(written, domains);
    return fault(Retry::never, "no member has this domain")
        .about(address.text())
        .tell_peer(50, {1, 2},
                   near.empty() ? fmt::format("No member of {} has the domain {}", suffix.text(),
                                              printable(address.domain().text()))
                                : fmt::format("No member has the domain {}; did you mean {}?",
                                              printable(address.domain().text()), near));
}

FaultBuilder suffix_missing(const mail::Address& address, const mail::Address& inside, const Organisation& organisation)
{
    return fault(Retry::never, "suffix missing")
        .about(address.text())
        .tell_peer(50, {1, 1},
                   fmt::format("To write to {} by this service use <{}>: the suffix was missing", organisation.name,
                               inside.text()));
}

}  // namespace

Recipients::Async<Result<AcceptedRecipient>> Recipients::accept(const Transaction& transaction,
                                                                mail::Recipient recipient)
{
    const auto& policy = transaction.policy();
    // RFC 5321 section 4.5.1: Postmaster is whoever answers for the service.
    if (iequals(recipient.address.local(), "postmaster") &&
        iequals(recipient.address.domain().text(), policy.node().name))
        recipient.address = policy.community().operator_address;
    const auto owner = policy.owner_of(recipient.address.domain());
    if (!owner) co_return outside(transaction, std::move(recipient));
    if (!owner->organisation) co_return co_await at_suffix(transaction, std::move(recipient));

    AcceptedRecipient accepted{std::move(recipient), {}, {}, owner->organisation, {}, {}, {}};
    const auto inside = transform::inside(accepted.said.address, *owner->organisation);
    const auto own = transform::outside(accepted.said.address, *owner->organisation);
    if (!inside || !own) co_return unknown_domain(policy, accepted.said.address);
    if (!owner->inside) co_return suffix_missing(accepted.said.address, *inside, *owner->organisation);
    accepted.inside = *inside;
    accepted.hop_address = owner->organisation->kind == vocabulary::Kind::server ? own->text() : inside->text();
    if (auto may = may_receive(accepted); !may) co_return std::unexpected(may.error());
    auto there = co_await exists(accepted, *own, transaction);
    if (there) there = permit(accepted, transaction);
    if (!there) co_return std::unexpected(there.error());
    co_return accepted;
}

// Directly at the suffix, eric.brown@cjsm.net: mailbox members share it, so the directory says whose it is.
Recipients::Async<Result<AcceptedRecipient>> Recipients::at_suffix(const Transaction& transaction,
                                                                   mail::Recipient recipient)
{
    const auto& policy = transaction.policy();
    auto entry = co_await sources_.people.find(recipient.address);
    if (!entry) co_return std::unexpected(entry.error());
    const Organisation* organisation = *entry ? policy.organisation((*entry)->organisation) : nullptr;
    AcceptedRecipient accepted{std::move(recipient), {}, {}, organisation, {}, {}, {}};
    accepted.inside = accepted.said.address;
    accepted.hop_address = accepted.inside.text();
    if (!organisation) {
        Fault why = co_await unknown(accepted, accepted.inside);
        co_return std::unexpected(std::move(why));
    }
    if (auto may = may_receive(accepted); !may) co_return std::unexpected(may.error());
    auto there = co_await exists(accepted, accepted.inside, transaction);
    if (there) there = permit(accepted, transaction);
    if (!there) co_return std::unexpected(there.error());
    co_return accepted;
}

// Nothing leaves the community unless a route declares it.
Result<AcceptedRecipient> Recipients::outside(const Transaction& transaction, mail::Recipient recipient)
{
    const auto& policy = transaction.policy();
    AcceptedRecipient accepted{std::move(recipient), {}, {}, nullptr, {}, {}, {}};
    accepted.inside = accepted.said.address;
    accepted.hop_address = accepted.inside.text();
    if (accepted.inside.domain().is_below(policy.community().suffix.key()))
        return unknown_domain(policy, accepted.inside);
    const auto route =
        policy.route(facts_of(transaction, accepted, sources_.clock.now()), sources_.trail(accepted.inside.key()));
    if (!route) return std::unexpected(route.error());
    if (route->next_hop) {
        if (auto permitted = permit(accepted, transaction); !permitted) return std::unexpected(permitted.error());
        return accepted;
    }
    return fault(Retry::never, "outside the community")
        .about(accepted.inside.text())
        .tell_peer(
            50, {7, 1},
            fmt::format("<{}> is outside of this community, and mail does not leave it; members' addresses end in .{}",
                        printable(accepted.inside.text()), policy.community().suffix.text()));
}

Result<void> Recipients::may_receive(const AcceptedRecipient& accepted) const
{
    const auto& organisation = *accepted.organisation;
    const auto* suspension = organisation.suspension(sources_.clock.now());
    if (!suspension || suspension->kind != Suspension::Kind::sanction) return {};
    return fault(Retry::never, "recipient's organisation suspended")
        .about(accepted.inside.text())
        .tell_peer(50, {7, 1},
                   fmt::format("{} is suspended from this service and receives no mail", organisation.name));
}

Result<void> Recipients::permit(AcceptedRecipient& accepted, const Transaction& transaction) const
{
    const auto& policy = transaction.policy();
    const std::string key = accepted.inside.key();
    auto* trail = sources_.trail(key);
    const auto facts = facts_of(transaction, accepted, sources_.clock.now());
    if (auto may = policy.may_mail(facts, trail); !may) {
        ++sources_.metrics.permissions_refused;
        return may;
    }
    auto limit = policy.receiving_limit(facts, trail);
    if (!limit) return std::unexpected(limit.error());
    accepted.limit = std::move(*limit);
    const auto declared = transaction.sender.declared_size;
    if (accepted.organisation && declared && *declared > accepted.limit.bytes)
        return fault(Retry::never, "too large for the recipient")
            .about(accepted.inside.text())
            .tell_peer(52, {3, 4},
                       fmt::format("{} accepts at most {} for <{}>", accepted.limit.whose,
                                   vocabulary::print_size(accepted.limit.bytes), accepted.inside.text()));
    const auto rates = policy.rates(facts, trail);
    if (!rates) return std::unexpected(rates.error());
    auto taken = transaction.rates->take(*rates, key);
    if (!taken) ++sources_.metrics.rates_exceeded;
    return taken;
}

Recipients::Async<Result<void>> Recipients::exists(AcceptedRecipient& accepted, const mail::Address& own,
                                                   const Transaction& transaction)
{
    const auto& organisation = *accepted.organisation;
    auto entry = co_await sources_.people.find(own);
    if (!entry) co_return std::unexpected(entry.error());
    const bool listed = *entry && (*entry)->organisation == organisation.id;
    if (listed && (*entry)->status != vocabulary::EntryStatus::active &&
        (*entry)->status != vocabulary::EntryStatus::removed)
        co_return fault(Retry::never, "recipient not active")
            .about(accepted.inside.text())
            .tell_peer(50, {2, 1}, fmt::format("<{}> does not receive mail at present", accepted.inside.text()));
    if (listed && (*entry)->status == vocabulary::EntryStatus::active) {
        accepted.function = (*entry)->function;
        accepted.kind = vocabulary::name_of((*entry)->kind);
        if ((*entry)->kind == vocabulary::EntryKind::list)
            co_return co_await permit_list(accepted, *entry, transaction);
        co_return Result<void>{};
    }
    if (organisation.users == vocabulary::Users::any && !*entry) co_return Result<void>{};
    if (organisation.users == vocabulary::Users::ask && !*entry)
        co_return co_await ask_member(accepted, own, transaction);
    if (listed && !(*entry)->moved_to.empty())
        co_return fault(Retry::never, "recipient has moved")
            .about(accepted.inside.text())
            .tell_peer(51, {1, 6},
                       fmt::format("<{}> has moved; write to <{}>", accepted.inside.text(), (*entry)->moved_to));
    Fault why = co_await unknown(accepted, own);
    co_return std::unexpected(std::move(why));
}

Recipients::Async<Result<void>> Recipients::permit_list(AcceptedRecipient& accepted, vocabulary::DirectoryEntryPtr list,
                                                        const Transaction& transaction)
{
    accepted.hop_address = list_hop(list->address);
    auto may = co_await may_write_to_list(sources_.people, *list, transaction);
    if (!may) ++sources_.metrics.permissions_refused;
    co_return may;
}

// users: ask. The member's own server is asked once and its answer remembered; no answer defers.
Recipients::Async<Result<void>> Recipients::ask_member(const AcceptedRecipient& accepted, const mail::Address& own,
                                                       const Transaction& transaction)
{
    const auto& organisation = *accepted.organisation;
    const Instant now = sources_.clock.now();
    auto recalled = co_await sources_.people.recalled(own, now);
    if (!recalled) co_return std::unexpected(recalled.error());
    bool known = false;
    if (*recalled) {
        known = **recalled;
    } else {
        auto answer = co_await sources_.member_servers.knows(transaction.generation, *organisation.deliver_to, own);
        if (!answer) co_return std::unexpected(answer.error());
        known = *answer;
        const auto kept = known ? organisation.ask_remembers : organisation.ask_remembers_no;
        co_await sources_.people.remember(own, known, now + kept, now);
    }
    if (known) co_return Result<void>{};
    Fault why = co_await unknown(accepted, own);
    co_return std::unexpected(std::move(why));
}

Recipients::Async<Fault> Recipients::unknown(const AcceptedRecipient& accepted, const mail::Address& own)
{
    std::string text = fmt::format("There is no <{}>", printable(accepted.inside.text()));
    if (accepted.organisation) {
        auto similar = co_await sources_.people.similar(own, accepted.organisation->id, 1);
        std::string near;
        if (similar && !similar->empty())
            if (const auto address = mail::Address::parse(similar->front())) {
                const auto inside = transform::inside(*address, *accepted.organisation);
                near = inside ? inside->text() : address->text();
            }
        text += near.empty() ? fmt::format(" at {}", accepted.organisation->name)
                             : fmt::format("; did you mean <{}>?", near);
    }
    co_return fault(Retry::never, "unknown recipient")
        .about(accepted.inside.text())
        .tell_peer(50, {1, 1}, std::move(text));
}

}  // namespace postern::gateway
