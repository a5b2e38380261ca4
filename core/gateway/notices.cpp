#include "gateway/notices.hpp"

#include "base/ids.hpp"
#include "gateway/reports.hpp"
#include "report/notice.hpp"
#include "transform/mapping.hpp"

#include <set>
#include <tuple>

namespace postern::gateway {

namespace {

constexpr vocabulary::Rate bound{20, std::chrono::hours{1}};

struct Told {
    mail::Address address;  ///< in its form inside the community
    const vocabulary::Organisation* organisation = nullptr;
};

boost::asio::awaitable<std::vector<Told>> found(Services services, const policy::Snapshot& policy,
                                                std::optional<mail::Address> address)
{
    std::vector<Told> all;
    if (!address) co_return all;
    const auto owner = policy.owner_of(address->domain());
    if (!owner) co_return all;
    const auto* organisation = owner->organisation;
    if (organisation == nullptr) {  // directly at the suffix: the directory knows whose it is
        const auto entry = co_await services.directory.find(*address);
        if (entry && *entry) organisation = policy.organisation((*entry)->organisation);
    }
    if (organisation != nullptr)
        all.push_back({transform::inside(*address, *organisation).value_or(*address), organisation});
    co_return all;
}

std::vector<Told> administrators(const vocabulary::Organisation* organisation)
{
    std::vector<Told> all;
    if (organisation == nullptr) return all;
    for (const auto& administrator : organisation->administrators)
        if (auto address = transform::inside(administrator, *organisation))
            all.push_back({std::move(*address), organisation});
    return all;
}

boost::asio::awaitable<std::vector<Told>> told(Services services, const policy::Snapshot& policy,
                                               const store::MessageRecord& message, const Notice& notice,
                                               const std::string& whom)
{
    const auto parsed = [](const std::string& text) {
        auto address = mail::Address::parse(text);
        return address ? std::optional(std::move(*address)) : std::nullopt;
    };
    if (whom == "sender_administrators") co_return administrators(policy.organisation(message.organisation));
    if (whom == "recipient_administrators") co_return administrators(notice.recipient_organisation);
    auto address = whom == "operator"    ? std::optional(policy.community().operator_address)
                   : whom == "sender"    ? parsed(message.sender)
                   : whom == "recipient" ? parsed(notice.recipient)
                                         : parsed(whom);
    co_return co_await found(services, policy, std::move(address));
}

std::optional<store::NewMessage> make_notice(Services services, const Generation& generation,
                                             const store::MessageRecord& message, const store::Content& content,
                                             const Notice& notice, const Told& to)
{
    const auto& policy = *generation.policy;
    report::NoticeRequest request;
    request.at = services.clock.now();
    request.notice_id = make_message_id(request.at);
    request.node = policy.node().name;
    request.service = policy.community().suffix.text();
    request.operator_address = policy.community().operator_address.text();
    request.to = to.address.text();
    request.text = notice.order.text;
    request.sender = message.sender;
    request.recipient = notice.recipient;
    request.message_id = message.id;
    request.received = message.received;
    request.content = *content;
    auto built = report::build_notice(request, generation.templates);
    if (!built) {
        services.log.error("notice not made", {{"message", message.id}, {"reason", built.error().describe()}});
        return std::nullopt;
    }
    store::NewMessage made;
    made.content = std::make_shared<const std::string>(std::move(built->content));
    made.message.id = request.notice_id;
    made.message.received = request.at;
    made.message.origin = vocabulary::Origin::alert;
    made.message.generation = policy.generation();
    made.message.header_message_id = "<" + request.notice_id + "@" + request.node + ">";
    made.message.size = made.content->size();
    made.message.body = built->needs_8bit ? mail::Body::eight_bit_mime : mail::Body::seven_bit;
    made.message.smtputf8 = built->smtputf8;
    made.deliveries = plan_own(services, generation, made.message, *made.content, to.address, *to.organisation);
    if (made.deliveries.empty()) return std::nullopt;
    ++services.metrics.notices_made;
    return made;
}

}  // namespace

boost::asio::awaitable<std::vector<store::NewMessage>> make_notices(Services services, GenerationPtr generation,
                                                                    const store::MessageRecord& message,
                                                                    store::Content content, std::vector<Notice> notices)
{
    std::vector<store::NewMessage> made;
    std::set<std::tuple<std::string, std::string, std::string>> sent;
    for (const auto& notice : notices) {
        for (const auto& whom : notice.order.to) {
            const auto people = co_await told(services, *generation->policy, message, notice, whom);
            if (people.empty())
                services.log.warning("notice not sent, nobody is at its address",
                                     {{"message", message.id}, {"recipient", whom}, {"rule", notice.rule}});
            for (const auto& to : people) {
                if (!sent.emplace(to.address.key(), notice.rule, notice.order.text).second) continue;
                if (!services.rates.take("notify", notice.rule + " " + to.address.key(), bound)) {
                    ++services.metrics.notices_suppressed;
                    services.log.warning(
                        "notice not sent, its rule has told this address too often",
                        {{"message", message.id}, {"recipient", to.address.text()}, {"rule", notice.rule}});
                    continue;
                }
                if (auto one = make_notice(services, *generation, message, content, notice, to))
                    made.push_back(std::move(*one));
            }
        }
    }
    co_return made;
}

}  // namespace postern::gateway
