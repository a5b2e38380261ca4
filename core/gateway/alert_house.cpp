#include "gateway/alert_house.hpp"

#include "base/ids.hpp"
#include "gateway/policy_community.hpp"
#include "gateway/reports.hpp"
#include "transform/mapping.hpp"

#include <boost/json.hpp>
#include <set>

namespace postern::gateway {

namespace {

store::NewMessage begin(const alert::Present& present, const alert::Letter& letter, const std::string& id, Instant now)
{
    store::NewMessage message;
    message.message.id = id;
    message.message.received = now;
    message.message.origin = vocabulary::Origin::alert;
    message.message.generation = present.generation;
    boost::json::array reasons{letter.reason};
    if (letter.about_unsent) reasons.emplace_back(reason_unsent);
    message.message.rules = boost::json::serialize(reasons);
    return message;
}

void take_content(store::NewMessage& message, std::string content, const std::string& unique,
                  const alert::Service& service)
{
    message.message.header_message_id = "<" + unique + "@" + service.node + ">";
    message.message.size = content.size();
    message.content = std::make_shared<const std::string>(std::move(content));
}

/// Whose address it is, for one directly at the suffix as well.
boost::asio::awaitable<Result<const vocabulary::Organisation*>> organisation_of(Services services,
                                                                                const policy::Snapshot& policy,
                                                                                mail::Address address)
{
    const auto owner = policy.owner_of(address.domain());
    if (owner && owner->organisation != nullptr) co_return owner->organisation;
    auto entry = co_await services.directory.find(address);
    if (!entry) co_return std::unexpected(entry.error());
    const auto* organisation = *entry ? policy.organisation((*entry)->organisation) : nullptr;
    if (organisation == nullptr)
        co_return fault(Retry::later, "the directory has no such address").about(address.text());
    co_return organisation;
}

}  // namespace

std::optional<mail::Address> AlertHouse::inside(const mail::Address& address) const
{
    const auto generation = services_.generations.current();
    return PolicyCommunity(*generation->policy).inside(address);
}

std::vector<mail::Address> AlertHouse::administrators(std::string_view organisation) const
{
    const auto generation = services_.generations.current();
    return PolicyCommunity(*generation->policy).administrators(organisation);
}

std::vector<std::string> AlertHouse::non_secure(std::string_view organisation) const
{
    const auto generation = services_.generations.current();
    return PolicyCommunity(*generation->policy).non_secure(organisation);
}

alert::Present AlertHouse::present() const
{
    const auto generation = services_.generations.current();
    const auto& policy = *generation->policy;
    return {generation,
            &policy.alerts(),
            generation->outward.keys,
            {policy.community().suffix.text(), policy.node().name, policy.community().operator_address.text()},
            policy.generation()};
}

boost::asio::awaitable<Result<store::NewMessage>> AlertHouse::letter(alert::Present present, alert::Letter letter)
{
    const auto now = services_.clock.now();
    if (!letter.secure) co_return outside_letter(present, letter, now);
    const auto generation = std::static_pointer_cast<const Generation>(present.owner);
    const auto to = mail::Address::parse(letter.to);
    if (!to) co_return std::unexpected(to.error());
    auto organisation = co_await organisation_of(services_, *generation->policy, *to);
    if (!organisation) co_return std::unexpected(organisation.error());
    const auto id = make_message_id(now);
    auto message = begin(present, letter, id, now);
    take_content(message, alert::compose(letter.text, letter.to, id, now, present.service), id, present.service);
    message.deliveries = plan_own(services_, *generation, message.message, *message.content, *to, **organisation);
    if (message.deliveries.empty()) co_return fault(Retry::never, "no delivery could be planned").about(letter.to);
    co_return message;
}

// Nothing in it may name anything: its Message-ID is made for it alone.
Result<store::NewMessage> AlertHouse::outside_letter(const alert::Present& present, const alert::Letter& letter,
                                                     Instant now) const
{
    auto message = begin(present, letter, make_message_id(now), now);
    const auto unique = make_message_id(now);
    auto content = alert::compose(letter.text, letter.to, unique, now, present.service);
    if (present.keys->signer) {
        auto made = present.keys->signer->sign(content, now);
        if (!made) return std::unexpected(made.error());
        content = std::move(*made);
    }
    take_content(message, std::move(content), unique, present.service);
    store::RecipientRecord recipient;
    recipient.address = recipient.hop_address = letter.to;
    recipient.notify = {.specified = true, .never = true};
    store::DeliveryRecord delivery;
    delivery.due = now;
    delivery.recipients.push_back(std::move(recipient));
    message.deliveries.push_back(std::move(delivery));
    return message;
}

void AlertHouse::mail_waits()
{
    services_.schedule.due(services_.clock.now());
}

boost::asio::awaitable<std::string> AlertHouse::non_secure_of(mail::Address person)
{
    const auto generation = services_.generations.current();
    const auto owner = generation->policy->owner_of(person.domain());
    if (!owner) co_return std::string{};
    auto own = owner->organisation ? transform::outside(person, *owner->organisation) : std::nullopt;
    if (own) person = std::move(*own);
    const auto entry = co_await services_.directory.find(person);
    std::string address;
    if (entry && *entry)
        address = (*entry)->non_secure_at(services_.clock.now(), generation->policy->logins().non_secure_rests);
    co_return address;
}

boost::asio::awaitable<Result<std::vector<alert::Person>>> AlertHouse::people()
{
    auto entries = co_await services_.directory.active();
    if (!entries) co_return std::unexpected(entries.error());
    const auto generation = services_.generations.current();
    const auto& policy = *generation->policy;
    const auto now = services_.clock.now();
    std::vector<alert::Person> people;
    std::set<std::string> seen;
    const auto add = [&](std::string address, bool secure) {
        if (seen.insert(address).second) people.push_back({std::move(address), secure});
    };
    for (const auto& entry : *entries) {
        const auto* organisation = policy.organisation(entry.organisation);
        if (organisation == nullptr || organisation->suspension(now) != nullptr) continue;
        const auto address = transform::inside(entry.address, *organisation);
        add(address ? address->text() : entry.address.text(), true);
        const auto& outside = entry.non_secure_at(now, policy.logins().non_secure_rests);
        if (!outside.empty()) add(outside, false);
    }
    for (const auto& organisation : policy.organisations())
        if (organisation.suspension(now) == nullptr)
            for (const auto& address : organisation.alerts_also_to) add(address, false);
    co_return people;
}

}  // namespace postern::gateway
