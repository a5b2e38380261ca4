#include "gateway/accept_path.hpp"

#include "base/text.hpp"
#include "directory/administration.hpp"
#include "directory/logins.hpp"
#include "gateway/composition.hpp"
#include "gateway/notices.hpp"
#include "gateway/reports.hpp"
#include "gateway/returned_reports.hpp"
#include "gateway/virus_alarm.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

mail::Reply no_transaction()
{
    return mail::Reply::of(503, {5, 1}, "Say MAIL first");
}

}  // namespace

AcceptPath::AcceptPath(Services services, Sources sources, CallOuts& call_outs, ports::Peer peer,
                       bool clear_text_declared)
    : services_(services), sources_(sources), call_outs_(call_outs), admission_(sources), recipients_(sources)
{
    connection_.peer = std::move(peer);
    connection_.clear_text_declared = clear_text_declared;
}

bool AcceptPath::asks_for_tls() const
{
    return !connection_.clear_text_declared &&
           services_.generations.current()->policy->could_enter(connection_.peer.ip);
}

void AcceptPath::secured(ports::TlsShown shown)
{
    forget();
    connection_.tls = std::move(shown);
    connection_.hello.clear();
}

void AcceptPath::hello(std::string name, bool esmtp)
{
    connection_.hello = std::move(name);
    connection_.extended = esmtp;
}

AcceptPath::Async<mail::Reply> AcceptPath::sender(mail::Sender sender)
{
    if (services_.probe != nullptr && sender.path && services_.probe->expects(*sender.path)) {
        probe_ = std::move(sender.path);
        co_return mail::Reply::of(250, {1, 0}, "It is our own");
    }
    if (const auto window = services_.maintenance.defers(services_.clock.now())) {
        const std::string words = is_ascii(window->text) ? " " + window->text : std::string{};
        co_return mail::Reply::of(421, {3, 2},
                                  "The service is under maintenance until " + to_rfc5322(window->to) + "." + words);
    }
    auto begun = co_await begin(std::move(sender));
    if (!begun) {
        log_refusal("sender refused", begun.error());
        co_return mail::Reply::from(begun.error());
    }
    transaction_ = std::move(*begun);
    co_return mail::Reply::of(250, {1, 0}, "Sender is fine");
}

AcceptPath::Async<Result<Transaction>> AcceptPath::begin(mail::Sender sender)
{
    Entrant entrant{services_.generations.current(), nullptr, connection_.peer.ip, connection_.tls.has_value(),
                    connection_.peer.listener};
    const auto organisation = prove_member(*entrant.generation, connection_, services_.alarms);
    if (!organisation) {
        if (organisation.error().peer().digits != 30) ++services_.metrics.strangers_refused;
        co_return std::unexpected(organisation.error());
    }
    if (services_.store.failing())
        co_return fault(Retry::later, "storage fails")
            .tell_peer(52, {3, 1}, "The service cannot store mail at the moment");
    entrant.organisation = *organisation;
    co_return co_await admission_.begin(std::move(entrant), std::move(sender));
}

ports::TransactionLimit AcceptPath::limit() const
{
    if (probe_) return {std::uint64_t{64} << 10, "The service's own mail is small"};
    const auto limit = transaction_->policy().sending_limit(*transaction_->organisation);
    return {limit.bytes,
            fmt::format("{} allows at most {} for a message", limit.whose, vocabulary::print_size(limit.bytes))};
}

AcceptPath::Async<mail::Reply> AcceptPath::recipient(mail::Recipient recipient)
{
    if (probe_ && recipient.address == *probe_) co_return mail::Reply::of(250, {1, 5}, "It is our own");
    if (!transaction_) co_return no_transaction();
    if (transaction_->standing == SenderStanding::null &&
        !call_outs_.allowed(transaction_->organisation->id, limits(*transaction_).call_outs))
        co_return mail::Reply::of(450, {7, 1}, "Too many questions about recipients without mail; please slow down");
    if (transaction_->standing == SenderStanding::null) ask();
    auto accepted = co_await recipients_.accept(*transaction_, std::move(recipient));
    if (!accepted) {
        ++services_.metrics.recipients_refused;
        log_refusal("recipient refused", accepted.error());
        co_return mail::Reply::from(accepted.error());
    }
    transaction_->recipients.push_back(std::move(*accepted));
    co_return mail::Reply::of(250, {1, 5}, "Recipient is fine");
}

