#include "control/login_owner.hpp"

#include "control/entry_rules.hpp"

namespace postern::control {

boost::asio::awaitable<std::optional<ports::LoginOwner>> owner_of(gateway::Services services, std::string address)
{
    const auto own = mail::Address::parse(address);
    if (!own) co_return std::nullopt;
    auto entry = co_await services.directory.find(*own);
    if (!entry || !*entry) {
        services.log.warning("nobody is told", {{"recipient", address}, {"reason", "there is no entry to be asked"}});
        co_return std::nullopt;
    }
    const auto policy = services.generations.current()->policy;
    co_return login_owner(*policy, **entry, services.clock.now());
}

}  // namespace postern::control
