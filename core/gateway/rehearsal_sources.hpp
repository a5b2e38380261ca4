// Whom a rehearsal asks in place of the running engine: a clock that stands still, people that were declared or
// assumed, a ledger without mail, members' servers that know everybody. What was assumed is noted.
//
// Made for one rehearsal and used on its thread.
#pragma once

#include "gateway/rehearsal.hpp"
#include "gateway/sources.hpp"

namespace postern::gateway {

class RehearsalSources {
public:
    RehearsalSources(const RehearsalDesk& desk, Instant at, std::optional<bool> first_contact,
                     std::vector<std::string>& notes);
    RehearsalSources(const RehearsalSources&) = delete;
    RehearsalSources& operator=(const RehearsalSources&) = delete;

    [[nodiscard]] const Sources& sources() const noexcept { return sources_; }
    [[nodiscard]] policy::TrailBook& book() noexcept { return book_; }
    [[nodiscard]] const GenerationPtr& generation() const noexcept { return generation_; }

private:
    class FixedClock final : public Clock {
    public:
        explicit FixedClock(Instant at) : at_(at) {}
        [[nodiscard]] Instant now() const override { return at_; }

    private:
        Instant at_;
    };

    /// Nothing was handed over before a rehearsal; who wrote to whom is what its mail says.
    class NoHistory final : public History {
    public:
        explicit NoHistory(std::optional<bool> first_contact) : first_contact_(first_contact) {}
        [[nodiscard]] boost::asio::awaitable<Result<std::optional<store::Trace>>> message(std::string id) override;
        [[nodiscard]] boost::asio::awaitable<Result<bool>> has_reached(std::string sender,
                                                                       std::string recipient) override;
        [[nodiscard]] boost::asio::awaitable<Result<std::optional<std::int64_t>>> handed_over(
            store::HandedOver what) override;

    private:
        std::optional<bool> first_contact_;
    };

    class AssumedServers final : public MemberServers {
    public:
        explicit AssumedServers(std::vector<std::string>& notes) : notes_(notes) {}
        [[nodiscard]] boost::asio::awaitable<Result<bool>> knows(GenerationPtr generation,
                                                                 const vocabulary::NextHop& hop,
                                                                 mail::Address address) override;

    private:
        std::vector<std::string>& notes_;
    };

    /// Finds what it is told to find, and what a scanner sees that looks for no viruses.
    class AssumedInspector final : public ports::Inspector {
    public:
        AssumedInspector(vocabulary::Inspection findings, ports::Inspector* asked)
            : findings_(std::move(findings)), asked_(asked)
        {
        }
        [[nodiscard]] boost::asio::awaitable<Result<vocabulary::Inspection>> inspect(
            ports::InspectionOrder order) override;

    private:
        vocabulary::Inspection findings_;
        ports::Inspector* asked_;
    };

    policy::TrailBook book_;
    FixedClock clock_;
    ports::Metrics metrics_;
    RehearsedPeople people_;
    NoHistory history_;
    AssumedServers servers_;
    AssumedInspector inspector_;
    Sources sources_;
    GenerationPtr generation_;
};

/// Signs what rehearsals compose; no token that comes with mail is ours by it.
[[nodiscard]] const transform::TraceKey& rehearsal_key();

/// Each rule once: it may be walked over at RCPT and again at delivery, and the last look counts.
[[nodiscard]] policy::Trail each_once(const policy::Trail& trail);
/// The rule of this file that was the last to hold; empty: none did.
[[nodiscard]] std::string last_that_held(const policy::Trail& trail, std::string_view file);
/// A next hop in words: "mail.example.org:25".
[[nodiscard]] std::string hop_words(const vocabulary::NextHop& hop);
/// Runs a coroutine to its end, here and now; what it throws comes out.
void run_here(boost::asio::awaitable<void> work);

}  // namespace postern::gateway