mail::Reply AcceptPath::content_begins()
{
    if (services_.store.failing()) return mail::Reply::of(452, {3, 1}, "The service cannot store mail at the moment");
    return mail::Reply::plain(354, "Go on");
}

void AcceptPath::forget()
{
    questions_ = 0;
    probe_.reset();
    transaction_.reset();
}

// Each is a question, whatever the answer, until a message shows that it was none.
void AcceptPath::ask()
{
    call_outs_.count(transaction_->organisation->id);
    ++questions_;
}

// The spine of the way in.
AcceptPath::Async<mail::Reply> AcceptPath::finish(std::string content)
{
    if (probe_) {  // it has been through store, queue and TLS, and ends here
        services_.probe->arrived(*probe_, content);
        forget();
        co_return mail::Reply::of(250, {6, 0}, "Back home");
    }
    if (!transaction_) co_return no_transaction();
    auto transaction = std::move(*transaction_);
    call_outs_.forgive(transaction.organisation->id, questions_);
    forget();
    auto taken = co_await take(std::move(transaction), std::make_shared<const std::string>(std::move(content)));
    if (!taken) {
        ++services_.metrics.messages_refused;
        log_refusal("message refused", taken.error());
        co_return mail::Reply::from(taken.error());
    }
    co_return mail::Reply::of(250, {6, 0}, "Taken as " + *taken);
}

AcceptPath::Async<Result<std::string>> AcceptPath::take(Transaction transaction, store::Content content)
{
    const auto& bounds = limits(transaction);
    const auto header = mail::Header::parse(*content, {bounds.header, bounds.header_fields});
    if (!header) co_return std::unexpected(header.error());

    Judgement judgement(sources_);
    auto judged = co_await judgement.judge(transaction, *header, content, bounds.received_fields);
    if (judgement.group()) co_await audit_group(*judgement.group());
    if (!judged) co_return std::unexpected(judged.error());
    if (judged->seen) tell_of_viruses(services_, transaction, *header, *content, *judged->seen, judged->recipients);
    if (const auto* refusal = judged->answer()) {
        Fault why = *refusal;
        if (why.retry() == Retry::never) co_await refuse(transaction, *header, content, std::move(*judged));
        co_return std::unexpected(std::move(why));
    }
    auto heard = co_await heard_in(sources_, services_.log, transaction, *header, *content);
    if (!heard) co_return std::unexpected(heard.error());
    auto notices = std::move(judged->notices);
    for (const auto& recipient : judged->recipients) count(transaction, recipient);
    auto message = compose(transaction, connection_, *header, content, std::move(*judged), sources_.clock.now(),
                           sources_.trace_key);
    message.heard = std::move(*heard);
    auto also = tell_of_kept(*transaction.generation, message);
    auto told = co_await make_notices(services_, transaction.generation, message.message, content, std::move(notices));
    std::ranges::move(told, std::back_inserter(also));
    std::string id = message.message.id;
    const auto quarantined = quarantine_fields(message);
    auto committed = co_await commit(std::move(message), std::move(also));
    if (!committed) co_return std::unexpected(committed.error());
    for (const auto& fields : quarantined)
        services_.alarms.tell(
            vocabulary::EventId::message_quarantined, id,
            fmt::format("Message {} was put into quarantine; `postern quarantine show {}` says why", id, id), fields);
    transaction.rates->keep();
    note_activity(transaction);
    co_return id;
}

