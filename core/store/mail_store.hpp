// mail.db: spool, queue and ledger behind typed calls; the only place with SQL about mail.
//
// One writer thread commits everything that waits in one transaction (WAL, synchronous=FULL), so that many
// messages share a flush; readers use connections of their own on a small pool. Every call is awaitable from any
// I/O thread and completes on the caller's executor. A storage error is Fault::later and raises `failing()`.
#pragma once

#include "store/generation_records.hpp"
#include "store/mail_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <functional>
#include <memory>

namespace postern::store {

struct MailStoreOptions {
    std::filesystem::path directory;              ///< created if missing, 0700
    std::uint64_t body_in_database = 256 * 1024;  ///< bytes; larger contents are files, synced before their row
    std::string owner = "postern";                ///< of claims
    const Clock* clock = nullptr;  ///< of events that no caller dates; none: the system's. Outlives the store
};

class MailStore {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    /// Opens or creates, migrates, takes an exclusive lock on the directory, frees claims of an earlier run,
    /// removes body files without a row. Blocking; call at start. Fault: another engine runs, no permission,
    /// a newer schema, corruption; each says what to do.
    [[nodiscard]] static Result<std::unique_ptr<MailStore>> open(MailStoreOptions options);
    /// Finishes what was submitted. No call may be under way, and the contexts of earlier callers must still be there.
    ~MailStore();

    /// Durable when it returns: content, deliveries, recipients and the "received" events. With `claim`, the
    /// deliveries come back with their ids, claimed by this process until `lease_until`; without, they wait until
    /// their `due` (zero: due now). Held deliveries, and those due later than now, are never claimed and do not come
    /// back.
    /// `also`: messages that this one causes (reports, notices), in the same commit; they wait until due.
    [[nodiscard]] Async<Result<std::vector<DeliveryRecord>>> commit(NewMessage message,
                                                                    std::optional<Instant> lease_until,
                                                                    std::vector<NewMessage> also = {});

    /// Claims up to `limit` deliveries that are due, oldest due first: also held ones whose time is over, which go on,
    /// and quarantined ones whose time is over, which are to be given up.
    [[nodiscard]] Async<Result<std::vector<QueuedDelivery>>> claim(Instant now, Instant lease_until, std::size_t limit);
    /// When the next unclaimed delivery is due, if any.
    [[nodiscard]] Async<Result<std::optional<Instant>>> next_due();
    /// Gives claims back without an attempt (shutdown, destination busy or down), due at `due`.
    [[nodiscard]] Async<Result<void>> unclaim(std::vector<std::int64_t> deliveries, Instant due);
    [[nodiscard]] Async<Result<Content>> content(std::string message_id);

    /// Records an attempt; frees the claim; when a message has no open recipient left, its content goes. Recorded
    /// again, it changes nothing. May wait 3 ms for a commit to share: nobody at a socket should wait for it.
    [[nodiscard]] Async<Result<void>> record(AttemptOutcome outcome);

    // --- verdicts -------------------------------------------------------------------------------------------------
    /// Carries out what was decided again, in one commit. False: it was not where the decision found it (released
    /// before, deleted, or its claim has lapsed), and nothing was changed.
    [[nodiscard]] Async<Result<bool>> redecide(Redecision what);
    /// Gives up what is in quarantine, with `reason` for the reports to their senders; number of deliveries. An event.
    [[nodiscard]] Async<Result<std::size_t>> discard(std::string message_id, std::string reason, std::string actor);
    /// Keeps who asks for an act that needs two people ("release_quarantine"), until that act is done. An event each.
    [[nodiscard]] Async<Result<Consent>> consent(std::string message_id, std::string act, std::string actor,
                                                 std::string reason, Instant now);
    /// Whether that recipient got anything from that sender, as far back as the sender's newest 5,000 messages. Both in
    /// their form inside the community.
    [[nodiscard]] Async<Result<bool>> has_reached(std::string sender, std::string recipient);

    // --- reports that come back -----------------------------------------------------------------------------------
    /// RecipientRecord::id of the recipient that a report means, to whom that organisation's system was handed the
    /// message; the newest of several. Nothing: no such mail was handed over to it.
    [[nodiscard]] Async<Result<std::optional<std::int64_t>>> handed_over(HandedOver what);
    /// Messages whose senders wait for an answer that is due, at most `limit`; of each only the recipients that it is
    /// due for.
    [[nodiscard]] Async<Result<std::vector<Trace>>> answers_due(Instant now, std::size_t limit);
    /// Stores the answers, unless something was heard of all these recipients meanwhile. False: that was so.
    [[nodiscard]] Async<Result<bool>> answer(Answered what);

