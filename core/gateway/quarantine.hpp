// What people do with mail in quarantine: look, release, delete.
//
// A release scans and decides again under the generation in force, but for the one verdict by which the message is
// there; goes to the recipients whom it was for and to nobody that a rule adds; and takes effect once. Where
// permissions.yaml says `dual_control: [release_quarantine]`, the first who asks is kept and the second releases. Every
// step is an event in the ledger. Runs in the caller's coroutine; any thread.
#pragma once

#include "gateway/live_sources.hpp"
#include "gateway/reconsider.hpp"
#include "gateway/services.hpp"

#include <boost/asio/awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

namespace postern::gateway {

/// What a message in quarantine is, without its content.
struct QuarantinedMail {
    std::vector<store::QueueEntry> entries;                   ///< one for each recipient; the first says the message
    std::vector<std::pair<std::string, std::string>> header;  ///< From, To, Cc, Subject, Date, Message-ID: decoded
    struct Attachment {
        std::string name, type;
        std::uint64_t size = 0;
        std::string sha256;
    };
    std::vector<Attachment> attachments;
    std::vector<store::Event> asked;  ///< "release_asked", since the last release
};

/// What a release did.
struct Released {
    enum class What { released, asked, nothing_there } what = What::released;
    struct Recipient {
        std::string address;
        std::string outcome;  ///< "goes on", "held", "refused", "still in quarantine", "can't be decided now"
        std::string reason;   ///< of all but the first
    };
    std::vector<Recipient> recipients;
};

class Quarantine {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    explicit Quarantine(Services services)
        : services_(services), sources_(services), reconsider_(services, sources_.sources())
    {
    }

    /// Fault (never): nothing with that id is in quarantine.
    [[nodiscard]] Async<Result<QuarantinedMail>> show(std::string id);
    /// Fault (never): there is no such message; the actor is its sender or a recipient, or asked already and a second
    /// person must. What has left quarantine before is `nothing_there`.
    [[nodiscard]] Async<Result<Released>> release(std::string id, std::string reason, std::string actor,
                                                  std::string counts_as);
    /// Its senders get a failure report. Number of recipients; Fault (never): nothing with that id is in quarantine.
    [[nodiscard]] Async<Result<std::size_t>> discard(std::string id, std::string reason, std::string actor);

private:
    [[nodiscard]] Async<Result<std::vector<store::QueueEntry>>> entries(const std::string& id);
    [[nodiscard]] Async<Result<void>> exists(const std::string& id);
    [[nodiscard]] Async<Released::Recipient> release_one(GenerationPtr generation, store::QueueEntry entry,
                                                         std::string reason, std::string actor);

    Services services_;
    LiveSources sources_;
    Reconsider reconsider_;
};

}  // namespace postern::gateway
