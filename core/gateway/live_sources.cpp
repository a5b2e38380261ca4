#include "gateway/live_sources.hpp"

#include "gateway/hop.hpp"

namespace postern::gateway {

boost::asio::awaitable<Result<std::optional<store::Trace>>> LiveSources::Ledger::message(std::string id)
{
    store::TraceFilter filter;
    filter.id = std::move(id);
    filter.limit = 1;
    auto found = co_await store_.trace(std::move(filter));
    if (!found) co_return std::unexpected(std::move(found.error()));
    std::optional<store::Trace> one;
    if (!found->empty()) one = std::move(found->front());
    co_return one;
}

boost::asio::awaitable<Result<bool>> LiveSources::Ledger::has_reached(std::string sender, std::string recipient)
{
    return store_.has_reached(std::move(sender), std::move(recipient));
}

boost::asio::awaitable<Result<std::optional<std::int64_t>>> LiveSources::Ledger::handed_over(store::HandedOver what)
{
    return store_.handed_over(std::move(what));
}

boost::asio::awaitable<Result<bool>> LiveSources::AskedByMail::knows(GenerationPtr generation,
                                                                     const vocabulary::NextHop& hop,
                                                                     mail::Address address)
{
    co_return co_await ask_hop(services_, *generation, hop, std::move(address));
}

}  // namespace postern::gateway
