// Alerts and maintenance in mail.db: what was told to whom outlives a restart, and is told once.
//
// A view of a MailStore, whose threads do the work; every call is awaitable from any executor and completes there.
// Mail about an alert is stored in the same commit that marks it sent.
#pragma once

#include "store/alert_records.hpp"
#include "store/mail_store.hpp"

namespace postern::store {

class AlertStore {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    /// `store` must outlive it.
    explicit AlertStore(MailStore& store);

    /// Durable when it returns: the alert and what is to be sent of it. Gives its number.
    [[nodiscard]] Async<Result<std::int64_t>> add(AlertRecord alert, std::vector<AlertSend> sends);
    /// How many events of its group were left out since.
    [[nodiscard]] Async<Result<void>> left_out(std::int64_t alert, std::uint64_t count);
    /// The condition has ended: alerts about it no longer escalate.
    [[nodiscard]] Async<Result<void>> clear(std::vector<std::int64_t> alerts, Instant at);
    [[nodiscard]] Async<Result<void>> escalate(std::int64_t alert, Instant at, std::vector<AlertSend> sends);
    enum class Acknowledged { unknown, now, before };
    [[nodiscard]] Async<Result<Acknowledged>> acknowledge(std::string id, std::string actor, std::string comment,
                                                          Instant at);

    /// Newest first. `open`: only those that nobody acknowledged.
    [[nodiscard]] Async<Result<std::vector<AlertRecord>>> list(bool open, std::size_t limit);
    [[nodiscard]] Async<Result<std::optional<AlertWithSends>>> find(std::string id);
    /// What an engine must know at its start: alerts since `since`, conditions that stand, and what will escalate;
    /// oldest first.
    [[nodiscard]] Async<Result<std::vector<AlertRecord>>> remembered(Instant since);
    /// When the oldest message came that waits to be delivered and is not held.
    [[nodiscard]] Async<Result<std::optional<Instant>>> oldest_waiting();
    /// Alerts before that moment go, with their sends; so do windows that ended before it.
    [[nodiscard]] Async<Result<void>> forget(Instant before);

    /// Sends that are due, oldest first, each with its alert: by mail, or on the other ways.
    [[nodiscard]] Async<Result<std::vector<AlertWithSends>>> due(Instant now, std::size_t limit, bool mail);
    /// When the next waiting send is due.
    [[nodiscard]] Async<Result<std::optional<Instant>>> next_due(bool mail);
    /// What became of an attempt; with a message, that is stored too, or nothing is. A send that was settled already
    /// stays as it is, and no message is stored.
    [[nodiscard]] Async<Result<void>> settle(AlertSend send, std::optional<NewMessage> message);

    // --- maintenance -------------------------------------------------------------------------------------------
    /// A window of the same id that is not cancelled is replaced in its text and times.
    [[nodiscard]] Async<Result<void>> announce(MaintenanceRecord window);
    /// All that are known, in order of their beginning.
    [[nodiscard]] Async<Result<std::vector<MaintenanceRecord>>> windows();
    /// Whether there was such a window to cancel.
    [[nodiscard]] Async<Result<bool>> cancel(std::string id, std::string actor, Instant at);
    /// Who was told of this window at this step ("at_before"), as tell() noted it.
    [[nodiscard]] Async<Result<std::vector<std::string>>> told(std::int64_t window, Duration step);
    /// Notes that `who` was told, with the mail that tells it, in one commit; nothing where it was noted before.
    [[nodiscard]] Async<Result<void>> tell(std::int64_t window, Duration step, std::string who,
                                           std::optional<NewMessage> message);

private:
    MailStore::Impl& impl_;
};

}  // namespace postern::store
