// Reports that come back: whom they mean, what they add to a message's history, and who is told that none came.
#include "store/mail_store_impl.hpp"

#include "base/text.hpp"

namespace postern::store {

namespace {

constexpr std::size_t longest_words = 1000;
constexpr std::size_t most_candidates = 50;      // messages of one Message-ID that are looked at, newest first
constexpr std::size_t most_of_recipient = 1000;  // and a recipient's newest messages, where only ENVID is known

struct Candidate {
    std::int64_t first_recipient = 0, last_recipient = 0;
};

#define POSTERN_CANDIDATE \
    "SELECT m.organisation, m.header_message_id, m.envelope_id, m.first_recipient, m.last_recipient FROM "

/// Whether this message may be the one that is meant.
bool agrees(const Query& row, const HandedOver& what)
{
    if (what.id.empty() && row.text(0) != what.sent_by) return false;
    if (!what.message_id.empty() && row.text(1) != what.message_id) return false;
    return what.envelope_id.empty() || row.text(2) == what.envelope_id;
}

void take_those_that_agree(Query query, const HandedOver& what, std::size_t at_most, std::vector<Candidate>& candidates)
{
    while (candidates.size() < at_most && query.next())
        if (agrees(query, what)) candidates.push_back({query.integer(3), query.integer(4)});
}

std::vector<Candidate> candidates_for(Database& database, const HandedOver& what)
{
    std::vector<Candidate> candidates;
    if (!what.id.empty())
        take_those_that_agree(database.query(POSTERN_CANDIDATE "message m WHERE m.id = ?", std::string_view(what.id)),
                              what, 1, candidates);
    else if (!what.message_id.empty())
        take_those_that_agree(
            database.query(POSTERN_CANDIDATE "message m WHERE m.header_hash = ? AND m.header_message_id = ?"
                                             " ORDER BY m.number DESC",
                           hash_of(what.message_id), std::string_view(what.message_id)),
            what, most_candidates, candidates);
    else if (!what.envelope_id.empty())
        take_those_that_agree(
            database.query(POSTERN_CANDIDATE
                           "(SELECT message FROM recipient WHERE address_hash = ? ORDER BY number DESC LIMIT ?) r"
                           " JOIN message m ON m.number = r.message ORDER BY m.number DESC",
                           hash_of(what.recipient), most_of_recipient),
            what, most_candidates, candidates);
    return candidates;
}

std::optional<std::int64_t> recipient_of(Database& database, const Candidate& candidate, const HandedOver& what)
{
    Query query = database.query(
        "SELECT number, address FROM recipient WHERE address_hash = ? AND number BETWEEN ? AND ?"
        " AND organisation = ? AND state IN (2, 3)",
        hash_of(what.recipient), candidate.first_recipient, candidate.last_recipient,
        std::string_view(what.organisation));
    while (query.next())
        if (iequals(query.text(1), what.recipient)) return query.integer(0);
    return std::nullopt;
}

}  // namespace

auto MailStore::handed_over(HandedOver what) -> Async<Result<std::optional<std::int64_t>>>
{
    using Found = std::optional<std::int64_t>;
    std::function<Result<Found>(Database&)> work = [what = std::move(what)](Database& database) -> Result<Found> {
        for (const Candidate& candidate : candidates_for(database, what))
            if (auto found = recipient_of(database, candidate, what)) return found;
        return Found{};
    };
    co_return co_await impl_->readers->run<Found>(std::move(work));
}

/// What is heard twice, as of a report that is sent again, counts the first time.
void MailStore::Impl::note_heard(Database& database, const NewMessage& report)
{
    for (const HeardOf& of : report.heard) {
        const unsigned bit = vocabulary::bit(of.heard);
        std::int64_t message = 0;
        {
            Query query =
                database.query("SELECT message FROM recipient WHERE number = ? AND heard & ? = 0", of.recipient, bit);
            if (!query.next()) continue;
            message = query.integer(0);
        }
        // A delay is no answer yet.
        const bool answers = of.heard != vocabulary::Heard::delayed;
        database.run(
            "UPDATE recipient SET heard = heard | ?1, answer_due = CASE WHEN ?2 THEN NULL ELSE answer_due END"
            " WHERE number = ?3",
            bit, answers, of.recipient);
        add_event(database, message,
                  {.at = report.message.received,
                   .kind = EventKind::reported,
                   .recipient = of.recipient,
                   .generation = report.message.generation,
                   .reply = std::string_view(of.words).substr(0, longest_words),
                   .actor = of.organisation,
                   .heard = of.heard});
    }
}

auto MailStore::answers_due(Instant now, std::size_t limit) -> Async<Result<std::vector<Trace>>>
{
    using Traces = std::vector<Trace>;
    std::function<Result<Traces>(Database&)> work = [now, limit](Database& database) -> Result<Traces> {
        std::vector<std::pair<std::int64_t, std::int64_t>> due;  // message, recipient
        {
            Query query = database.query(
                "SELECT message, number FROM recipient WHERE answer_due <= ? ORDER BY answer_due, number LIMIT ?", now,
                limit);
            while (query.next()) due.emplace_back(query.integer(0), query.integer(1));
        }
        std::ranges::sort(due);
        Traces traces;
        for (auto first = due.begin(); first != due.end();) {
            const auto last =
                std::find_if(first, due.end(), [&](const auto& one) { return one.first != first->first; });
            Trace& trace = traces.emplace_back(load_trace(database, first->first));
            std::erase_if(trace.recipients, [&](const RecipientRecord& recipient) {
                return !std::binary_search(first, last, std::pair(first->first, recipient.id));
            });
            first = last;
        }
        return traces;
    };
    co_return co_await impl_->long_readers->run<Traces>(std::move(work));
}

auto MailStore::answer(Answered what) -> Async<Result<bool>>
{
    std::vector<std::shared_ptr<Incoming>> reports;
    for (NewMessage& report : what.reports)
        reports.push_back(prepare(std::move(report), std::nullopt, impl_->now(), impl_->options.body_in_database));
    if (auto written = co_await impl_->write_bodies(reports); !written) co_return std::unexpected(written.error());
    what.reports.clear();
    const auto shared = std::make_shared<const Answered>(std::move(what));
    std::function<Result<bool>(Database&)> work = [impl = impl_.get(), shared, reports](Database& database) {
        return Result<bool>(impl->answer(database, *shared, reports));
    };
    auto stored = co_await impl_->writer->run<bool>(std::move(work));
    if (!stored || !*stored) impl_->forget_bodies(reports);
    co_return stored;
}

bool MailStore::Impl::answer(Database& database, const Answered& what,
                             const std::vector<std::shared_ptr<Incoming>>& reports)
{
    std::int64_t waited = 0;
    for (const std::int64_t recipient : what.recipients)
        waited += database.run("UPDATE recipient SET answer_due = NULL WHERE number = ? AND answer_due IS NOT NULL",
                               recipient);
    if (waited == 0) return false;
    std::int64_t message = 0;
    {
        Query query = database.query("SELECT number FROM message WHERE id = ?", std::string_view(what.message_id));
        if (!query.next()) return false;
        message = query.integer(0);
    }
    insert_caused(database, message, reports, what.at, what.generation);
    return true;
}

}  // namespace postern::store
