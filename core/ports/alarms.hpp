// What administrators should know: conditions that were raised and not cleared, and moments that pass.
//
// Thread-safe. Raising writes an alert to the log the first time; status and metrics show what stands. Both conditions
// and moments are events (vocabulary/events): whoever listens turns them into alerts as alerts.yaml declares.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "vocabulary/events.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace postern::ports {

struct Alarm {
    std::string key;   ///< "hop-unproved organisation:greenstone": kind, then object
    std::string text;  ///< what is wrong, what follows, what to do
    Instant since{};
    std::uint64_t times = 0;
};

/// Hears of events. Called on the thread that raised them, which it must not hold up.
class EventListener {
public:
    virtual ~EventListener() = default;
    virtual void hear(vocabulary::Event event) noexcept = 0;
};

class Alarms {
public:
    Alarms(Log& log, const Clock& clock) : log_(log), clock_(clock) {}

    /// A condition stands. The first word of the key says which event it is (vocabulary/events), `fields` what the
    /// event carries. Raised again while it stands, only its text and its count change.
    void raise(const std::string& key, const std::string& text, vocabulary::EventFields fields = {});
    /// Ends the condition, if it stands.
    void clear(const std::string& key);
    /// Something happened that does not stand: a virus was found. `object` says in which message, of whom. Written to
    /// the log at level alert.
    void tell(vocabulary::EventId event, const std::string& object, const std::string& text,
              vocabulary::EventFields fields = {});
    [[nodiscard]] std::vector<Alarm> standing() const;

    /// Null: nobody. What was raised before is heard too, as far as it stands.
    void listen(EventListener* listener);

private:
    [[nodiscard]] vocabulary::Event event_of(const Alarm& alarm, vocabulary::EventFields fields) const;
    void pass_on(vocabulary::Event event) const;

    struct Standing {
        Alarm alarm;
        vocabulary::EventFields fields;
    };
    Log& log_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Standing> standing_;  // under mutex_
    EventListener* listener_ = nullptr;         // under mutex_
};

}  // namespace postern::ports
