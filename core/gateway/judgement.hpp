// What only the content can show: whether From agrees, whether a null sender may be, whether the message has been here
// before, and for whom it is too large.
//
// Runs in the session's coroutine, on its thread, under the transaction's generation.
#pragma once

#include "gateway/plan.hpp"
#include "gateway/sources.hpp"
#include "gateway/transaction.hpp"
#include "mail/header.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string_view>
#include <vector>

namespace postern::gateway {

struct Judged {
    std::vector<PlannedRecipient> recipients;  ///< refused ones have a bounce_reason
    std::vector<std::string> rules;            ///< that held, for the ledger
    unsigned hops = 1;
    std::optional<Fault> first_refusal;
    bool any_accepted = false;
    mail::ReversePath sender;  ///< in its form inside; of a redirect: the redirecting person
};

class Judgement {
public:
    explicit Judgement(Sources sources) : sources_(sources) {}

    /// Fault: the whole message is refused (5.6.0 too many Received fields is 5.4.6, From 5.7.1, null sender 5.7.1) or
    /// deferred (the ledger is not available for a redirect).
    [[nodiscard]] boost::asio::awaitable<Result<Judged>> judge(const Transaction& transaction,
                                                               const mail::Header& header, std::string_view content,
                                                               unsigned received_at_most);

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
    [[nodiscard]] std::optional<Fault> judge_recipient(const Transaction& transaction,
                                                       const AcceptedRecipient& recipient,
                                                       const std::optional<transform::TraceToken>& token,
                                                       std::size_t size) const;
    [[nodiscard]] PlannedRecipient plan(const Transaction& transaction, const AcceptedRecipient& recipient,
                                        const mail::Header& header, std::string_view content) const;

    Sources sources_;
};

}  // namespace postern::gateway
