#include "gateway/list_copies.hpp"

#include "base/text.hpp"
#include "gateway/address_forms.hpp"
#include "gateway/composition.hpp"
#include "gateway/judgement.hpp"
#include "gateway/recalled.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::gateway {

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t decided_at_once = 200;  ///< members, a millisecond or two

/// RFC 2919: a name below the community's suffix, the same for ever.
std::string list_id(const mail::Address& inside)
{
    std::string local;
    for (const char c : to_lower(inside.local())) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        local += plain ? c : '-';
    }
    return fmt::format("<{}.{}>", local, inside.domain().key());
}

/// RFC 2369: how to leave is to write to who looks after the list.
Fields list_fields(const mail::Address& inside, const std::optional<mail::Address>& owner)
{
    Fields fields{{"List-Id", list_id(inside)}, {"List-Post", fmt::format("<mailto:{}>", inside.text())}};
    if (owner) {
        fields.emplace_back("List-Owner", fmt::format("<mailto:{}>", owner->text()));
        fields.emplace_back("List-Unsubscribe",
                            fmt::format("<mailto:{}?subject=unsubscribe%20{}>", owner->text(), inside.text()));
    }
    fields.emplace_back("Precedence", "list");
    return fields;
}

bool came_by(const mail::Header& header, const std::string& id)
{
    const auto* field = header.find("List-Id");
    return field != nullptr && to_lower(field->value).find(id) != std::string::npos;
}

/// Whether what is sent to this list reaches its members, or will without anybody's doing. What people may still
/// delete, or was refused, has served nobody.
bool serves(const store::RecipientRecord& list)
{
    return list.state == store::State::queued || list.state == store::State::expanded;
}

}  // namespace

ListCopies::Async<Result<vocabulary::DirectoryEntryPtr>> ListCopies::list_named(std::string hop_address)
{
    auto own = list_of_hop(hop_address);
    if (!own) co_return std::unexpected(own.error());
    auto entry = co_await sources_.people.find(std::move(*own));
    if (!entry) co_return std::unexpected(entry.error());
    const bool stands =
        *entry && (*entry)->kind == vocabulary::EntryKind::list && (*entry)->status == vocabulary::EntryStatus::active;
    if (!stands)
        co_return fault(Retry::never, "the list is no longer there")
            .tell_peer(50, {1, 1}, "The list is no longer there");
    co_return *entry;
}

/// Who has the message already, or gets it by a list of the same message whose address comes first: keys of own forms.
ListCopies::Async<Result<std::set<std::string>>> ListCopies::served(const Transaction& transaction,
                                                                    const mail::Header& header, const std::string& id,
                                                                    const store::RecipientRecord& recipient)
{
    std::set<std::string> keys;
    auto trace = co_await sources_.history.message(id);
    if (!trace) co_return std::unexpected(trace.error());
    if (!*trace) co_return keys;
    for (const auto& other : (*trace)->recipients) {
        if (other.id == recipient.id) continue;
        if (!is_list_hop(other.hop_address)) {
            const auto address = mail::Address::parse(other.address);
            if (address && other.state != store::State::refused) keys.insert(address->key());
            continue;
        }
        if (other.address >= recipient.address || !serves(other)) continue;
        auto list = co_await list_named(other.hop_address);
        if (!list && list.error().retry() == Retry::later) co_return std::unexpected(list.error());
        if (!list || came_by(header, list_id(inside_form(transaction.policy(), (*list)->address)))) continue;
        auto first = co_await expand_list(sources_.people, **list, &transaction);
        if (!first) continue;
        for (const auto& member : first->members) keys.insert(inside_form(transaction.policy(), member.own).key());
    }
    co_return keys;
}

