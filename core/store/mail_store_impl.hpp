// What MailStore is made of; for the files of MailStore only.
//
// `numbers` and everything that takes a Database& for writing belong to the writer's thread (before that, to open()).
#pragma once

#include "store/body_files.hpp"
#include "store/directory_lock.hpp"
#include "store/glob.hpp"
#include "store/mail_rows.hpp"
#include "store/mail_store.hpp"
#include "store/reserve.hpp"
#include "store/tally.hpp"
#include "store/workers.hpp"
#include "store/writer.hpp"

#include <mutex>

namespace postern::store {

/// A NewMessage made ready on the caller's thread: what can be done before the writer's turn is done.
struct Incoming {
    NewMessage message;
    std::vector<std::string> edits;  ///< encoded, one for each delivery
    std::optional<Instant> lease;
    Instant now{};
    bool in_file = false;
    std::vector<bool> claimed;  ///< for each delivery; set by the insertion
};
[[nodiscard]] std::shared_ptr<Incoming> prepare(NewMessage message, std::optional<Instant> lease, Instant now,
                                                std::uint64_t body_in_database);

struct EventRow {
    Instant at{};
    EventKind kind = EventKind::attempt;
    std::int64_t recipient = 0;
    std::optional<State> state{};
    std::uint64_t generation = 0;
    std::string_view next_hop{}, tls{}, reply{}, actor{};
    std::optional<vocabulary::Heard> heard{};  ///< of `reported`, in place of a state
};

/// Threads that only touch body files own nothing.
struct Nothing {};
using FileWorkers = Workers<Nothing>;

enum class Act { retry, hold, release, remove, bounce, discard };

struct MailStore::Impl {
    Impl(MailStoreOptions given, DirectoryLock lock);

    // --- at open (mail_store.cpp) ---
    [[nodiscard]] Result<void> start();
    void free_claims(Database& database);
    void count(Database& database);
    [[nodiscard]] Result<void> sweep_bodies(Database& database);
    [[nodiscard]] Result<void> probe(Database& database) const;
    [[nodiscard]] Instant now() const;

    // --- spool (mail_store_spool.cpp) ---
    void insert(Database& database, Incoming& incoming);
    void insert_recipient(Database& database, std::int64_t message, RecipientRecord& recipient, Instant received);
    void insert_delivery(Database& database, std::int64_t message, Incoming& incoming, std::size_t index);
    void note_verdict(Database& database, std::int64_t message, const DeliveryRecord& delivery,
                      const RecipientRecord& recipient, const MessageRecord& about);
    /// Bodies of those that are files; on a fault, none is left.
    [[nodiscard]] Async<Result<void>> write_bodies(const std::vector<std::shared_ptr<Incoming>>& also);
    /// Messages that another message or attempt causes, with an event about each at that one.
    void insert_caused(Database& database, std::int64_t by, const std::vector<std::shared_ptr<Incoming>>& also,
                       Instant at, std::uint64_t generation);
    [[nodiscard]] Async<Result<void>> write_body(std::shared_ptr<Incoming> incoming);
    [[nodiscard]] Result<Content> read_content(Database& database, const std::string& id) const;

    // --- queue (mail_store_queue.cpp) ---
    [[nodiscard]] std::vector<QueuedDelivery> claim(Database& database, Instant now, Instant lease_until,
                                                    std::size_t limit);
    [[nodiscard]] bool record(Database& database, const AttemptOutcome& outcome,
                              const std::vector<std::shared_ptr<Incoming>>& reports);
    /// Removes the body files of reports that were not stored after all.
    void forget_bodies(const std::vector<std::shared_ptr<Incoming>>& reports);
    [[nodiscard]] bool apply_outcomes(Database& database, const AttemptOutcome& outcome, const DeliveryRow& row);
    /// Ends a claim: what an administrator asked for meanwhile takes effect, else it waits until `due`. Returns
    /// whether it waits.
    bool come_back(Database& database, const DeliveryRow& row, Instant at, Instant due, unsigned attempts);
    void keep_waiting(Database& database, const DeliveryRow& row, Instant due, unsigned attempts);
    void keep_quarantined(Database& database, const DeliveryRow& row);
    /// Its time is over, and it goes on.
    void leave_hold(Database& database, DeliveryRow& row, Instant at);
    void keep_held(Database& database, const DeliveryRow& row, Instant at, const std::string& reason,
                   unsigned attempts);
    /// Every open recipient gets `state`; the delivery goes, and the content with the message's last.
    void close(Database& database, const DeliveryRow& row, Instant at, State state);
    void settle(Database& database, const DeliveryRow& row);
    void move_recipients(Database& database, const DeliveryRow& row, State state, Instant at);

