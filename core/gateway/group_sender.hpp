// Mail in a group's name: who may send it.
//
// A member's server proves the member and not the person. So who sends as a group is the person whom Sender names, or
// the envelope sender where that is a person; they need Mail of the group. Where neither names a person,
// permissions.yaml `group_sender: not_named` decides, and the audit says that no person was proved. That nobody of
// another organisation uses the address is what From must agree with already.
#pragma once

#include "gateway/sources.hpp"
#include "gateway/transaction.hpp"
#include "mail/header.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

namespace postern::gateway {

/// Mail in whose name, and who sends it.
struct GroupUse {
    std::string group;         ///< its address, in its own form
    std::string organisation;  ///< its organisation's id
    std::string person;        ///< own form; empty: nobody is named
    std::optional<Fault> refusal;
};

/// Nothing: From and Sender name no group. Fault (later): the directory can't be asked.
[[nodiscard]] boost::asio::awaitable<Result<std::optional<GroupUse>>> group_use(ports::People& people,
                                                                                const Transaction& transaction,
                                                                                const mail::Header& header);

}  // namespace postern::gateway
