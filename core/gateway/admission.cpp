#include "gateway/admission.hpp"

#include "base/text.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using vocabulary::Organisation;

FaultBuilder stranger(std::string detail)
{
    return fault(Retry::never, std::move(detail))
        .tell_peer(50, {7, 1}, "This service carries mail for its members only");
}

policy::Shown shown(const ConnectionFacts& facts)
{
    policy::Shown what{facts.peer.ip, false, {}, {}};
    if (facts.tls) {
        what.certificate_trusted = facts.tls->certificate_trusted;
        what.certificate_names = facts.tls->certificate_names;
        what.certificate_sha256 = facts.tls->certificate_sha256;
    }
    return what;
}

}  // namespace

// A stranger gets one answer, whatever is wrong. Only who could be a member is told to use TLS.
Result<const Organisation*> prove_member(const Generation& generation, const ConnectionFacts& facts,
                                         ports::Alarms& alarms)
{
    const auto& policy = *generation.policy;
    const bool secured = facts.tls || facts.clear_text_declared;
    if (!secured)
        return policy.could_enter(facts.peer.ip)
                   ? fault(Retry::never, "no TLS").tell_peer(30, {7, 0}, "Must issue a STARTTLS command first")
                   : stranger("no member's network");
    const auto membership = policy.membership(shown(facts));
    switch (membership.answer) {
        case policy::Membership::Answer::member:
            return membership.organisation;
        case policy::Membership::Answer::ambiguous:
            alarms.raise("ambiguous-proof " + vocabulary::print_ip(facts.peer.ip),
                         "A connection shows the proofs of two members and was refused; "
                         "make their networks or certificates differ",
                         {{"peer", vocabulary::print_ip(facts.peer.ip)}});
            return stranger("proofs of two members hold");
        case policy::Membership::Answer::after_content:  // no declared proof asks for this yet
        case policy::Membership::Answer::stranger:
            break;
    }
    if (!facts.tls && policy.could_enter(facts.peer.ip))
        return fault(Retry::never, "no TLS").tell_peer(30, {7, 0}, "Must issue a STARTTLS command first");
    return stranger(facts.tls && facts.tls->certificate_sha256.empty() ? "no certificate shown"
                                                                       : "no proof of membership");
}

boost::asio::awaitable<Result<Transaction>> Admission::begin(Entrant entrant, mail::Sender sender)
{
    Transaction transaction;
    transaction.generation = std::move(entrant.generation);
    transaction.organisation = entrant.organisation;
    transaction.peer = entrant.peer;
    transaction.tls = entrant.tls;
    transaction.listener = std::move(entrant.listener);
    transaction.rates = std::make_shared<RateBook>(sources_.rates);
    transaction.sender = std::move(sender);
    const auto* suspension = transaction.organisation->suspension(sources_.clock.now());
    if (suspension && suspension->kind == vocabulary::Suspension::Kind::sanction)
        co_return fault(Retry::never, "organisation suspended")
            .tell_peer(50, {7, 1},
                       fmt::format("{} is suspended from this service; ask {}", transaction.organisation->name,
                                   transaction.policy().community().operator_address.text()));
    auto judged = co_await judge_sender(transaction);
    if (!judged) co_return std::unexpected(judged.error());
    co_return transaction;
}

boost::asio::awaitable<Result<void>> Admission::judge_sender(Transaction& transaction)
{
    const auto& path = transaction.sender.path;
    if (!path) {
        transaction.standing = SenderStanding::null;
        co_return Result<void>{};
    }
    const auto& organisation = *transaction.organisation;
    if (auto inside = transform::inside(*path, organisation)) {
        transaction.inside_sender = std::move(inside);
        auto outside = transform::outside(*path, organisation);
        co_return co_await judge_listed(transaction, outside ? *outside : *path);
    }
    const auto owner = transaction.policy().owner_of(path->domain());
    if (owner && !owner->organisation) {  // directly at the suffix: the directory knows whose it is
        auto entry = co_await sources_.people.find(*path);
        if (!entry) co_return std::unexpected(entry.error());
        if (*entry && (*entry)->organisation == organisation.id) {
            transaction.inside_sender = *path;
            co_return co_await judge_listed(transaction, *path);
        }
    } else if (owner) {  // what came from us may come back: only the content tells a redirect or a loop from a forgery
        transaction.standing = SenderStanding::redirect;
        transaction.inside_sender = owner->inside ? *path : transform::inside(*path, *owner->organisation);
        co_return Result<void>{};
    }
    co_return fault(Retry::never, "sender of another domain")
        .about(printable(path->text()))
        .tell_peer(50, {7, 1},
                   fmt::format("<{}> is not an address of {}, whose connection this is", printable(path->text()),
                               organisation.name));
}

// Where a member's people are listed, its senders are too: a suspended or unknown one is told so at once.
boost::asio::awaitable<Result<void>> Admission::judge_listed(const Transaction& transaction,
                                                             const mail::Address& outside)
{
    const auto& organisation = *transaction.organisation;
    if (organisation.users != vocabulary::Users::listed) co_return Result<void>{};
    auto entry = co_await sources_.people.find(outside);
    if (!entry) co_return std::unexpected(entry.error());
    if (!*entry || (*entry)->organisation != organisation.id)
        co_return fault(Retry::never, "sender not listed")
            .about(outside.text())
            .tell_peer(50, {1, 8},
                       fmt::format("<{}> is not registered with this service; ask the administrator of {}",
                                   printable(outside.text()), organisation.name));
    if ((*entry)->status != vocabulary::EntryStatus::active)
        co_return fault(Retry::never, "sender not active")
            .about(outside.text())
            .tell_peer(50, {7, 1},
                       fmt::format("<{}> is {} and can't send; ask the administrator of {}", printable(outside.text()),
                                   vocabulary::name_of((*entry)->status), organisation.name));
    co_return Result<void>{};
}

bool CallOuts::allowed(const std::string& organisation, const vocabulary::Rate& rate)
{
    const std::lock_guard lock(mutex_);
    auto& bucket = buckets_[organisation];
    const Instant now = clock_.now();
    const double seconds = std::chrono::duration<double>(now - bucket.at).count();
    const double per_second =
        static_cast<double>(rate.count) / std::max(1e-6, std::chrono::duration<double>(rate.per).count());
    bucket.used = bucket.at == Instant{} ? 0 : std::max(0.0, bucket.used - seconds * per_second);
    bucket.at = now;
    return bucket.used < static_cast<double>(rate.count);
}

void CallOuts::count(const std::string& organisation)
{
    const std::lock_guard lock(mutex_);
    buckets_[organisation].used += 1;
}

void CallOuts::forgive(const std::string& organisation, unsigned questions)
{
    if (questions == 0) return;
    const std::lock_guard lock(mutex_);
    auto& used = buckets_[organisation].used;
    used = std::max(0.0, used - questions);
}

}  // namespace postern::gateway