ListCopies::Async<Result<void>> ListCopies::decide(const Transaction& transaction, const ListMember& member,
                                                   mail::Address inside, const MessageView& view, Decided& decided,
                                                   ListCopy& copy)
{
    mail::Recipient said{std::move(inside), {}, {}};
    const mail::Recipient again = said;
    auto accepted = co_await recipients_.accept(transaction, std::move(said));
    if (!accepted && accepted.error().retry() == Retry::never) {
        ++copy.left_out;
        co_return Result<void>{};
    }
    if (!accepted) {
        // Only this member waits: its server can't be asked now.
        const auto owner = transaction.policy().owner_of(again.address.domain());
        AcceptedRecipient waits{again, again.address, member.own.text(), owner ? owner->organisation : nullptr, {}, {},
                                {}};
        decided.recipients.push_back(Verdicts::turned_away(waits, accepted.error()));
        ++copy.members;
        co_return Result<void>{};
    }
    const Ruling ruling;
    const std::size_t before = decided.recipients.size();
    co_await verdicts_.decide(transaction, *accepted, view, ruling, decided);
    // What rules refuse to a member is no failure of the list.
    for (std::size_t i = before; i < decided.recipients.size(); ++i)
        ++(decided.recipients[i].verdict == Verdict::refuse ? copy.left_out : copy.members);
    // Of this member's alone: those before were looked at, and there may be thousands.
    const auto fresh = decided.recipients.begin() + static_cast<std::ptrdiff_t>(before);
    const auto kept = std::remove_if(fresh, decided.recipients.end(),
                                     [](const PlannedRecipient& one) { return one.verdict == Verdict::refuse; });
    decided.recipients.erase(kept, decided.recipients.end());
    co_return Result<void>{};
}

ListCopies::Async<Result<ListCopy>> ListCopies::make(GenerationPtr generation,
                                                     std::shared_ptr<const store::MessageRecord> message,
                                                     store::Content content, store::RecipientRecord recipient)
{
    const auto header = mail::Header::parse(*content, recalled_header);
    if (!header) co_return std::unexpected(header.error());
    auto list = co_await list_named(recipient.hop_address);
    if (!list) co_return std::unexpected(list.error());
    auto from = *message;
    if (from.organisation.empty()) from.organisation = (*list)->organisation;  // made here: an alert, a notice
    auto transaction = recalled_transaction(generation, from, nullptr);
    if (!transaction) co_return std::unexpected(transaction.error());
    const auto inside = inside_form(transaction->policy(), (*list)->address);
    if (came_by(*header, list_id(inside)))
        co_return fault(Retry::never, "it came by this list before")
            .tell_peer(54, {4, 6}, fmt::format("This message came by the list <{}> before", inside.text()));

    auto expansion = co_await expand_list(sources_.people, **list, &*transaction);
    if (!expansion) co_return std::unexpected(expansion.error());
    auto already = co_await served(*transaction, *header, message->id, recipient);
    if (!already) co_return std::unexpected(already.error());
    ListCopy copy;
    copy.left_out = expansion->left_out;
    Decided decided;
    decided.seen = *already;
    const auto view = co_await verdicts_.look_at(transaction->policy(), *header, content, expansion->members.size());
    std::size_t at_once = 0;
    for (const auto& member : expansion->members) {
        // A long list takes its turns with other mail of this thread.
        if (++at_once % decided_at_once == 0) co_await boost::asio::post(boost::asio::use_awaitable);
        auto whose = inside_form(transaction->policy(), member.own);
        if (decided.seen.contains(whose.key())) {
            // They have it another way, and are counted all the same: or who names somebody beside the list could tell
            // from the number whether they are on it.
            ++copy.members;
            continue;
        }
        auto done = co_await decide(*transaction, member, std::move(whose), view, decided, copy);
        if (!done) co_return std::unexpected(done.error());
    }
    Verdicts::settle_redirects(decided);
    if (decided.recipients.empty()) co_return copy;

    const auto owner_own = mail::Address::parse((*list)->owner);
    std::optional<mail::Address> owner;
    if (owner_own) owner = inside_form(transaction->policy(), *owner_own);
    Judged judged;
    judged.hops = message->hops;
    judged.sender = owner;
    add_to(judged, std::move(decided));
    auto connection = recalled_connection(*message);
    auto fields = list_fields(inside, owner);
    copy.message = compose(*transaction, connection, *header, std::move(content), std::move(judged),
                           sources_.clock.now(), sources_.trace_key, std::string{}, std::move(fields));
    // From here on it is the list's: reports go to its owner's member, and what is decided later is decided so.
    const auto home = owner ? transaction->policy().owner_of(owner->domain()) : std::nullopt;
    copy.message->message.organisation = home && home->organisation ? home->organisation->id : (*list)->organisation;
    copy.message->message.origin = message->origin;
    copy.message->message.ret = mail::Return::unspecified;
    copy.message->message.envelope_id.clear();
    co_return copy;
}

}  // namespace postern::gateway
