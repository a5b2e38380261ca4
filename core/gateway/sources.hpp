// What deciding about a message asks of the world beyond its policy: the time, who there is, what was handed over
// before, what a member's own server knows.
//
// References to interfaces only, so that a rehearsal (explain, policy tests, replay) runs the very code that real mail
// goes through. LiveSources (gateway/live_sources) answers from the running engine. What is referred to must outlive
// whoever holds a Sources.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "gateway/generations.hpp"
#include "ports/inspector.hpp"
#include "ports/metrics.hpp"
#include "ports/people.hpp"
#include "ports/rates.hpp"
#include "store/mail_records.hpp"
#include "transform/trace_token.hpp"
#include "vocabulary/next_hop.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

namespace postern::gateway {

/// The ledger, as far as decisions need it. Thread-safe; awaited on the caller's executor.
class History {
public:
    virtual ~History() = default;
    /// The message of that id; nothing if there is none. Fault::later: the ledger can't be read.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::optional<store::Trace>>> message(std::string id) = 0;
    /// Whether this recipient got anything from this sender, both in their form inside the community. Fault::later: the
    /// ledger can't be read.
    [[nodiscard]] virtual boost::asio::awaitable<Result<bool>> has_reached(std::string sender,
                                                                           std::string recipient) = 0;
    /// Whom a report that came back means (store::MailStore::handed_over). Fault::later: the ledger can't be read.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::optional<std::int64_t>>> handed_over(
        store::HandedOver what) = 0;
};

/// Members' own servers, asked about their addresses (`users: ask`). Thread-safe; awaited on the caller's executor.
class MemberServers {
public:
    virtual ~MemberServers() = default;
    /// Whether the server behind this hop knows the address, in the member's own form. Fault::later: no clear answer.
    [[nodiscard]] virtual boost::asio::awaitable<Result<bool>> knows(GenerationPtr generation,
                                                                     const vocabulary::NextHop& hop,
                                                                     mail::Address address) = 0;
};

struct Sources {
    const Clock& clock;
    ports::People& people;
    History& history;
    MemberServers& member_servers;
    ports::Metrics& metrics;
    const transform::TraceKey& trace_key;
    ports::Inspector* inspector = nullptr;  ///< null: no scanner runs; what it would see is unknown
    ports::Rates* rates = nullptr;          ///< null: nothing is counted
    policy::TrailBook* trails = nullptr;    ///< of a rehearsal: what is looked at gets noted here

    /// For the recipient with this Address::key() of its form inside the community; null for real mail.
    [[nodiscard]] policy::Trail* trail(const std::string& key) const
    {
        return trails != nullptr ? trails->of(key) : nullptr;
    }
};

}  // namespace postern::gateway