/// What the event says of each delivery that is kept back for people.
std::vector<vocabulary::EventFields> AcceptPath::quarantine_fields(const store::NewMessage& message)
{
    std::vector<vocabulary::EventFields> all;
    for (const auto& delivery : message.deliveries)
        if (delivery.quarantined)
            all.push_back({{"sender.address", message.message.sender},
                           {"sender.organisation", message.message.organisation},
                           {"recipient.address", delivery.recipients.front().address},
                           {"recipient.organisation", delivery.organisation},
                           {"message.id", message.message.id},
                           {"reason", delivery.hold_reason}});
    return all;
}

// Sending counts as activity, so that nobody's login is locked while they work.
void AcceptPath::note_activity(const Transaction& transaction)
{
    if (!transaction.inside_sender || transaction.standing != SenderStanding::proved) return;
    const auto own = transform::outside(*transaction.inside_sender, *transaction.organisation);
    services_.directory.logins().active(own ? own->key() : transaction.inside_sender->key(), sources_.clock.now());
}

AcceptPath::Async<void> AcceptPath::audit_group(const GroupUse& use)
{
    if (!use.refusal && !use.person.empty()) co_return;
    directory::AuditRecord record;
    record.at = sources_.clock.now();
    record.actor = use.person.empty() ? "person not proved" : use.person + " (not proved)";
    record.act = "send_as_group";
    record.target = use.group;
    record.organisation = use.organisation;
    record.outcome = use.refusal ? "denied" : "done";
    record.detail = use.refusal ? use.refusal->describe() : "nobody is named in Sender";
    const auto noted = co_await services_.directory.administration().note(std::move(record));
    if (!noted) services_.alarms.raise("audit", "What people do can't be put on record: " + noted.error().describe());
}

void AcceptPath::count(const Transaction& transaction, const PlannedRecipient& recipient)
{
    auto& metrics = services_.metrics;
    switch (recipient.verdict) {
        case Verdict::quarantine:
            ++metrics.recipients_quarantined;
            break;
        case Verdict::hold:
            ++metrics.recipients_held;
            break;
        case Verdict::defer:
            ++metrics.recipients_undecided;
            break;
        case Verdict::refuse:
            transaction.rates->give_back(recipient.key);
            break;
        case Verdict::deliver:
        case Verdict::elsewhere:
            break;
    }
}

// That mail is kept back is told at once, in the same commit, as a delay: nobody shall take 250 for "delivered".
std::vector<store::NewMessage> AcceptPath::tell_of_kept(const Generation& generation, store::NewMessage& message)
{
    std::vector<Fate> fates;
    for (auto& delivery : message.deliveries) {
        if (!delivery.quarantined && !delivery.held) continue;
        for (auto& recipient : delivery.recipients) {
            recipient.delay_reported = true;
            fates.push_back(kept_fate(recipient, delivery));
        }
    }
    if (fates.empty()) return {};
    return make_reports(services_, generation, message.message, message.content, fates);
}

// Nothing of it is taken. That it came stays in the ledger where a virus was in it, and notices go all the same; losing
// either to a storage error is no reason to take it.
AcceptPath::Async<void> AcceptPath::refuse(const Transaction& transaction, const mail::Header& header,
                                           store::Content content, Judged judged)
{
    const bool infected = judged.seen && !judged.seen->viruses.empty();
    auto notices = std::move(judged.notices);
    if (!infected && notices.empty()) co_return;
    auto message = compose(transaction, connection_, header, std::move(content), std::move(judged),
                           sources_.clock.now(), sources_.trace_key);
    auto record = message;
    if (infected) co_await remember_refusal(std::move(record));
    if (!notices.empty()) co_await tell_of_refusal(transaction.generation, std::move(message), std::move(notices));
}

AcceptPath::Async<void> AcceptPath::remember_refusal(store::NewMessage message)
{
    for (auto& delivery : message.deliveries)
        for (auto& recipient : delivery.recipients) {
            recipient.state = store::State::refused;
            message.refused.push_back(std::move(recipient));
        }
    message.deliveries.clear();
    message.content.reset();
    const std::string id = message.message.id;
    const auto kept = co_await services_.store.commit(std::move(message), std::nullopt);
    if (!kept)
        services_.log.error("refusal of a virus not stored", {{"message", id}, {"reason", kept.error().describe()}});
}

