// The way out: claim -> route -> send with edits -> record -> report.
//
// Shared by all delivery workers; each worker is a coroutine on one thread with a connection of its own. The policy is
// read anew at every attempt: suspension, route, TLS, limits of outgoing connections. Delivery is at-least-once: only
// between the peer's 250 and our next commit can a crash deliver twice.
#pragma once

#include "deliver/connection.hpp"
#include "gateway/delivery_decision.hpp"
#include "gateway/delivery_outcomes.hpp"
#include "gateway/list_copies.hpp"
#include "gateway/live_sources.hpp"
#include "gateway/reconsider.hpp"
#include "gateway/services.hpp"
#include "queue/courier.hpp"

#include <memory>

namespace postern::gateway {

class DeliverPath final : public queue::Courier {
public:
    explicit DeliverPath(Services services)
        : services_(services),
          sources_(services),
          reconsider_(services, sources_.sources()),
          list_copies_(sources_.sources()),
          outcomes_(services)
    {
    }

    [[nodiscard]] queue::Destination destination(const queue::Ready& ready) override;
    [[nodiscard]] boost::asio::awaitable<void> serve(queue::LanePtr lane) override;
    [[nodiscard]] boost::asio::awaitable<void> settle(queue::Ready ready) override;
    /// Mail held for an outage that is over goes on. Call after a reload and now and then.
    [[nodiscard]] boost::asio::awaitable<void> release_after_outages();

private:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    /// A connection and what it was opened for.
    struct Line {
        std::unique_ptr<deliver::Connection> connection;
        vocabulary::NextHop hop;
        bool worked = false;   ///< the last attempt to open one
        bool surplus = false;  ///< the worker is to end: the server takes no further connection
    };

    [[nodiscard]] Async<void> attempt(queue::Lane& lane, Line& line, queue::Ready ready);
    [[nodiscard]] Async<Result<deliver::TransactionResult>> send(queue::Lane& lane, Line& line,
                                                                 const Generation& generation, const Carry& carry,
                                                                 const queue::Ready& ready);
    [[nodiscard]] Async<Result<void>> connect(queue::Lane& lane, Line& line, const Generation& generation,
                                              const vocabulary::NextHop& hop);
    [[nodiscard]] Async<void> conclude(const Generation& generation, const Carry& carry, queue::Ready ready,
                                       const Line& line, Result<deliver::TransactionResult> result);
    [[nodiscard]] Async<void> settle_as(const Generation& generation, queue::Ready ready, Decision decision);
    [[nodiscard]] Async<void> decide_first(GenerationPtr generation, queue::Ready ready);
    [[nodiscard]] Async<void> expand(GenerationPtr generation, queue::Ready ready);
    [[nodiscard]] Async<Result<void>> read_content(queue::Ready& ready);

    Services services_;
    LiveSources sources_;
    Reconsider reconsider_;
    ListCopies list_copies_;
    Outcomes outcomes_;
};

}  // namespace postern::gateway
