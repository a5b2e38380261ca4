// Lets a script rest for the mail of one organisation after it went over its budget several times: whoever found a
// message that makes it expensive can't have it run again and again. Tells of scripts that fail whatever comes.
//
// Thread-safe; belongs to one generation, so a reload gives a script another chance.
#pragma once

#include "base/clock.hpp"
#include "ports/alarms.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace postern::script {

class Breaker {
public:
    static constexpr unsigned overruns = 3;  ///< within `window`
    static constexpr Duration window = std::chrono::seconds{60};
    static constexpr Duration rest = std::chrono::seconds{30};
    static constexpr unsigned failures = 3;                     ///< in a row, for an alarm
    static constexpr Duration calm = std::chrono::seconds{60};  ///< without an error, and the next success ends it
    static constexpr std::size_t most = 10'000;                 ///< pairs that are watched at one time

    /// `alarms` may be null.
    Breaker(const Clock& clock, ports::Alarms* alarms) : clock_(clock), alarms_(alarms) {}
    /// Ends the alarms that it raised, but for those that another generation's has raised since.
    ~Breaker();
    Breaker(const Breaker&) = delete;
    Breaker& operator=(const Breaker&) = delete;

    /// The error of a call that is not made, or nothing.
    [[nodiscard]] std::string resting(std::string_view file, std::string_view organisation) const;
    void record(std::string_view file, std::string_view organisation, bool over);
    /// How a call ended that did not go over its budget; `error` empty: well.
    void note(std::string_view file, std::string_view error);

private:
    struct Watched {
        unsigned over = 0;
        Instant since{};
        Instant until{};  ///< rests until then
        bool alarmed = false;
        std::uint64_t times = 0;  ///< that the alarm had been raised when this raised it last
    };
    struct Failing {
        unsigned in_a_row = 0;
        Instant last{};
        bool alarmed = false;
        std::uint64_t times = 0;  ///< the same
    };
    [[nodiscard]] static std::string key_of(std::string_view file, std::string_view organisation);
    void forget_old(Instant now);
    /// How often it has been raised, by this and by others; 0: it does not stand.
    [[nodiscard]] std::uint64_t times_raised(const std::string& alarm) const;

    const Clock& clock_;
    ports::Alarms* alarms_;
    mutable std::mutex mutex_;
    std::map<std::string, Watched, std::less<>> watched_;
    std::map<std::string, Failing, std::less<>> failing_;  ///< scripts
};

}  // namespace postern::script