AcceptPath::Async<void> AcceptPath::tell_of_refusal(GenerationPtr generation, store::NewMessage message,
                                                    std::vector<Notice> notices)
{
    auto told = co_await make_notices(services_, generation, message.message, message.content, std::move(notices));
    for (auto& notice : told) {
        const auto committed = co_await services_.store.commit(std::move(notice), std::nullopt);
        if (!committed)
            services_.log.error("notice not stored",
                                {{"message", message.message.id}, {"reason", committed.error().describe()}});
    }
    services_.schedule.due(sources_.clock.now());
}

const vocabulary::IntakeLimits& AcceptPath::limits(const Transaction& transaction) const
{
    static const vocabulary::IntakeLimits defaults;
    const auto& listeners = transaction.policy().node().listeners;
    const auto mine = std::ranges::find(listeners, connection_.peer.listener, &vocabulary::Listener::name);
    return mine == listeners.end() ? defaults : mine->limits;
}

namespace {

/// When something of it is due that is not carried at once: reports, what is decided again, the end of a hold.
std::optional<Instant> next_act(const store::NewMessage& message, const std::vector<store::NewMessage>& also)
{
    std::optional<Instant> next;
    const auto consider = [&](Instant at) { next = next ? std::min(*next, at) : at; };
    for (const auto& delivery : message.deliveries) {
        if (delivery.ends) consider(*delivery.ends);
        if (delivery.undecided) consider(delivery.due);
    }
    if (!also.empty()) consider(message.message.received);
    return next;
}

}  // namespace

// Durable first, then carried: from memory where there is room, else when the queue comes to it.
AcceptPath::Async<Result<void>> AcceptPath::commit(store::NewMessage message, std::vector<store::NewMessage> also)
{
    const auto record = std::make_shared<const store::MessageRecord>(message.message);
    const auto content = message.content;
    std::vector<queue::Place> places;
    for (std::size_t i = 0; i < message.deliveries.size(); ++i) {
        auto place = services_.schedule.place(i == 0 ? content->size() : 0);
        if (!place) break;
        places.push_back(std::move(*place));
    }
    const bool carried_at_once = places.size() == message.deliveries.size();
    std::optional<Instant> lease;
    if (carried_at_once) lease = record->received + queue::ScheduleLimits{}.lease;
    std::string to = message.deliveries.front().recipients.front().address;
    const auto later = next_act(message, also);

    auto committed = co_await services_.store.commit(std::move(message), lease, std::move(also));
    if (!committed) {
        services_.alarms.raise("storage", "Mail can't be stored and is not accepted: " + committed.error().describe());
        co_return std::unexpected(committed.error());
    }
    ++services_.metrics.messages_accepted;
    services_.metrics.bytes_accepted += record->size;
    services_.log.info("message accepted", {{"message", record->id},
                                            {"generation", record->generation},
                                            {"organisation", record->organisation},
                                            {"peer", record->peer},
                                            {"sender", record->sender},
                                            {"recipient", to},
                                            {"size", record->size},
                                            {"outcome", "accepted"}});
    if (carried_at_once)
        for (std::size_t i = 0; i < committed->size(); ++i)
            services_.schedule.offer({record, std::move((*committed)[i]), content, std::move(places[i])});
    else
        services_.schedule.due(record->received);
    if (later) services_.schedule.due(*later);
    co_return Result<void>{};
}

void AcceptPath::log_refusal(const char* stage, const Fault& fault) const
{
    services_.log.info(stage, {{"peer", vocabulary::print_ip(connection_.peer.ip)},
                               {"listener", connection_.peer.listener},
                               {"organisation", transaction_ ? transaction_->organisation->id : std::string{}},
                               {"outcome", fault.retry() == Retry::later ? "deferred" : "refused"},
                               {"reply", mail::Reply::from(fault).summary()},
                               {"reason", fault.describe()}});
}

}  // namespace postern::gateway