    // --- acts of administrators; each is an event with its actor -------------------------------------------
    [[nodiscard]] Async<Result<std::vector<QueueEntry>>> list(QueueFilter filter);
    /// Number of deliveries changed. A claimed delivery (an attempt is under way) is changed when it comes back.
    [[nodiscard]] Async<Result<std::size_t>> retry(QueueFilter filter, Instant now, std::string actor);
    [[nodiscard]] Async<Result<std::size_t>> hold(QueueFilter filter, std::string reason, std::string actor);
    [[nodiscard]] Async<Result<std::size_t>> release(QueueFilter filter, Instant now, std::string actor);
    [[nodiscard]] Async<Result<std::size_t>> remove(QueueFilter filter, std::string actor);
    /// Marks the deliveries due now and to be given up at the attempt, with `reason` for the sender's report.
    [[nodiscard]] Async<Result<std::size_t>> bounce(QueueFilter filter, std::string reason, std::string actor);
    /// Organisations that have mail held for this reason.
    [[nodiscard]] Async<Result<std::vector<std::string>>> organisations_held(std::string hold_reason);
    /// Releases everything held for an organisation with the given hold reason (end of an outage).
    [[nodiscard]] Async<Result<std::size_t>> release_organisation(std::string organisation, std::string hold_reason,
                                                                  Instant now);

    /// Takes a message that is through out of the ledger as well: the service's own, which is nobody's history. Fault
    /// (never): it is in the queue still, or there is none.
    [[nodiscard]] Async<Result<void>> forget(std::string message_id);

    // --- the ledger --------------------------------------------------------------------------------------------
    [[nodiscard]] Async<Result<std::vector<Trace>>> trace(TraceFilter filter);
    [[nodiscard]] Async<Result<QueueTotals>> totals();
    /// Takes what became of messages from before `until` out of the ledger, where nothing of them waits any more;
    /// number of messages. In steps that hold the writer for milliseconds, with longer pauses, so that mail passes in
    /// between; begins no step after `longest`, and what is left waits for the next call.
    [[nodiscard]] Async<Result<std::size_t>> purge(Instant until, Duration longest);
    /// When the first message that the ledger knows was received, if any.
    [[nodiscard]] Async<Result<std::optional<Instant>>> oldest_in_ledger();

    // --- generations -------------------------------------------------------------------------------------------
    /// In order of number. `_now`, and all others that are no Async: blocking, for the reloading thread.
    [[nodiscard]] Async<Result<std::vector<GenerationRecord>>> generations();
    [[nodiscard]] Result<std::vector<GenerationRecord>> generations_now();
    [[nodiscard]] Result<std::uint64_t> newest_generation();
    /// Durable when it returns. Its objects are there already.
    [[nodiscard]] Result<void> add_generation(GenerationRecord record);
    [[nodiscard]] Result<void> end_trial(std::uint64_t generation, Trial how);
    [[nodiscard]] Result<void> drop_generations(std::vector<std::uint64_t> numbers);
    /// Those that are there already stay as they are.
    [[nodiscard]] Result<void> keep_objects(const std::vector<PolicyObject>& objects);
    /// Those of these digests that are there.
    [[nodiscard]] Async<Result<std::vector<PolicyObject>>> objects(std::vector<std::string> digests);
    [[nodiscard]] Result<std::vector<PolicyObject>> objects_now(std::vector<std::string> digests);
    [[nodiscard]] Result<std::vector<std::string>> object_digests();
    [[nodiscard]] Result<void> drop_objects(const std::vector<std::string>& digests);

    // --- backup --------------------------------------------------------------------------------------------------
    /// As long as this lives no body file goes: those that a copy of mail.db made meanwhile names are all there. What
    /// is delivered meanwhile loses its body afterwards. Any thread; the store must outlive it.
    [[nodiscard]] std::shared_ptr<void> keep_bodies();

    /// Whether the last write failed: intake answers 452 until a write succeeds again (probed by the store once a
    /// second).
    [[nodiscard]] bool failing() const noexcept;

    struct Counters {
        std::uint64_t commits = 0;  ///< database transactions
        std::uint64_t jobs = 0;     ///< calls that shared them
        std::uint64_t failures = 0;
    };
    [[nodiscard]] Counters counters() const noexcept;

private:
    friend class AlertStore;
    struct Impl;
    explicit MailStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace postern::store
