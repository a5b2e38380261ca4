// The ledger: what became of each message, and how much waits.
#include "store/mail_store_impl.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <unordered_set>

namespace postern::store {

namespace {

// Messages are numbered as they are committed, so `received` may run backwards by the length of a transaction.
constexpr std::chrono::hours longest_disorder{24};

/// Collects the numbers of messages that match, newest first.
class Search {
public:
    Search(Database& database, const TraceFilter& filter) : database_(database), filter_(filter) {}

    std::vector<std::int64_t> run()
    {
        if (!filter_.id.empty())
            by_id();
        else if (!filter_.to.empty())
            over(is_exact(filter_.to)
                     ? database_.query("SELECT message FROM recipient WHERE address_hash = ? ORDER BY number DESC",
                                       hash_of(filter_.to))
                     : database_.query("SELECT message, address FROM recipient ORDER BY number DESC"),
                 !is_exact(filter_.to));
        else if (!filter_.from.empty() && is_exact(filter_.from))
            over(database_.query("SELECT number FROM message WHERE sender_hash = ? ORDER BY number DESC",
                                 hash_of(filter_.from)),
                 false);
        else if (!filter_.party.empty() && filter_.organisations.empty())
            over(database_.query("SELECT number FROM message WHERE sender_hash = ?1 UNION"
                                 " SELECT message FROM recipient WHERE address_hash = ?1 ORDER BY 1 DESC",
                                 hash_of(filter_.party)),
                 false);
        else
            over(database_.query("SELECT number FROM message ORDER BY number DESC"), false);
        return std::move(found_);
    }

private:
    void by_id()
    {
        if (is_message_id(filter_.id)) {
            over(database_.query("SELECT number FROM message WHERE id = ?", std::string_view(filter_.id)), false);
            return;
        }
        for (const std::string& form : {filter_.id, "<" + filter_.id + ">"})  // people copy a Message-ID either way
            over(database_.query("SELECT number FROM message WHERE header_hash = ? AND header_message_id = ?"
                                 " ORDER BY number DESC",
                                 hash_of(form), std::string_view(form)),
                 false);
    }

    void over(Query query, bool look_at_address)
    {
        while (found_.size() < filter_.limit && query.next()) {
            if (look_at_address && !glob_matches(filter_.to, query.text(1))) continue;
            if (!consider(query.integer(0))) return;
        }
    }

    /// False when everything further is too old.
    bool consider(std::int64_t number)
    {
        if (!seen_.insert(number).second) return true;
        Query query = database_.query(
            "SELECT sender, received, first_recipient, last_recipient, organisation FROM message WHERE number = ?",
            number);
        if (!query.next()) return true;
        const Instant received = query.instant(1);
        if (filter_.since && received < *filter_.since) return received >= *filter_.since - longest_disorder;
        if (!filter_.from.empty() && !glob_matches(filter_.from, query.text(0))) return true;
        if (!filter_.to.empty() && !reaches(query.integer(2), query.integer(3))) return true;
        if (!is_a_partys(query.text(0), query.text(4)) && !reaches_party(query.integer(2), query.integer(3)))
            return true;
        found_.push_back(number);
        return true;
    }

    /// Whether address or organisation are those that the filter restricts to.
    [[nodiscard]] bool is_a_partys(std::string_view address, std::string_view organisation) const
    {
        if (filter_.party.empty() && filter_.organisations.empty()) return true;
        return (!filter_.party.empty() && iequals(address, filter_.party)) ||
               std::ranges::find(filter_.organisations, organisation) != filter_.organisations.end();
    }

    bool reaches_party(std::int64_t first, std::int64_t last)
    {
        Query query =
            database_.query("SELECT address, organisation FROM recipient WHERE number BETWEEN ? AND ?", first, last);
        while (query.next())
            if (is_a_partys(query.text(0), query.text(1))) return true;
        return false;
    }

    bool reaches(std::int64_t first, std::int64_t last)
    {
        Query query = database_.query("SELECT address FROM recipient WHERE number BETWEEN ? AND ?", first, last);
        while (query.next())
            if (glob_matches(filter_.to, query.text(0))) return true;
        return false;
    }