    // --- verdicts (mail_store_quarantine.cpp) ---
    [[nodiscard]] bool redecide(Database& database, const Redecision& what, const std::string& edits,
                                const std::vector<std::shared_ptr<Incoming>>& also);
    void replan(Database& database, const DeliveryRow& row, const Redecision& what, const std::string& edits);
    void discard(Database& database, const DeliveryRow& row, Instant at, const std::string& reason);

    // --- acts (mail_store_admin.cpp) ---
    [[nodiscard]] bool act(Database& database, std::int64_t delivery, Act what, Instant at, const std::string& reason,
                           const std::string& actor);
    void note_act(Database& database, const DeliveryRow& row, EventKind kind, Instant at, std::string_view reason,
                  std::string_view actor);
    [[nodiscard]] Async<Result<std::size_t>> act_on(std::vector<std::int64_t> deliveries, Act what, Instant at,
                                                    std::string reason, std::string actor);
    [[nodiscard]] Async<Result<std::size_t>> act_on(QueueFilter filter, Act what, Instant at, std::string reason,
                                                    std::string actor);

    // --- reports that come back (mail_store_reports.cpp) ---
    void note_heard(Database& database, const NewMessage& report);
    [[nodiscard]] bool answer(Database& database, const Answered& what,
                              const std::vector<std::shared_ptr<Incoming>>& reports);

    // --- ledger (mail_store_ledger.cpp) ---
    void add_event(Database& database, std::int64_t message, const EventRow& event);
    void count_later(Database& database, TallyChange change);
    /// The delivery itself: +1 as it stands, or -1.
    void count_delivery(Database& database, std::string organisation, Stage stage, bool held, int change);

    struct Numbers {
        std::int64_t message = 1, recipient = 1, delivery = 1, event = 1;
    };

    // --- bodies that a backup reads (mail_store.cpp) ---
    /// A message's last delivery is gone, and with it its body; while somebody keeps bodies, when they are done.
    void drop_body(const std::string& id);
    void release_bodies();
    struct KeptBodies {
        std::mutex mutex;
        unsigned keepers = 0;              ///< under mutex
        std::vector<std::string> leaving;  ///< under mutex
    };

    MailStoreOptions options;
    DirectoryLock lock;
    Reserve reserve;
    SystemClock system_clock;
    BodyFiles bodies;
    KeptBodies kept_bodies;
    Numbers numbers;
    Tally tally;
    // The writer goes first: its last commits may still hand work to the others.
    std::unique_ptr<FileWorkers> files;
    std::unique_ptr<Readers> readers;       ///< contents, totals: short
    std::unique_ptr<Readers> long_readers;  ///< list and trace: may take seconds, and must not keep contents waiting
    std::unique_ptr<Writer> writer;
};

/// A message that this store makes itself is of one of these kinds for whom it is about.
[[nodiscard]] EventKind kind_of_caused(const MessageRecord& message) noexcept;

/// A message's whole history by its number.
[[nodiscard]] Trace load_trace(Database& database, std::int64_t number);

/// Numbers of the deliveries that match, oldest message first, at most filter.limit.
[[nodiscard]] std::vector<std::int64_t> select_deliveries(Database& database, const QueueFilter& filter, Instant now);

}  // namespace postern::store
