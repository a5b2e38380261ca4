#include "gateway/lists.hpp"

#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <deque>

namespace postern::gateway {

namespace {

using vocabulary::DirectoryEntry;
using vocabulary::EntryKind;
using vocabulary::EntryStatus;
using vocabulary::ListSenders;

constexpr std::string_view mark = "list:";
constexpr std::size_t most_members = 50'000;

bool names(const std::vector<std::string>& addresses, const std::string& key)
{
    return std::ranges::any_of(addresses, [&](const std::string& text) {
        const auto address = mail::Address::parse(text);
        return address && address->key() == key;
    });
}

/// The sender's address in its member's own form, which the directory knows.
std::string sender_key(const Transaction& transaction)
{
    if (!transaction.inside_sender) return {};
    const auto own = transaction.organisation
                         ? transform::outside(*transaction.inside_sender, *transaction.organisation)
                         : std::nullopt;
    return own ? own->key() : transaction.inside_sender->key();
}

FaultBuilder not_for_you(const DirectoryEntry& list, std::string_view who)
{
    return fault(Retry::never, "the sender may not write to the list")
        .about(list.address.text())
        .tell_peer(50, {7, 2}, fmt::format("Only {} may write to the list <{}>", who, list.address.text()));
}

std::vector<mail::Address> addresses_of(const DirectoryEntry& list)
{
    std::vector<mail::Address> addresses;
    for (const auto& member : list.members)
        if (auto address = mail::Address::parse(member.address)) addresses.push_back(std::move(*address));
    return addresses;
}

}  // namespace

std::string list_hop(const mail::Address& own)
{
    return std::string(mark) + own.text();
}

bool is_list_hop(std::string_view hop_address) noexcept
{
    return hop_address.starts_with(mark);
}

Result<mail::Address> list_of_hop(std::string_view hop_address)
{
    return mail::Address::parse(hop_address.substr(std::min(mark.size(), hop_address.size())));
}

boost::asio::awaitable<Result<void>> may_write_to_list(ports::People& people, const DirectoryEntry& list,
                                                       const Transaction& transaction)
{
    const std::string sender = sender_key(transaction);
    if (sender.empty())
        co_return fault(Retry::never, "a report to a list")
            .about(list.address.text())
            .tell_peer(50, {7, 2}, "Reports don't go to a list; its owner gets them");
    if (names({list.owner}, sender)) co_return Result<void>{};
    switch (list.senders) {
        case ListSenders::community:
            co_return Result<void>{};
        case ListSenders::organisation:
            if (transaction.organisation != nullptr && transaction.organisation->id == list.organisation)
                co_return Result<void>{};
            co_return not_for_you(list, "people of its own organisation");
        case ListSenders::named:
            if (names(list.named_senders, sender)) co_return Result<void>{};
            co_return not_for_you(list, "those whom its owner names");
        case ListSenders::members:
            break;
    }
    auto expansion = co_await expand_list(people, list, nullptr);
    if (!expansion) co_return std::unexpected(expansion.error());
    const bool member =
        std::ranges::any_of(expansion->members, [&](const ListMember& one) { return one.own.key() == sender; });
    if (member) co_return Result<void>{};
    co_return not_for_you(list, "its members");
}

boost::asio::awaitable<Result<Expansion>> expand_list(ports::People& people, DirectoryEntry list,
                                                      const Transaction* asks)
{
    Expansion expansion;
    std::set<std::string> seen{list.address.key()};
    std::deque<DirectoryEntry> lists;
    lists.push_back(std::move(list));
    while (!lists.empty()) {
        const DirectoryEntry current = std::move(lists.front());
        lists.pop_front();
        auto addresses = addresses_of(current);
        const auto asked = addresses;
        auto entries = co_await people.find_all(std::move(addresses));
        if (!entries) co_return std::unexpected(entries.error());
        for (std::size_t i = 0; i < asked.size(); ++i) {
            if (!seen.insert(asked[i].key()).second) continue;
            const auto& entry = (*entries)[i];
            if (entry && entry->status != EntryStatus::active) {
                ++expansion.left_out;
                continue;
            }
            if (!entry || entry->kind != EntryKind::list) {
                expansion.members.push_back({asked[i], entry});
                continue;
            }
            if (asks != nullptr) {
                auto may = co_await may_write_to_list(people, *entry, *asks);
                if (!may && may.error().retry() == Retry::later) co_return std::unexpected(may.error());
                if (!may) {
                    ++expansion.left_out;
                    continue;
                }
            }
            lists.push_back(*entry);
        }
        if (expansion.members.size() > most_members)
            co_return fault(Retry::never, "the list has more than 50,000 members")
                .tell_peer(50, {5, 3}, "The list has too many members");
    }
    co_return expansion;
}

}  // namespace postern::gateway
