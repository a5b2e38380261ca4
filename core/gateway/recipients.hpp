// Whether a recipient exists, may be written to, and how its next hop knows it; and, if not, a text that teaches.
//
// Runs in the session's coroutine, on its thread, under the transaction's generation. A look-up that is unavailable
// defers (4xx), never accepts.
#pragma once

#include "gateway/sources.hpp"
#include "gateway/transaction.hpp"

#include <boost/asio/awaitable.hpp>

namespace postern::gateway {

class Recipients {
public:
    explicit Recipients(Sources sources) : sources_(sources) {}

    /// What counts for it of limits.yaml `rates:` is taken into the transaction's book.
    /// Faults: 5.1.1 unknown or suffix missing (with the address to use), 5.1.2 no such domain, 5.7.1 outside or
    /// suspended, 5.2.1 not active, 5.3.4 too large for this recipient (SIZE said so), what
    /// permissions.yaml and rates say, 4.x unavailable.
    [[nodiscard]] boost::asio::awaitable<Result<AcceptedRecipient>> accept(const Transaction& transaction,
                                                                           mail::Recipient recipient);

private:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    [[nodiscard]] Async<Result<AcceptedRecipient>> at_suffix(const Transaction& transaction, mail::Recipient recipient);
    [[nodiscard]] Result<AcceptedRecipient> outside(const Transaction& transaction, mail::Recipient recipient);
    [[nodiscard]] Async<Result<void>> exists(AcceptedRecipient& accepted, const mail::Address& own,
                                             const Transaction& transaction);
    /// Whether this sender may write to this list; it is then handed to nobody but expanded.
    [[nodiscard]] Async<Result<void>> permit_list(AcceptedRecipient& accepted, vocabulary::DirectoryEntryPtr list,
                                                  const Transaction& transaction);
    [[nodiscard]] Async<Result<void>> ask_member(const AcceptedRecipient& accepted, const mail::Address& own,
                                                 const Transaction& transaction);
    [[nodiscard]] Async<Fault> unknown(const AcceptedRecipient& accepted, const mail::Address& own);
    [[nodiscard]] Result<void> may_receive(const AcceptedRecipient& accepted) const;
    /// What only who is known to exist is asked: permission, size, rates.
    [[nodiscard]] Result<void> permit(AcceptedRecipient& accepted, const Transaction& transaction) const;

    Sources sources_;
};

}  // namespace postern::gateway
