#include "gateway/recalled.hpp"

namespace postern::gateway {

namespace {

mail::ReversePath address_of(const std::string& text)
{
    if (text.empty()) return {};
    auto address = mail::Address::parse(text);
    return address ? mail::ReversePath(std::move(*address)) : mail::ReversePath{};
}

}  // namespace

Result<Transaction> recalled_transaction(GenerationPtr generation, const store::MessageRecord& message,
                                         ports::Rates* rates)
{
    Transaction transaction;
    transaction.generation = generation;
    transaction.organisation = generation->policy->organisation(message.organisation);
    if (transaction.organisation == nullptr)
        return fault(Retry::later, "its sender's organisation is no longer declared").about(message.organisation);
    transaction.sender.path = address_of(message.sender);
    transaction.sender.body = message.body;
    transaction.sender.smtputf8 = message.smtputf8;
    transaction.sender.require_tls = message.require_tls;
    transaction.sender.ret = message.ret;
    transaction.sender.envelope_id = message.envelope_id;
    transaction.inside_sender = address_of(message.sender);
    if (const auto peer = vocabulary::parse_ip(message.peer)) transaction.peer = *peer;
    transaction.tls = !message.tls.empty();
    transaction.listener = message.listener;
    transaction.rates = std::make_shared<RateBook>(rates);
    return transaction;
}

ConnectionFacts recalled_connection(const store::MessageRecord& message)
{
    ConnectionFacts connection;
    if (const auto peer = vocabulary::parse_ip(message.peer)) connection.peer.ip = *peer;
    connection.peer.listener = message.listener;
    connection.hello = message.helo;
    connection.extended = message.extended;
    if (!message.tls.empty()) connection.tls = ports::TlsShown{message.tls, false, {}, {}};
    return connection;
}

}  // namespace postern::gateway
