// The sources of decisions in the running engine: its directory, its ledger, its members' servers.
//
// Made once from the engine's services and shared by all connections; thread-safe as these are.
#pragma once

#include "gateway/services.hpp"
#include "gateway/sources.hpp"

namespace postern::gateway {

class LiveSources {
public:
    explicit LiveSources(Services services) : services_(services), history_(services.store), servers_(services) {}
    LiveSources(const LiveSources&) = delete;
    LiveSources& operator=(const LiveSources&) = delete;

    [[nodiscard]] Sources sources() noexcept
    {
        return {services_.clock,     services_.directory, history_,        servers_, services_.metrics,
                services_.trace_key, services_.inspector, &services_.rates};
    }

private:
    class Ledger final : public History {
    public:
        explicit Ledger(store::MailStore& store) : store_(store) {}
        [[nodiscard]] boost::asio::awaitable<Result<std::optional<store::Trace>>> message(std::string id) override;
        [[nodiscard]] boost::asio::awaitable<Result<bool>> has_reached(std::string sender,
                                                                       std::string recipient) override;
        [[nodiscard]] boost::asio::awaitable<Result<std::optional<std::int64_t>>> handed_over(
            store::HandedOver what) override;

    private:
        store::MailStore& store_;
    };

    class AskedByMail final : public MemberServers {
    public:
        explicit AskedByMail(Services services) : services_(services) {}
        [[nodiscard]] boost::asio::awaitable<Result<bool>> knows(GenerationPtr generation,
                                                                 const vocabulary::NextHop& hop,
                                                                 mail::Address address) override;

    private:
        Services services_;
    };

    Services services_;
    Ledger history_;
    AskedByMail servers_;
};

}  // namespace postern::gateway
