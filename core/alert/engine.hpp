// From events to what people are told: rules, the list of alerts, sending, escalation, maintenance.
//
// Lives on a reactor and thread of its own, so that no mail waits for an alert; only hear() and what control calls come
// from other threads. What it decided is in the store before it is sent, so a restart goes on where it was. A store
// that fails is tried again; events wait meanwhile, in a bounded queue.
#pragma once

#include "alert/book.hpp"
#include "alert/event_queue.hpp"
#include "alert/house.hpp"
#include "base/log.hpp"
#include "ports/alarms.hpp"
#include "ports/maintenance.hpp"
#include "ports/metrics.hpp"
#include "store/alert_store.hpp"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <set>

namespace postern::alert {

class Engine final : public ports::EventListener {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    Engine(boost::asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& metrics,
           ports::Alarms& alarms, ports::Maintenance& maintenance, store::MailStore& store, net::Dns& dns,
           House& house);

    /// Once, when a generation is in force.
    void start();
    /// What is under way ends with its deadline; the rest is in the store.
    void stop();

    void hear(vocabulary::Event event) noexcept override;
    /// The policy changed, or somebody announced something.
    void wake();

    // --- for control; any executor ------------------------------------------------------------------------------
    [[nodiscard]] store::AlertStore& list() noexcept { return store_; }
    [[nodiscard]] Async<Result<store::AlertStore::Acknowledged>> acknowledge(std::string id, std::string actor,
                                                                             std::string comment);
    /// Sends a test of a rule, to its own people or to `to`, on all its ways. Gives the alert's id. Fault (never): no
    /// such rule, or nobody to tell.
    [[nodiscard]] Async<Result<std::string>> test(std::string rule, std::vector<std::string> to, std::string actor);
    [[nodiscard]] Async<Result<std::string>> announce(vocabulary::MaintenanceWindow window, std::string actor);
    [[nodiscard]] Async<Result<bool>> cancel(std::string id, std::string actor);

private:
    [[nodiscard]] Async<void> judge();
    [[nodiscard]] Async<void> carry();
    [[nodiscard]] Async<void> keep_house();

    [[nodiscard]] Async<bool> restore();
    [[nodiscard]] Async<bool> handle(const vocabulary::Event& event);
    [[nodiscard]] Async<void> escalate();
    [[nodiscard]] Async<bool> send_mail();
    [[nodiscard]] Async<void> send_one(store::AlertWithSends due);
    [[nodiscard]] Async<void> try_way(store::AlertWithSends due);
    [[nodiscard]] Async<void> fail(const store::AlertRecord& alert, store::AlertSend send, const Fault& why);
    [[nodiscard]] std::vector<store::AlertSend> sends_of(const store::AlertRecord& alert,
                                                         const std::vector<vocabulary::AlertTarget>& to,
                                                         const std::vector<vocabulary::AlertChannel>& by,
                                                         const Present& present, bool escalation,
                                                         const std::string& sender_outside) const;
    /// The address outside of whoever sent the message that the alert is about. Nobody but they are to read it, so it
    /// is asked for when it is needed and stands in no alert.
    [[nodiscard]] Async<std::string> sender_outside(const vocabulary::EventFields& fields);

    // --- maintenance (maintenance.cpp) ---
    [[nodiscard]] Async<void> keep_windows(const Present& present);
    /// What a round of letters about a window is about; each person gets one of it.
    struct Round {
        Duration step{};  ///< under which it is noted who was told
        vocabulary::MailTemplate inside, outside;
        std::optional<std::set<std::string>> only;  ///< addresses; everybody where absent
    };
    [[nodiscard]] Async<void> tell_people(const Present& present, const store::MaintenanceRecord& window);
    /// Whoever was told that it will be.
    [[nodiscard]] Async<void> tell_of_cancellation(const Present& present, const store::MaintenanceRecord& window);
    /// Whether everybody was told, now or before.
    [[nodiscard]] Async<bool> send_round(const Present& present, const store::MaintenanceRecord& window, Round round);
    [[nodiscard]] Async<void> tell_of_window(const store::MaintenanceRecord& window);
    /// The event about this window has become what alerts it becomes.
    [[nodiscard]] Async<void> note_announced(const std::string& window);
    /// A loop's pause, which a wake ends; one that came while the loop was busy ends the next.
    struct Pause {
        explicit Pause(boost::asio::io_context& context) : timer(context) {}
        void end();
        boost::asio::steady_timer timer;
        bool woken = false;
    };
    [[nodiscard]] Async<void> rest(Pause& pause, Duration duration);

    boost::asio::io_context& context_;
    const Clock& clock_;
    Log& log_;
    ports::Metrics& metrics_;
    ports::Alarms& alarms_;
    ports::Maintenance& maintenance_;
    net::Dns& dns_;
    House& house_;
    store::AlertStore store_;

    EventQueue events_;  // any thread
    std::atomic<bool> stopping_{false};
    // From here on the engine's thread alone.
    Book book_;
    Instant started_{};
    bool settled_ = false;  // what stood before the restart and was not raised again has been cleared
    std::map<std::string, std::int64_t> announced_;  ///< windows of which the event was told: id and number
    Pause judging_, carrying_, keeping_;
};

}  // namespace postern::alert
