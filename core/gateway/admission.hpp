// Who may enter: whose connection it is, and whether this envelope sender is theirs.
//
// Runs in the session's coroutine, on its thread, under the generation in force at MAIL FROM.
#pragma once

#include "gateway/services.hpp"
#include "gateway/transaction.hpp"
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

class Admission {
public:
    explicit Admission(Services services) : services_(services) {}

    /// Begins a transaction, or says why not: 530 (TLS first), 550 (a stranger, who learns nothing), 550 5.7.1 (not
    /// your address), 450 (directory unavailable), 452 (storage fails).
    [[nodiscard]] boost::asio::awaitable<Result<Transaction>> begin(const ConnectionFacts& facts, mail::Sender sender);

private:
    [[nodiscard]] Result<const vocabulary::Organisation*> member(const Generation& generation,
                                                                 const ConnectionFacts& facts);
    [[nodiscard]] boost::asio::awaitable<Result<void>> judge_sender(Transaction& transaction);
    [[nodiscard]] boost::asio::awaitable<Result<void>> judge_listed(const Transaction& transaction,
                                                                    const mail::Address& outside);

    Services services_;
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
