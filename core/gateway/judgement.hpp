// What only the content can show: whether From agrees, whether a null sender may be, whether the message has been here
// before; then, recipient by recipient, what the policy decides (gateway/verdicts).
//
// Runs in the session's coroutine, on its thread, under the transaction's generation.
#pragma once

#include "gateway/group_sender.hpp"
#include "gateway/plan.hpp"
#include "gateway/sources.hpp"
#include "gateway/transaction.hpp"
#include "gateway/verdicts.hpp"
#include "mail/header.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <vector>

namespace postern::gateway {

struct Judged {
    std::vector<PlannedRecipient> recipients;
    std::vector<Notice> notices;
    std::vector<std::string> rules;  ///< that held for somebody, for the ledger
    unsigned hops = 1;
    mail::ReversePath sender;                      ///< in its form inside; of a redirect: the redirecting person
    std::string evidence{};                        ///< for the ledger (gateway/evidence)
    std::optional<vocabulary::Inspection> seen{};  ///< what the scanner found; nothing: it was not asked

    /// SMTP has one answer for all recipients: the fault of the first where all are refused, or all deferred; nothing
    /// where the message is taken.
    [[nodiscard]] const Fault* answer() const noexcept;
};

/// Puts what was decided where it is composed from.
void add_to(Judged& judged, Decided decided);

class Judgement {
public:
    explicit Judgement(Sources sources) : sources_(sources), verdicts_(sources) {}

    /// Fault: the whole message is refused (too many Received fields 5.4.6, From 5.7.1, null sender 5.7.1) or deferred
    /// (the ledger is not available for a redirect, or viruses can't be looked for now). `header` is that of `content`.
    [[nodiscard]] boost::asio::awaitable<Result<Judged>> judge(const Transaction& transaction,
                                                               const mail::Header& header, store::Content content,
                                                               unsigned received_at_most);
    /// Whether the last that was judged is in a group's name: also where it was refused, for the audit.
    [[nodiscard]] const std::optional<GroupUse>& group() const noexcept { return group_; }

private:
    [[nodiscard]] Result<void> judge_null_sender(const Transaction& transaction, const mail::Header& header) const;
    [[nodiscard]] boost::asio::awaitable<Result<void>> judge_redirect(const Transaction& transaction,
                                                                      const mail::Header& header,
                                                                      const transform::TraceToken& token,
                                                                      Judged& judged);
    [[nodiscard]] std::optional<Fault> judge_loop(const Transaction& transaction,
                                                  const std::optional<transform::TraceToken>& token) const;
    [[nodiscard]] std::optional<Fault> loop_of(const Transaction& transaction, const AcceptedRecipient& recipient,
                                               const std::optional<transform::TraceToken>& token) const;
    [[nodiscard]] boost::asio::awaitable<Result<void>> judge_recipients(
        const Transaction& transaction, const mail::Header& header, store::Content content,
        const std::optional<transform::TraceToken>& token, Judged& judged);

    Sources sources_;
    Verdicts verdicts_;
    std::optional<GroupUse> group_;
};

}  // namespace postern::gateway
