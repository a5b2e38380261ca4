#include "gateway/judgement.hpp"

#include "base/text.hpp"
#include "gateway/evidence.hpp"
#include "transform/entry.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using transform::Comeback;

// A redirect happens when mail arrives. A token that counted for ever would be a licence to write in another's name.
constexpr auto redirect_within = std::chrono::days{7};

FaultBuilder loop(std::string detail, std::string text)
{
    return fault(Retry::never, std::move(detail)).tell_peer(54, {4, 6}, std::move(text));
}

// A message that comes back to where it was handed over must be from its member for another recipient to be a redirect.
bool has_redirect(const Transaction& transaction, const std::optional<transform::TraceToken>& token,
                  const transform::TraceKey& key)
{
    return std::ranges::any_of(transaction.recipients, [&](const AcceptedRecipient& recipient) {
        return transform::comes_back(token, transaction.organisation->id, recipient.inside.key(), key) ==
               Comeback::redirect;
    });
}

std::optional<mail::Address> only_from(const mail::Header& header)
{
    const auto* field = header.find("From");
    if (!field || header.count("From") != 1) return std::nullopt;
    auto list = mail::find_addresses(field->value);
    if (list.places.size() != 1 || list.malformed || list.has_group) return std::nullopt;
    return std::move(list.places.front().address);
}

// A server writes its reports in the name of its host (MAILER-DAEMON@mail.member.example), which is no domain that
// anybody declared. The nearest declared one above it must be this member's.
bool is_from_own_host(const Transaction& transaction, const mail::Header& header)
{
    if (transaction.standing != SenderStanding::null) return false;
    const auto from = only_from(header);
    if (!from) return false;
    std::string_view host = from->domain().key();
    for (std::size_t dot = 0; dot != host.npos; dot = host.find('.')) {
        host.remove_prefix(dot == 0 ? 0 : dot + 1);
        const auto domain = mail::Domain::parse(host);
        const auto owner = domain ? transaction.policy().owner_of(*domain) : std::nullopt;
        if (owner && owner->organisation) return owner->organisation == transaction.organisation;
    }
    return false;
}

}  // namespace

boost::asio::awaitable<Result<Judged>> Judgement::judge(const Transaction& transaction, const mail::Header& header,
                                                        store::Content content, unsigned received_at_most)
{
    if (header.count("Received") > received_at_most) {
        ++sources_.metrics.loops_stopped;
        co_return loop(
            "too many Received fields",
            fmt::format("This message has passed more than {} servers: it is going round in a loop", received_at_most));
    }
    Judged judged;
    judged.sender = transaction.inside_sender;
    const auto token = transform::find_token(header, sources_.trace_key);
    if (auto came_back = judge_loop(transaction, token)) co_return std::unexpected(std::move(*came_back));
    const bool redirect = has_redirect(transaction, token, sources_.trace_key);
    if (redirect) {
        auto carried = co_await judge_redirect(transaction, header, *token, judged);
        if (!carried) co_return std::unexpected(carried.error());
    } else {
        if (transaction.standing == SenderStanding::redirect)
            co_return fault(Retry::never, "sender of another member, and no redirect")
                .tell_peer(50, {7, 1},
                           fmt::format("<{}> is not an address of {}, and this message was not redirected by it",
                                       printable(transaction.sender.path->text()), transaction.organisation->name));
        if (transaction.standing == SenderStanding::null)
            if (auto may = judge_null_sender(transaction, header); !may) co_return std::unexpected(may.error());
        if (transaction.organisation->from_must_agree && !is_from_own_host(transaction, header))
            if (auto agrees = transform::check_from(header, *transaction.organisation); !agrees)
                co_return std::unexpected(agrees.error());
        auto group = co_await group_use(sources_.people, transaction, header);
        if (!group) co_return std::unexpected(group.error());
        group_ = std::move(*group);
        if (group_ && group_->refusal) co_return std::unexpected(*group_->refusal);
    }
    const auto& community = transaction.policy().community();
    const auto receipts = transform::receipts_outside(header, transaction.organisation, community.suffix.text());
    if (!receipts.empty() && community.outside_receipts == policy::Community::OutsideReceipts::refuse)
        co_return fault(Retry::never, "it asks for a receipt outside: " + receipts.front())
            .tell_peer(50, {7, 1},
                       fmt::format("{} asks for a receipt outside this community, where none may go; ask for it at an "
                                   "address of {}",
                                   receipts.front(), transaction.organisation->name));
    auto decided = co_await judge_recipients(transaction, header, std::move(content), token, judged);
    if (!decided) co_return std::unexpected(decided.error());
    for (const auto& receipt : receipts)
        for (auto& recipient : judged.recipients)
            Verdicts::annotate(recipient, "taken out, since it asks for a receipt outside: " + receipt);
    co_return judged;
}