    Database& database_;
    const TraceFilter& filter_;
    std::vector<std::int64_t> found_;
    std::unordered_set<std::int64_t> seen_;
};

std::string address_of(const std::vector<RecipientRecord>& recipients, std::int64_t number)
{
    const auto place = std::ranges::lower_bound(recipients, number, {}, &RecipientRecord::id);
    return place != recipients.end() && place->id == number ? place->address : std::string();
}

Event received_event(const MessageRecord& message)
{
    Event event;
    event.at = message.received;
    event.kind = "received";
    event.next_hop = message.peer;
    event.tls = message.tls;
    event.generation = message.generation;
    return event;
}

}  // namespace

Trace load_trace(Database& database, std::int64_t number)
{
    Trace trace;
    trace.message = load_message(database, number);
    {
        Query query = database.query("SELECT first_recipient, last_recipient FROM message WHERE number = ?", number);
        if (query.next()) trace.recipients = load_recipients(database, query.integer(0), query.integer(1), false);
    }
    trace.events.push_back(received_event(trace.message));
    Query query = database.query(
        "SELECT at, kind, recipient, state, generation, next_hop, tls, reply, actor FROM event"
        " WHERE message = ? ORDER BY at, sequence",
        number);
    while (query.next()) {
        Event& event = trace.events.emplace_back();
        event.at = query.instant(0);
        const auto kind = query.as<EventKind>(1);
        event.kind = name_of(kind);
        event.recipient = address_of(trace.recipients, query.integer(2));
        if (query.integer(3) >= 0)
            event.state =
                kind == EventKind::reported ? name_of(query.as<vocabulary::Heard>(3)) : name_of(query.as<State>(3));
        event.generation = static_cast<std::uint64_t>(query.integer(4));
        event.next_hop = query.string(5);
        event.tls = query.string(6);
        event.reply = query.string(7);
        event.actor = query.string(8);
    }
    return trace;
}

void MailStore::Impl::add_event(Database& database, std::int64_t message, const EventRow& event)
{
    const int state = event.heard ? static_cast<int>(*event.heard) : event.state ? static_cast<int>(*event.state) : -1;
    database.run(
        "INSERT INTO event(message, at, sequence, kind, recipient, state, generation, next_hop, tls, reply, actor)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?)",
        message, event.at, numbers.event++, event.kind, event.recipient, state, event.generation, event.next_hop,
        event.tls, event.reply, event.actor);
}

void MailStore::Impl::count_later(Database& database, TallyChange change)
{
    database.after_commit([this, change = std::move(change)] { tally.apply(change); });
}

void MailStore::Impl::count_delivery(Database& database, std::string organisation, Stage stage, bool held, int change)
{
    TallyChange counted{.organisation = std::move(organisation)};
    (stage == Stage::quarantined ? counted.quarantined : held ? counted.held : counted.queued) = change;
    count_later(database, std::move(counted));
}

auto MailStore::trace(TraceFilter filter) -> Async<Result<std::vector<Trace>>>
{
    using Traces = std::vector<Trace>;
    std::function<Result<Traces>(Database&)> work = [filter = std::move(filter)](Database& database) {
        Traces traces;
        for (const std::int64_t number : Search(database, filter).run()) traces.push_back(load_trace(database, number));
        return Result<Traces>(std::move(traces));
    };
    co_return co_await impl_->long_readers->run<Traces>(std::move(work));
}

auto MailStore::totals() -> Async<Result<QueueTotals>>
{
    std::function<Result<QueueTotals>(Database&)> work = [impl =
                                                              impl_.get()](Database& database) -> Result<QueueTotals> {
        QueueTotals totals = impl->tally.totals();
        // Deliveries are numbered in the order of their messages.
        Query query = database.query(
            "SELECT m.received FROM delivery d JOIN message m ON m.number = d.message"
            " ORDER BY d.number LIMIT 1");
        if (query.next()) totals.oldest = query.instant(0);
        return totals;
    };
    co_return co_await impl_->readers->run<QueueTotals>(std::move(work));
}

// A desk that everybody writes to has many rows, a busy sender too: the newest of the sender's say it soon.
auto MailStore::has_reached(std::string sender, std::string recipient) -> Async<Result<bool>>
{
    std::function<Result<bool>(Database&)> work = [sender = std::move(sender),
                                                   recipient = std::move(recipient)](Database& database) {
        Query query = database.query(
            "SELECT 1 FROM (SELECT first_recipient, last_recipient FROM message WHERE sender_hash = ?1"
            "               ORDER BY number DESC LIMIT 5000) m"
            " JOIN recipient r ON r.number BETWEEN m.first_recipient AND m.last_recipient"
            " WHERE r.address_hash = ?2 AND r.state IN (2, 3) LIMIT 1",
            hash_of(sender), hash_of(recipient));
        return Result<bool>(query.next());
    };
    co_return co_await impl_->readers->run<bool>(std::move(work));
}

}  // namespace postern::store
