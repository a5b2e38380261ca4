// The way out: claim -> route -> send with edits -> record -> report.
//
// Shared by all delivery workers; each worker is a coroutine on one thread with a connection of its own. The policy is
// read anew at every attempt: suspension, route, TLS, limits of outgoing connections. Delivery is at-least-once: only
// between the peer's 250 and our next commit can a crash deliver twice.
#pragma once

#include "deliver/connection.hpp"
#include "gateway/list_copies.hpp"
#include "gateway/live_sources.hpp"
#include "gateway/reconsider.hpp"
#include "gateway/reports.hpp"
#include "gateway/services.hpp"
#include "queue/courier.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace postern::gateway {

class DeliverPath final : public queue::Courier {
public:
    explicit DeliverPath(Services services)
        : services_(services),
          sources_(services),
          reconsider_(services, sources_.sources()),
          list_copies_(sources_.sources())
    {
    }

    [[nodiscard]] queue::Destination destination(const queue::Ready& ready) override;
    [[nodiscard]] boost::asio::awaitable<void> serve(queue::LanePtr lane) override;
    [[nodiscard]] boost::asio::awaitable<void> settle(queue::Ready ready) override;
    /// Mail held for an outage that is over goes on. Call after a reload and now and then.
    [[nodiscard]] boost::asio::awaitable<void> release_after_outages();
    /// Senders who asked for a report of delivery, and whose recipients' servers took the mail and say nothing, are
    /// told what is known. Call now and then.
    [[nodiscard]] boost::asio::awaitable<void> answer_for_the_silent();

private:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    /// What is to be done with a delivery now.
    struct GiveUp {
        store::State state;  ///< failed or expired
        std::string reply;
        std::string reason;  ///< plain words for the report; may be empty
    };
    struct Hold {
        std::string reason;
        std::string words;  ///< for the sender
    };
    struct Defer {
        Fault why;
    };
    struct Carry {
        vocabulary::NextHop hop;
        std::vector<std::size_t> recipients;  ///< indices of those whose route this is; the others follow
    };
    /// Its verdict was put off: it comes first, whatever else may be said.
    struct DecideFirst {};
    /// It is a list's: its members get a copy instead.
    struct Expand {};
    using Decision = std::variant<Carry, Hold, GiveUp, Defer, DecideFirst, Expand>;

    /// A connection and what it was opened for.
    struct Line {
        std::unique_ptr<deliver::Connection> connection;
        vocabulary::NextHop hop;
        bool worked = false;   ///< the last attempt to open one
        bool surplus = false;  ///< the worker is to end: the server takes no further connection
    };

    [[nodiscard]] Decision decide(const Generation& generation, const queue::Ready& ready) const;
    [[nodiscard]] Decision carry_on_one_route(const Generation& generation, const queue::Ready& ready) const;
    [[nodiscard]] Result<policy::RouteOrder> route(const Generation& generation, const queue::Ready& ready,
                                                   const store::RecipientRecord& recipient) const;
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
    [[nodiscard]] Async<void> record(store::AttemptOutcome outcome);
    [[nodiscard]] Async<Result<void>> read_content(queue::Ready& ready);
    [[nodiscard]] store::AttemptOutcome outcome_of(const Generation& generation, const queue::Ready& ready) const;
    [[nodiscard]] Instant next_attempt(const Generation& generation, unsigned attempts) const;
    [[nodiscard]] bool is_overdue(const Generation& generation, const queue::Ready& ready) const;
    [[nodiscard]] bool delay_is_due(const Generation& generation, const queue::Ready& ready,
                                    const store::RecipientRecord& recipient) const;
    [[nodiscard]] store::Answered answer_to(const Generation& generation, const store::Trace& trace) const;
    void tell_of_unsent_alert(const queue::Ready& ready, const store::AttemptOutcome& outcome) const;
    void note_activity(const Generation& generation, const store::RecipientRecord& recipient) const;
    void log_attempt(const queue::Ready& ready, const store::AttemptOutcome& outcome) const;

    Services services_;
    LiveSources sources_;
    Reconsider reconsider_;
    ListCopies list_copies_;
};

}  // namespace postern::gateway
