// What is to be done with a delivery now, by the policy in force now: suspension, age, quarantine, route.
//
// Read anew at every attempt, on the worker's thread. Reads the snapshot; beyond that it raises an alarm where mail
// waits for an organisation that is no longer declared.
#pragma once

#include "gateway/services.hpp"
#include "queue/courier.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace postern::gateway {

struct GiveUp {
    store::State state;  ///< failed or expired
    std::string reply;
    std::string reason;  ///< plain words for the report; may be empty
};
struct Hold {
    std::string reason;
    std::string words;  ///< for the sender
};
struct Defer {
    Fault why;
};
struct Carry {
    vocabulary::NextHop hop;
    std::vector<std::size_t> recipients;  ///< indices of those whose route this is; the others follow
};
/// Its verdict was put off: it comes first, whatever else may be said.
struct DecideFirst {};
/// It is a list's: its members get a copy instead.
struct Expand {};
using Decision = std::variant<Carry, Hold, GiveUp, Defer, DecideFirst, Expand>;

/// Why mail for a suspended organisation is held.
inline constexpr std::string_view outage_hold = "outage";
/// Key of the alarm about an organisation that is no longer declared, in front of its id.
inline constexpr std::string_view gone_alarm = "organisation-gone ";

[[nodiscard]] Decision decide(const Services& services, const Generation& generation, const queue::Ready& ready);

/// What we say ourselves is said to people in the same words: a reply's text without code and status.
[[nodiscard]] std::string words_of(const std::string& reply);

}  // namespace postern::gateway
