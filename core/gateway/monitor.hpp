// What has to be looked at now and then rather than where it happens: age of the queue, destinations, certificates,
// disk, storage, failures. Raises and clears the alarms, at the thresholds that alerts.yaml declares.
//
// A coroutine on the alerts engine's reactor; no mail waits for it.
#pragma once

#include "gateway/services.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <set>
#include <string>

namespace postern::gateway {

class Monitor {
public:
    Monitor(Services services, boost::asio::io_context& context) : services_(services), timer_(context) {}

    /// Until stop(); spawn once.
    [[nodiscard]] boost::asio::awaitable<void> run();
    /// On the monitor's thread.
    void stop();

private:
    /// How a destination was found, over the attempts.
    struct Down {
        Instant since{};
        Instant seen{};
        std::string reason;
    };
    struct Failures {
        Instant at{};
        std::uint64_t count = 0;
    };

    [[nodiscard]] boost::asio::awaitable<void> look(const policy::Snapshot& policy);
    [[nodiscard]] boost::asio::awaitable<void> look_at_records(const policy::Snapshot& policy);
    void look_at_storage();
    void look_at_queue(const vocabulary::AlertPolicy& alerts, std::optional<Instant> oldest, std::uint64_t waiting);
    void look_at_destinations(const vocabulary::AlertPolicy& alerts);
    void look_at_failures(const vocabulary::AlertPolicy& alerts);
    void look_at_disk(const policy::Snapshot& policy);
    void look_at_appliance();
    void look_at_certificates(const policy::Snapshot& policy);
    void look_at_certificate(const vocabulary::AlertPolicy& alerts, const std::string& name, const std::string& what,
                             const std::string& file);
    void raise(const std::string& key, const std::string& text, vocabulary::EventFields fields);

    Services services_;
    boost::asio::steady_timer timer_;
    bool stopping_ = false;
    unsigned round_ = 0;
    std::map<std::string, Down> down_;
    std::deque<Failures> failures_;
    std::set<std::string> standing_;  // raised in this round
    std::set<std::string> before_;    // and in the one before
};

}  // namespace postern::gateway
