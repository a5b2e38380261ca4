#include "gateway/rehearsal_sources.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <unordered_map>

namespace postern::gateway {

RehearsalSources::RehearsalSources(const RehearsalDesk& desk, Instant at, std::optional<bool> first_contact,
                                   std::vector<std::string>& notes)
    : clock_(at),
      people_(desk.policy, desk.people, notes),
      history_(first_contact),
      servers_(notes),
      inspector_(desk.findings, desk.inspector),
      sources_{clock_,   desk.directory != nullptr ? *desk.directory : static_cast<ports::People&>(people_),
               history_, servers_,
               metrics_, rehearsal_key()}
{
    sources_.inspector = &inspector_;
    sources_.trails = &book_;
    auto generation = std::make_shared<Generation>();
    generation->policy = desk.policy;
    generation->published = at;
    generation_ = std::move(generation);
}

boost::asio::awaitable<Result<std::optional<store::Trace>>> RehearsalSources::NoHistory::message(std::string)
{
    co_return std::optional<store::Trace>{};
}

boost::asio::awaitable<Result<bool>> RehearsalSources::NoHistory::has_reached(std::string, std::string)
{
    if (first_contact_) co_return !*first_contact_;
    co_return fault(Retry::later, "nobody looked who wrote to whom");
}

boost::asio::awaitable<Result<std::optional<std::int64_t>>> RehearsalSources::NoHistory::handed_over(store::HandedOver)
{
    co_return std::optional<std::int64_t>{};
}

boost::asio::awaitable<Result<bool>> RehearsalSources::AssumedServers::knows(GenerationPtr, const vocabulary::NextHop&,
                                                                             mail::Address address)
{
    notes_.push_back(fmt::format("its member's server was not asked: <{}> is taken to exist (users: ask)",
                                 printable(address.text())));
    co_return true;
}

boost::asio::awaitable<Result<vocabulary::Inspection>> RehearsalSources::AssumedInspector::inspect(
    ports::InspectionOrder order)
{
    auto found = findings_;
    if (order.structure && !found.parts.empty()) found.parts.resize(order.structure->parts.size());
    if (asked_ == nullptr || !(order.types || order.members)) co_return found;
    order.viruses = false;
    auto seen = co_await asked_->inspect(std::move(order));
    if (!seen) co_return found;  // nothing is known of its parts
    found.parts = std::move(seen->parts);
    for (auto& reason : seen->unscannable)
        if (std::ranges::find(found.unscannable, reason) == found.unscannable.end())
            found.unscannable.push_back(std::move(reason));
    co_return found;
}

const transform::TraceKey& rehearsal_key()
{
    static const transform::TraceKey key(std::string(32, 'r'));
    return key;
}

std::string hop_words(const vocabulary::NextHop& hop)
{
    if (!hop.mx_domain.empty()) return fmt::format("MX of {}", hop.mx_domain);
    std::vector<std::string> hosts;
    for (const auto& host : hop.hosts) hosts.push_back(vocabulary::print_host_port(host));
    return fmt::format("{}", fmt::join(hosts, ", "));
}

policy::Trail each_once(const policy::Trail& trail)
{
    policy::Trail once;
    std::unordered_map<std::string_view, std::size_t> places;
    for (const auto& rule : trail.rules) {
        const auto [known, fresh] = places.try_emplace(rule.rule, once.rules.size());
        if (fresh)
            once.rules.push_back(rule);
        else
            once.rules[known->second] = rule;
    }
    return once;
}

std::string last_that_held(const policy::Trail& trail, std::string_view file)
{
    std::string rule;
    for (const auto& seen : trail.rules)
        if (seen.file == file && seen.held == policy::Truth::yes && seen.why_not.empty()) rule = seen.rule;
    return rule;
}

void run_here(boost::asio::awaitable<void> work)
{
    boost::asio::io_context io(1);
    std::exception_ptr failure;
    boost::asio::co_spawn(io, std::move(work), [&failure](std::exception_ptr thrown) { failure = std::move(thrown); });
    io.run();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace postern::gateway