// The message as a whole waits where it can't be scanned: its sender keeps it, and nothing of it is taken.
boost::asio::awaitable<Result<void>> Judgement::judge_recipients(const Transaction& transaction,
                                                                 const mail::Header& header, store::Content content,
                                                                 const std::optional<transform::TraceToken>& token,
                                                                 Judged& judged)
{
    auto view =
        co_await verdicts_.look_at(transaction.policy(), header, std::move(content), transaction.recipients.size());
    if (view.unscanned) co_return std::unexpected(*view.unscanned);
    Decided decided;
    std::vector<const AcceptedRecipient*> once;  // said twice: delivered once
    for (const auto& recipient : transaction.recipients)
        if (decided.seen.insert(recipient.inside.key()).second) once.push_back(&recipient);
    const Ruling ruling;
    for (const auto* recipient : once) {
        if (auto came_back = loop_of(transaction, *recipient, token)) {
            ++sources_.metrics.loops_stopped;
            decided.recipients.push_back(Verdicts::turned_away(*recipient, std::move(*came_back)));
            continue;
        }
        co_await verdicts_.decide(transaction, *recipient, view, ruling, decided);
    }
    Verdicts::settle_redirects(decided);
    judged.evidence = evidence_of(transaction, view, sources_.clock.now());
    judged.seen = std::move(view.inspection);
    add_to(judged, std::move(decided));
    co_return Result<void>{};
}

void add_to(Judged& judged, Decided decided)
{
    const auto add_rule = [&](const std::string& rule) {
        if (std::ranges::find(judged.rules, rule) == judged.rules.end()) judged.rules.push_back(rule);
    };
    for (auto& recipient : decided.recipients) {
        for (const auto& rule : recipient.rules) add_rule(rule);
        const bool gets_it = recipient.verdict == Verdict::deliver || recipient.verdict == Verdict::hold;
        if (gets_it)
            for (const auto& tag : recipient.tags) add_rule(tag.rule);
        judged.recipients.push_back(std::move(recipient));
    }
    judged.notices = std::move(decided.notices);
}

const Fault* Judged::answer() const noexcept
{
    const Fault* first = nullptr;
    for (const auto& recipient : recipients) {
        if (recipient.added) continue;  // stands for one of the envelope's, or is nobody whom the sender named
        if (!recipient.fault) return nullptr;
        if (first != nullptr && first->retry() != recipient.fault->retry()) return nullptr;
        if (first == nullptr) first = &*recipient.fault;
    }
    return first;
}

// RFC 5321 section 4.5.5: the null sender is for reports. One recipient, and a form that no person's mail has.
Result<void> Judgement::judge_null_sender(const Transaction& transaction, const mail::Header& header) const
{
    if (transaction.recipients.size() != 1)
        return fault(Retry::never, "null sender to several recipients")
            .tell_peer(50, {7, 1}, "A message without a sender may have one recipient only");
    if (!transform::is_report_or_auto(header))
        return fault(Retry::never, "null sender, but no report")
            .tell_peer(50, {7, 1}, "A message without a sender must be a report or say Auto-Submitted");
    return {};
}

