// What became of a delivery's recipients: put together, reported to their sender, logged, recorded in one commit.
//
// Shared by all delivery workers, each on its own thread. What a peer took is in no doubt once record() came back.
#pragma once

#include "deliver/connection.hpp"
#include "gateway/delivery_decision.hpp"
#include "gateway/reports.hpp"
#include "gateway/services.hpp"
#include "queue/courier.hpp"

#include <boost/asio/awaitable.hpp>

#include <vector>

namespace postern::gateway {

/// An outcome, and those of its recipients of whom their sender may be told.
struct Became {
    store::AttemptOutcome outcome;
    std::vector<Fate> fates;  ///< point into the delivery's recipients
};

class Outcomes {
public:
    explicit Outcomes(Services services) : services_(services) {}

    /// Without recipients yet; its next attempt is the one after a failure.
    [[nodiscard]] store::AttemptOutcome begin(const Generation& generation, const queue::Ready& ready) const;
    /// By what a next hop said of each. `connection` is null where it is gone already.
    [[nodiscard]] Became handed_over(const Generation& generation, const queue::Ready& ready, const Carry& carry,
                                     const deliver::Connection* connection,
                                     const deliver::TransactionResult& result) const;
    /// By what was decided without a next hop: given up, held, deferred.
    [[nodiscard]] Became settled(const Generation& generation, const queue::Ready& ready,
                                 const Decision& decision) const;
    /// Makes the reports, and says and stores it all. A storage error is waited out, since what a peer took would be
    /// sent again; only the engine's end gives up on it.
    [[nodiscard]] boost::asio::awaitable<void> record(const Generation& generation, const queue::Ready& ready,
                                                      Became became) const;

private:
    struct One {
        store::RecipientOutcome became;
        Fate fate;
        bool tell;  ///< whether its sender may be told of it now
    };
    [[nodiscard]] One one_handed_over(const Generation& generation, const queue::Ready& ready,
                                      const store::RecipientRecord& recipient, store::State state,
                                      const deliver::RecipientResult& got) const;
    [[nodiscard]] One one_settled(const Generation& generation, const queue::Ready& ready,
                                  const store::RecipientRecord& recipient, const Decision& decision) const;
    void add(Became& all, One one) const;
    [[nodiscard]] boost::asio::awaitable<void> commit(store::AttemptOutcome outcome) const;
    [[nodiscard]] bool is_overdue(const Generation& generation, const queue::Ready& ready) const;
    [[nodiscard]] bool delay_is_due(const Generation& generation, const queue::Ready& ready,
                                    const store::RecipientRecord& recipient) const;
    void note_activity(const Generation& generation, const store::RecipientRecord& recipient) const;
    void log_attempt(const queue::Ready& ready, const store::AttemptOutcome& outcome) const;
    void tell_of_unsent_alert(const queue::Ready& ready, const store::AttemptOutcome& outcome) const;

    Services services_;
};

}  // namespace postern::gateway
