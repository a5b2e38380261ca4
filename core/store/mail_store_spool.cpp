// Into the spool and out of it: a message becomes durable, and its content is read back.
#include "store/mail_store_impl.hpp"

#include "base/ids.hpp"

namespace postern::store {

std::shared_ptr<Incoming> prepare(NewMessage message, std::optional<Instant> lease, Instant now,
                                  std::uint64_t body_in_database)
{
    auto incoming = std::make_shared<Incoming>();
    incoming->message = std::move(message);
    incoming->lease = lease;
    incoming->now = now;
    incoming->edits.reserve(incoming->message.deliveries.size());
    for (const DeliveryRecord& delivery : incoming->message.deliveries)
        incoming->edits.push_back(mail::encode(delivery.edits));
    incoming->claimed.resize(incoming->message.deliveries.size());
    const Content& content = incoming->message.content;
    incoming->in_file = content && content->size() > body_in_database && !incoming->message.deliveries.empty();
    return incoming;
}

auto MailStore::commit(NewMessage message, std::optional<Instant> lease_until, std::vector<NewMessage> also)
    -> Async<Result<std::vector<DeliveryRecord>>>
{
    if (!is_message_id(message.message.id))
        co_return fault(Retry::later, "is no message id").about(message.message.id.substr(0, 40));
    const auto incoming = prepare(std::move(message), lease_until, impl_->now(), impl_->options.body_in_database);
    if (incoming->in_file) {
        auto written = co_await impl_->write_body(incoming);
        if (!written) co_return std::unexpected(std::move(written).error());
    }
    std::vector<std::shared_ptr<Incoming>> caused;
    for (NewMessage& each : also)
        caused.push_back(prepare(std::move(each), std::nullopt, incoming->now, impl_->options.body_in_database));
    auto stored = co_await impl_->write_bodies(caused);
    if (stored) {
        std::function<Result<void>(Database&)> work = [impl = impl_.get(), incoming,
                                                       caused](Database& database) -> Result<void> {
            impl->insert(database, *incoming);
            impl->note_heard(database, incoming->message);
            impl->insert_caused(database, impl->numbers.message - 1, caused, incoming->message.message.received,
                                incoming->message.message.generation);
            return {};
        };
        stored = co_await impl_->writer->run<void>(std::move(work));
        if (!stored) impl_->forget_bodies(caused);
    }
    if (!stored) {
        if (incoming->in_file)
            impl_->files->post(
                [impl = impl_.get(), incoming](Nothing&) { impl->bodies.remove(incoming->message.message.id); });
        co_return std::unexpected(std::move(stored).error());
    }
    // Mail is taken: where the reserve had been given up, there may be room for it again.
    if (!impl_->reserve.is_laid_aside())
        impl_->files->post([impl = impl_.get()](Nothing&) { impl->reserve.lay_aside(); });
    std::vector<DeliveryRecord> claimed;
    if (lease_until)
        for (std::size_t i = 0; i < incoming->claimed.size(); ++i)
            if (incoming->claimed[i]) claimed.push_back(std::move(incoming->message.deliveries[i]));
    co_return claimed;
}

auto MailStore::Impl::write_body(std::shared_ptr<Incoming> incoming) -> Async<Result<void>>
{
    if (!is_message_id(incoming->message.message.id)) co_return fault(Retry::later, "a body file needs a message id");
    std::function<Result<void>(Nothing&)> work = [this, incoming](Nothing&) {
        return bodies.write(incoming->message.message.id, *incoming->message.content);
    };
    auto written = co_await files->run<void>(std::move(work));
    if (!written) writer->report_trouble();
    co_return written;
}

auto MailStore::Impl::write_bodies(const std::vector<std::shared_ptr<Incoming>>& also) -> Async<Result<void>>
{
    for (const auto& each : also) {
        if (!each->in_file) continue;
        auto written = co_await write_body(each);
        if (written) continue;
        forget_bodies(also);
        co_return written;
    }
    co_return Result<void>();
}

EventKind kind_of_caused(const MessageRecord& message) noexcept
{
    if (message.origin == vocabulary::Origin::member) return EventKind::copy;
    return message.origin == vocabulary::Origin::report ? EventKind::report : EventKind::notice;
}

void MailStore::Impl::insert_caused(Database& database, std::int64_t by,
                                    const std::vector<std::shared_ptr<Incoming>>& also, Instant at,
                                    std::uint64_t generation)
{
    for (const auto& each : also) {
        insert(database, *each);
        add_event(database, by,
                  {.at = at,
                   .kind = kind_of_caused(each->message.message),
                   .generation = generation,
                   .reply = each->message.message.id});
    }
}

void MailStore::Impl::insert(Database& database, Incoming& incoming)
{
    const NewMessage& incoming_message = incoming.message;
    const MessageRecord& message = incoming_message.message;
    const std::int64_t number = numbers.message++;
    const std::int64_t first_recipient = numbers.recipient;
    const std::size_t deliveries = incoming_message.deliveries.size();
    numbers.delivery += static_cast<std::int64_t>(deliveries);

    for (std::size_t i = 0; i < deliveries; ++i) insert_delivery(database, number, incoming, i);
    for (RecipientRecord& refused : incoming.message.refused) {
        refused.state = is_final(refused.state) ? refused.state : State::refused;
        insert_recipient(database, number, refused, message.received);
        add_event(database, number,
                  {.at = message.received,
                   .kind = EventKind::received,
                   .recipient = refused.id,
                   .state = refused.state,
                   .generation = message.generation,
                   .reply = refused.last_reply});
    }
    const auto hash = [](const std::string& text) {
        return text.empty() ? std::nullopt : std::optional<std::int64_t>(hash_of(text));
    };
    database.run(
        "INSERT INTO message(number, id, received, origin, generation, organisation, sender, sender_hash, "
        "header_message_id,"
        " header_hash, peer, helo, tls, size, body, smtputf8, require_tls, ret, envelope_id, rules, first_recipient,"
        " last_recipient, first_delivery, last_delivery, listener, extended, hops, evidence)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        number, message.id, message.received, message.origin, message.generation, message.organisation, message.sender,
        hash(message.sender), message.header_message_id, hash(message.header_message_id), message.peer, message.helo,
        message.tls, message.size, message.body, message.smtputf8, message.require_tls, message.ret,
        message.envelope_id, message.rules, first_recipient, numbers.recipient - 1,
        numbers.delivery - static_cast<std::int64_t>(deliveries), numbers.delivery - 1, message.listener,
        message.extended, message.hops, message.evidence);
    if (deliveries == 0) return;
    std::optional<Blob> bytes;
    if (!incoming.in_file) bytes = Blob{incoming_message.content ? *incoming_message.content : std::string_view()};
    database.run("INSERT INTO content(message, bytes) VALUES(?, ?)", number, bytes);
    count_later(database, {.messages = 1});
}

void MailStore::Impl::insert_recipient(Database& database, std::int64_t message, RecipientRecord& recipient,
                                       Instant received)
{
    recipient.id = numbers.recipient++;
    if (recipient.changed == Instant{}) recipient.changed = received;
    database.run(
        "INSERT INTO recipient(number, message, address, address_hash, hop_address, organisation, notify,"
        " original_recipient, state, delay_reported, changed, last_reply, decision)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
        recipient.id, message, recipient.address, hash_of(recipient.address), recipient.hop_address,
        recipient.organisation, notify_bits(recipient.notify), recipient.original_recipient, recipient.state,
        recipient.delay_reported, recipient.changed, recipient.last_reply, recipient.decision);
}

void MailStore::Impl::insert_delivery(Database& database, std::int64_t message, Incoming& incoming, std::size_t index)
{
    DeliveryRecord& delivery = incoming.message.deliveries[index];
    const MessageRecord& about = incoming.message.message;
    const auto count = static_cast<std::int64_t>(incoming.message.deliveries.size());
    const std::int64_t first_sibling = numbers.delivery - count;
    delivery.id = first_sibling + static_cast<std::int64_t>(index);
    if (delivery.due == Instant{}) delivery.due = about.received;

    const std::int64_t first_recipient = numbers.recipient;
    for (RecipientRecord& recipient : delivery.recipients) {
        recipient.state = delivery.quarantined ? State::quarantined : delivery.held ? State::held : State::queued;
        insert_recipient(database, message, recipient, about.received);
        note_verdict(database, message, delivery, recipient, about);
    }
    const bool kept = delivery.held || delivery.quarantined;
    const bool claimed = incoming.lease && !kept && delivery.due <= incoming.now;
    incoming.claimed[index] = claimed;
    const auto status = delivery.quarantined ? DeliveryStatus::quarantined
                        : delivery.held      ? DeliveryStatus::held
                        : claimed            ? DeliveryStatus::claimed
                                             : DeliveryStatus::waiting;
    const auto stage = delivery.quarantined ? Stage::quarantined
                       : delivery.undecided ? Stage::undecided
                                            : Stage::decided;
    const std::optional<Instant> wake = kept ? delivery.ends : claimed ? *incoming.lease : delivery.due;
    database.run(
        "INSERT INTO delivery(number, message, first_recipient, last_recipient, first_sibling, last_sibling, in_file,"
        " status, wake, due, attempts, pending, owner, organisation, hold_reason, bounce_reason, edits, stage, rule,"
        " ends) VALUES(?,?,?,?,?,?,?,?,?,?,?,0,?,?,?,?,?,?,?,?)",
        delivery.id, message, first_recipient, numbers.recipient - 1, first_sibling, first_sibling + count - 1,
        incoming.in_file, status, wake, delivery.due, delivery.attempts, options.owner, delivery.organisation,
        delivery.hold_reason, delivery.bounce_reason, Blob{incoming.edits[index]}, stage, delivery.rule,
        kept ? delivery.ends : std::nullopt);
    count_delivery(database, delivery.organisation, stage, delivery.held, 1);
}

/// That a message is kept back from somebody, and why, is part of its history from the start.
void MailStore::Impl::note_verdict(Database& database, std::int64_t message, const DeliveryRecord& delivery,
                                   const RecipientRecord& recipient, const MessageRecord& about)
{
    if (!delivery.held && !delivery.quarantined) return;
    add_event(database, message,
              {.at = about.received,
               .kind = delivery.quarantined ? EventKind::quarantined : EventKind::held,
               .recipient = recipient.id,
               .state = recipient.state,
               .generation = about.generation,
               .reply = delivery.hold_reason});
}

auto MailStore::content(std::string message_id) -> Async<Result<Content>>
{
    std::function<Result<Content>(Database&)> work = [impl = impl_.get(),
                                                      id = std::move(message_id)](Database& database) {
        return impl->read_content(database, id);
    };
    co_return co_await impl_->readers->run<Content>(std::move(work));
}

Result<Content> MailStore::Impl::read_content(Database& database, const std::string& id) const
{
    {
        Query query =
            database.query("SELECT c.bytes FROM message m JOIN content c ON c.message = m.number WHERE m.id = ?",
                           std::string_view(id));
        if (!query.next())
            return fault(Retry::later, "has no content: it was delivered or given up, or never came")
                .about(id.substr(0, 40));
        if (!query.null(0)) return std::make_shared<const std::string>(query.blob(0));
    }
    auto bytes = bodies.read(id);
    if (!bytes) return std::unexpected(std::move(bytes).error());
    return std::make_shared<const std::string>(std::move(*bytes));
}

}  // namespace postern::store