// Somebody at the member sends on what was handed over to them. The envelope sender becomes that person, so that
// failures return to who caused them; From stays and must be the one we handed over, or anyone's name could be used.
boost::asio::awaitable<Result<void>> Judgement::judge_redirect(const Transaction& transaction,
                                                               const mail::Header& header,
                                                               const transform::TraceToken& token, Judged& judged)
{
    const auto& community = transaction.policy().community();
    if (community.redirects == policy::Community::Redirects::refuse)
        co_return fault(Retry::never, "redirects are not carried")
            .tell_peer(50, {7, 1},
                       "This service does not carry redirected messages; forward it as a new message of your own");
    if (token.hops >= community.redirect_hops) {
        ++sources_.metrics.loops_stopped;
        co_return loop("redirected too often", fmt::format("This message has been redirected {} times", token.hops));
    }
    auto found = co_await sources_.history.message(token.message_id);
    if (!found) co_return std::unexpected(found.error());
    const auto from = only_from(header);
    const store::Trace* original = *found ? &**found : nullptr;
    const auto sender = mail::Address::parse(original ? original->message.sender : std::string{});
    const auto* id = header.find("Message-ID");
    const bool same_id = original && id && trim(id->value) == original->message.header_message_id;
    if (!from || !sender || from->key() != sender->key() || !same_id)
        co_return fault(Retry::never, "redirected message is not the one that was handed over")
            .tell_peer(50, {7, 1},
                       "From and Message-ID of a redirected message must be those of the message as it was delivered");
    if (sources_.clock.now() - original->message.received > redirect_within)
        co_return fault(Retry::never, "redirected long after it was handed over")
            .tell_peer(50, {7, 1}, "This message was delivered too long ago to be redirected; forward it as a new one");
    std::vector<std::string> persons;
    for (const auto& recipient : original->recipients)
        if (const auto address = mail::Address::parse(recipient.address);
            address && recipient.organisation == transaction.organisation->id &&
            token.names(address->key(), sources_.trace_key))
            persons.push_back(recipient.address);
    // Several were named and nothing says which of them: whoever answers for the member gets the failures.
    std::optional<mail::Address> person;
    if (persons.size() == 1)
        person = *mail::Address::parse(persons.front());
    else if (!transaction.organisation->administrators.empty())
        person = transform::inside(transaction.organisation->administrators.front(), *transaction.organisation);
    if (!person)
        co_return fault(Retry::never, "redirected by nobody known, at a member without administrators")
            .tell_peer(50, {7, 1}, "Nobody answers for this redirect: the member names no administrator");
    judged.sender = *person;
    judged.hops = token.hops + 1;
    ++sources_.metrics.redirects_carried;
    co_return Result<void>{};
}

// For all its recipients a loop: then that is what its sender's administrator must read, not what else is odd about it.
std::optional<Fault> Judgement::judge_loop(const Transaction& transaction,
                                           const std::optional<transform::TraceToken>& token) const
{
    std::optional<Fault> first;
    for (const auto& recipient : transaction.recipients) {
        auto came_back = loop_of(transaction, recipient, token);
        if (!came_back) return std::nullopt;
        if (!first) first = std::move(came_back);
    }
    if (first) ++sources_.metrics.loops_stopped;
    return first;
}

std::optional<Fault> Judgement::loop_of(const Transaction& transaction, const AcceptedRecipient& recipient,
                                        const std::optional<transform::TraceToken>& token) const
{
    if (transform::comes_back(token, transaction.organisation->id, recipient.inside.key(), sources_.trace_key) !=
        Comeback::loop)
        return std::nullopt;
    return loop(
        "it comes back from the member it was handed to",
        fmt::format("This message was delivered to {} for <{}> and has come back for the same recipient: its server "
                    "or connector sends this domain's mail to us instead of its mailboxes",
                    transaction.organisation->name, recipient.inside.text()));
}

}  // namespace postern::gateway
