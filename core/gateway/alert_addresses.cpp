#include "gateway/alert_addresses.hpp"

#include "policy/source.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <set>

namespace postern::gateway {

namespace {

using vocabulary::DeclaredAddress;

/// What the directory says of one address; waits for it.
Result<vocabulary::DirectoryEntryPtr> find(ports::People& people, const mail::Address& address)
{
    Result<vocabulary::DirectoryEntryPtr> found = vocabulary::DirectoryEntryPtr{};
    boost::asio::io_context context(1);
    boost::asio::co_spawn(context, people.find(address),
                          [&](std::exception_ptr failed, Result<vocabulary::DirectoryEntryPtr> answer) {
                              if (failed) std::rethrow_exception(failed);
                              found = std::move(answer);
                          });
    context.run();
    return found;
}

class Check {
public:
    Check(const policy::Snapshot& policy, std::string_view bytes, ports::People* people)
        : policy_(policy), people_(people), source_("alerts.yaml", bytes, diagnostics_)
    {
    }

    policy::Diagnostics finish() &&
    {
        for (const auto& declared : policy_.alerts().addresses)
            if (seen_.insert(declared.address.key()).second) look_at(declared);
        return std::move(diagnostics_);
    }

private:
    void look_at(const DeclaredAddress& declared)
    {
        const auto owner = policy_.owner_of(declared.address.domain());
        if (owner) return inside(declared, owner->organisation);
        if (declared.address.domain().is_below(policy_.community().suffix.key()))
            return warn(declared, fmt::format("no member has the domain of {}", declared.address.text()),
                        "nobody gets this; name an address of a member");
        outside(declared);
    }

    void inside(const DeclaredAddress& declared, const vocabulary::Organisation* organisation)
    {
        if (organisation && organisation->users != vocabulary::Users::listed) return;
        if (!people_) return;
        const auto own = organisation ? transform::outside(declared.address, *organisation) : std::nullopt;
        const auto entry = find(*people_, own ? *own : declared.address);
        if (!entry) return warn(declared, "whether this address exists can't be told: " + entry.error().detail());
        if (!*entry)
            return warn(declared, fmt::format("the directory has no {}", declared.address.text()),
                        "its mail waits in vain; import it (postern directory import), or name another");
        if ((*entry)->status != vocabulary::EntryStatus::active)
            warn(declared,
                 fmt::format("{} is {} in the directory", declared.address.text(),
                             vocabulary::name_of((*entry)->status)),
                 "it gets no mail; name another");
    }

    void outside(const DeclaredAddress& declared)
    {
        vocabulary::Facts facts;
        facts.stage = vocabulary::Stage::delivery;
        facts.time = SystemClock().now();
        facts.origin = vocabulary::Origin::alert;
        facts.recipient = &declared.address;
        facts.recipient_inside = false;
        const auto route = policy_.route(facts);
        if (route && !route->next_hop)
            warn(declared, fmt::format("no route leads to {}, which lies outside", declared.address.text()),
                 "routing.yaml: when: { origin: alert, recipient.inside: false }");
    }

    void warn(const DeclaredAddress& declared, std::string what, std::string remedy = {})
    {
        source_.warning({declared.line, declared.column, declared.length}, std::move(what), std::move(remedy));
    }

    const policy::Snapshot& policy_;
    ports::People* people_;
    policy::Diagnostics diagnostics_;
    policy::Source source_;
    std::set<std::string> seen_;
};

}  // namespace

policy::Diagnostics check_alert_addresses(const policy::Snapshot& policy, std::string_view alerts_yaml,
                                          ports::People* people)
{
    return Check(policy, alerts_yaml, people).finish();
}

}  // namespace postern::gateway
