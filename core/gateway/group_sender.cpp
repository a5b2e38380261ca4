#include "gateway/group_sender.hpp"

#include "base/text.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using vocabulary::EntryKind;

/// The one address that a field names, in the form that the directory knows.
std::optional<mail::Address> named_in(const mail::Header& header, std::string_view name, const Transaction& transaction)
{
    const auto* field = header.find(name);
    if (field == nullptr || header.count(name) != 1) return std::nullopt;
    auto list = mail::find_addresses(field->value);
    if (list.places.size() != 1 || list.malformed) return std::nullopt;
    const auto& address = list.places.front().address;
    const auto own = transform::outside(address, *transaction.organisation);
    return own ? *own : address;
}

bool may_mail(const vocabulary::DirectoryEntry& group, const mail::Address& person)
{
    return std::ranges::any_of(group.members, [&](const vocabulary::EntryMember& member) {
        const auto address = mail::Address::parse(member.address);
        return address && address->key() == person.key() && member.mail;
    });
}

}  // namespace

boost::asio::awaitable<Result<std::optional<GroupUse>>> group_use(ports::People& people, const Transaction& transaction,
                                                                  const mail::Header& header)
{
    std::optional<GroupUse> none;
    const auto from = named_in(header, "From", transaction);
    if (!from) co_return none;
    auto found = co_await people.find(*from);
    if (!found) co_return std::unexpected(found.error());
    if (!*found || (*found)->kind != EntryKind::group || (*found)->organisation != transaction.organisation->id)
        co_return none;
    const auto& group = **found;
    GroupUse use{group.address.text(), group.organisation, {}, {}};

    std::optional<mail::Address> person = named_in(header, "Sender", transaction);
    if (!person && transaction.inside_sender) {
        const auto own = transform::outside(*transaction.inside_sender, *transaction.organisation);
        person = own ? *own : *transaction.inside_sender;
    }
    if (person && person->key() == group.address.key()) person.reset();
    if (person) {
        use.person = person->text();
        if (!may_mail(group, *person))
            use.refusal = fault(Retry::never, "sender may not mail as the group")
                              .about(group.address.text())
                              .tell_peer(50, {7, 1},
                                         fmt::format("<{}> may not send as <{}>; its owner <{}> can permit it",
                                                     printable(person->text()), group.address.text(), group.owner));
    } else if (!transaction.policy().unnamed_may_send_as_group()) {
        use.refusal =
            fault(Retry::never, "nobody is named who sends as the group")
                .about(group.address.text())
                .tell_peer(50, {7, 1},
                           fmt::format("Mail from the group <{}> must name the person who sends it in Sender:",
                                       group.address.text()));
    }
    co_return use;
}

}  // namespace postern::gateway
