// Retention: what became of old messages leaves the ledger.
//
// A reader finds what is over, so that the writer, on which mail waits, has only a few messages at a time to delete.
#include "store/mail_store_impl.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::store {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t looked_at_once = 2000;  // messages, by the reader
constexpr std::size_t deleted_at_once = 50;   // messages, by the writer: some milliseconds
constexpr int share_of_writer = 5;            // at most a fifth of its time
// Messages are numbered as they are committed, nearly in the order of their time; where a clock was once wrong, some
// stand far out of it, and what is behind them is over all the same.
constexpr std::size_t longest_disorder = 10'000;  // messages in a row that are not over

struct Overdue {
    std::vector<std::int64_t> messages;
    std::int64_t last = 0;     ///< looked at
    std::size_t in_a_row = 0;  ///< that are not over, up to it
    bool all = false;          ///< there are no more
};

/// Messages after `after` that are over. The newest stays in any case: new ones are numbered from it.
Overdue look(Database& database, Instant until, std::int64_t after, std::size_t in_a_row)
{
    Overdue found{.messages = {}, .last = after, .in_a_row = in_a_row, .all = false};
    Query rows = database.query(
        "SELECT number, received, EXISTS(SELECT 1 FROM delivery d WHERE d.number BETWEEN m.first_delivery AND "
        "m.last_delivery), EXISTS(SELECT 1 FROM recipient r WHERE r.number BETWEEN m.first_recipient AND "
        "m.last_recipient AND r.answer_due IS NOT NULL) FROM message m "
        "WHERE number > ? AND number < (SELECT max(number) FROM message) ORDER BY number LIMIT ?",
        after, looked_at_once);
    std::size_t looked = 0;
    for (; rows.next(); ++looked) {
        found.last = rows.integer(0);
        const bool over = rows.instant(1) < until;
        found.in_a_row = over ? 0 : found.in_a_row + 1;
        const bool waits = rows.flag(2) || rows.flag(3);
        if (over && !waits) found.messages.push_back(found.last);
    }
    found.all = looked < looked_at_once || found.in_a_row >= longest_disorder;
    return found;
}

void take_out(Database& database, std::int64_t message)
{
    std::int64_t first = 0, last = 0;
    {
        Query row = database.query("SELECT first_recipient, last_recipient FROM message WHERE number = ?", message);
        if (!row.next()) return;
        first = row.integer(0);
        last = row.integer(1);
    }
    database.run("DELETE FROM event WHERE message = ?", message);
    database.run("DELETE FROM approval WHERE message = ?", message);
    database.run("DELETE FROM recipient WHERE number BETWEEN ? AND ?", first, last);
    database.run("DELETE FROM message WHERE number = ?", message);
}

}  // namespace

auto MailStore::purge(Instant until, Duration longest) -> Async<Result<std::size_t>>
{
    const auto end = Steady::now() + longest;
    boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
    std::size_t gone = 0;
    Overdue found;
    while (!found.all) {
        std::function<Result<Overdue>(Database&)> looking = [until, after = found.last,
                                                             in_a_row = found.in_a_row](Database& database) {
            return Result<Overdue>(look(database, until, after, in_a_row));
        };
        auto looked = co_await impl_->long_readers->run<Overdue>(std::move(looking));
        if (!looked) co_return std::unexpected(looked.error());
        found = std::move(*looked);
        for (std::size_t at = 0; at < found.messages.size(); at += deleted_at_once) {
            const auto begun = Steady::now();
            if (begun >= end) co_return gone;
            const std::size_t behind = std::min(at + deleted_at_once, found.messages.size());
            std::function<Result<void>(Database&)> work = [&found, at, behind](Database& database) {
                for (std::size_t i = at; i < behind; ++i) take_out(database, found.messages[i]);
                return Result<void>();
            };
            auto done = co_await impl_->writer->run<void>(std::move(work), Urgency::relaxed);
            if (!done) co_return std::unexpected(done.error());
            gone += behind - at;
            pause.expires_after((share_of_writer - 1) * (Steady::now() - begun));
            co_await pause.async_wait(boost::asio::use_awaitable);
        }
    }
    co_return gone;
}

auto MailStore::oldest_in_ledger() -> Async<Result<std::optional<Instant>>>
{
    using Oldest = std::optional<Instant>;
    std::function<Result<Oldest>(Database&)> work = [](Database& database) {
        Query row = database.query("SELECT received FROM message ORDER BY number LIMIT 1");
        return Result<Oldest>(row.next() ? Oldest(row.instant(0)) : Oldest{});
    };
    co_return co_await impl_->readers->run<Oldest>(std::move(work));
}

}  // namespace postern::store
