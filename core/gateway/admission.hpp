// Who may enter: whose connection it is, and whether this envelope sender is theirs.
//
// Runs in the session's coroutine, on its thread, under the generation in force at MAIL FROM; in a rehearsal from
// begin() on, with the member named instead of proved.
#pragma once

#include "gateway/sources.hpp"
#include "gateway/transaction.hpp"
#include "ports/alarms.hpp"
#include "ports/reception.hpp"

#include <boost/asio/awaitable.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace postern::gateway {

/// What is known of a connection when MAIL comes.
struct ConnectionFacts {
    ports::Peer peer;
    bool clear_text_declared = false;
    std::optional<ports::TlsShown> tls;
    std::string hello;
    bool extended = false;
};

/// Whose connection it is, or why nobody's: 530 (TLS first), 550 (a stranger, who learns nothing). Proofs of two
/// members raise the alarm "ambiguous-proof PEER".
[[nodiscard]] Result<const vocabulary::Organisation*> prove_member(const Generation& generation,
                                                                   const ConnectionFacts& facts, ports::Alarms& alarms);

/// A connection whose member is known.
struct Entrant {
    GenerationPtr generation;
    const vocabulary::Organisation* organisation = nullptr;  ///< in that generation
    vocabulary::Ip peer;
    bool tls = false;
    std::string listener{};  ///< its name
};

class Admission {
public:
    explicit Admission(Sources sources) : sources_(sources) {}

    /// Begins a transaction, or says why not: 550 5.7.1 (suspended, not your address), 550 5.1.8 (not registered), 450
    /// (directory unavailable).
    [[nodiscard]] boost::asio::awaitable<Result<Transaction>> begin(Entrant entrant, mail::Sender sender);

private:
    [[nodiscard]] boost::asio::awaitable<Result<void>> judge_sender(Transaction& transaction);
    [[nodiscard]] boost::asio::awaitable<Result<void>> judge_listed(const Transaction& transaction,
                                                                    const mail::Address& outside);

    Sources sources_;
};

/// How often each member may ask about recipients without sending: null sender, RCPT, no DATA. Thread-safe.
class CallOuts {
public:
    explicit CallOuts(const Clock& clock) : clock_(clock) {}
    [[nodiscard]] bool allowed(const std::string& organisation, const vocabulary::Rate& rate);
    void count(const std::string& organisation);
    /// Those that were no questions: a message followed.
    void forgive(const std::string& organisation, unsigned questions);

private:
    struct Bucket {
        double used = 0;
        Instant at{};
    };
    const Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Bucket> buckets_;
};

}  // namespace postern::gateway
