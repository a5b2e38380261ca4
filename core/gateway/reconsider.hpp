// Deciding again what was taken: recipients whose verdict was put off, before any hand-over, and what people release
// from quarantine. Both under the generation in force, from the content and the ledger's record alone.
//
// Runs in the caller's coroutine, on its thread; stores nothing. What can't be decided now is Fault::later.
#pragma once

#include "gateway/services.hpp"
#include "gateway/sources.hpp"
#include "gateway/verdicts.hpp"
#include "store/mail_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <string>

namespace postern::gateway {

/// A delivery that has one recipient and no verdict that counts.
struct Undecided {
    GenerationPtr generation;
    std::shared_ptr<const store::MessageRecord> message;
    store::Content content;
    store::DeliveryRecord delivery;
    Ruling ruling;
};

class Reconsider {
public:
    Reconsider(Services services, Sources sources) : services_(services), sources_(sources) {}

    /// What is to be stored: `release`, `reason` and `actor` are left to the caller. Fault: later, the verdict is
    /// defer, or something that it needs is not available.
    [[nodiscard]] boost::asio::awaitable<Result<store::Redecision>> decide(Undecided what);

private:
    [[nodiscard]] boost::asio::awaitable<Result<Decided>> judge(const Undecided& what, Transaction& transaction,
                                                                const mail::Header& header);
    Services services_;
    Sources sources_;
};

}  // namespace postern::gateway
