// Distribution lists: who may write to one, and who its members are.
//
// A list is accepted like any recipient and handed to nobody: the way out expands it (gateway/list_copies). Look-ups
// that are unavailable defer. Runs in the caller's coroutine.
#pragma once

#include "gateway/transaction.hpp"
#include "ports/people.hpp"

#include <boost/asio/awaitable.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace postern::gateway {

/// What stands in place of a hop's address for a list: "list:duty@northshire.police.example".
[[nodiscard]] std::string list_hop(const mail::Address& own);
[[nodiscard]] bool is_list_hop(std::string_view hop_address) noexcept;
/// The list's address in its own form. Fault (never): it is none.
[[nodiscard]] Result<mail::Address> list_of_hop(std::string_view hop_address);

struct ListMember {
    mail::Address own;                    ///< in the member's own form
    vocabulary::DirectoryEntryPtr entry;  ///< null: not listed (its member has users: any or ask)
};

struct Expansion {
    std::vector<ListMember> members;  ///< each once, whatever ways lead to them; lists among them are expanded
    std::size_t left_out = 0;         ///< not active, or behind a list that this sender may not write to
};

/// Whether the transaction's sender may write to the list. Its owner always may. Fault: 5.7.2, or later.
[[nodiscard]] boost::asio::awaitable<Result<void>> may_write_to_list(ports::People& people,
                                                                     const vocabulary::DirectoryEntry& list,
                                                                     const Transaction& transaction);

/// Members of a list and of the lists in it. `asks`: inner lists count only where its sender may write to them; null:
/// all count. Fault (never): there are more than 50,000; (later): the directory can't be asked.
[[nodiscard]] boost::asio::awaitable<Result<Expansion>> expand_list(ports::People& people,
                                                                    vocabulary::DirectoryEntry list,
                                                                    const Transaction* asks);

}  // namespace postern::gateway
