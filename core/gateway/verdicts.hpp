// What is done with one recipient's copy: content rules, limits and tags, and recipients that rules put in its place.
//
// Runs in the caller's coroutine, on its thread, under the transaction's generation: for real mail when its content is
// in, once more for what waits undecided or is released from quarantine, and in a rehearsal. What does not depend on
// the recipient is found out once for the message.
#pragma once

#include "gateway/plan.hpp"
#include "gateway/recipients.hpp"
#include "gateway/sources.hpp"
#include "gateway/transaction.hpp"
#include "mail/header.hpp"
#include "mail/mime.hpp"
#include "vocabulary/inspection.hpp"
#include "vocabulary/order.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace postern::gateway {

/// A message as decisions about its recipients see it. `header` is that of `content` and must outlive it.
struct MessageView {
    const mail::Header& header;
    store::Content content;
    std::size_t recipients = 0;                          ///< of the envelope
    std::shared_ptr<const mail::Structure> structure{};  ///< null: no rule asks
    std::optional<vocabulary::Inspection> inspection{};  ///< nothing: no rule asks, or nobody could look
    std::optional<Fault>
        unscanned{};  ///< viruses had to be looked for and could not be: then it waits, whatever rules say
};

/// Somebody whom a rule has told something (notify).
struct Notice {
    vocabulary::Order order;
    std::string rule;       ///< that decided, or the last that held
    std::string recipient;  ///< whose copy it is about
    const vocabulary::Organisation* recipient_organisation = nullptr;
};

/// How a message's recipients are decided.
struct Ruling {
    std::vector<std::string> except{};  ///< names of rules whose verdicts do not count (releases)
    bool follows_rules = true;          ///< redirects and additional recipients are followed
};

/// What was decided about the recipients of a message so far.
struct Decided {
    std::vector<PlannedRecipient> recipients;
    std::vector<Notice> notices;
    std::set<std::string> seen;  ///< keys of recipients that get it, or were refused, in their own right
};

/// "deliver", "reject", "defer", "quarantine", "hold", or the state of one that is elsewhere: "redirected", "refused".
[[nodiscard]] std::string_view name_of(const PlannedRecipient& planned);

class Verdicts {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    explicit Verdicts(Sources sources) : sources_(sources), recipients_(sources) {}

    /// Finds out what some rule asks for. What can't be found out stays unknown: clauses on it defer.
    [[nodiscard]] Async<MessageView> look_at(const policy::Snapshot& policy, const mail::Header& header,
                                             store::Content content, std::size_t recipients) const;

    /// Decides about one recipient, and about those that rules put in its place or beside it: these pass the same
    /// checks at RCPT and the same content rules, but whom their own rules add is not followed.
    /// `transaction.recipients` is not looked at; all of the envelope's recipients are in `decided.seen`.
    [[nodiscard]] Async<void> decide(const Transaction& transaction, const AcceptedRecipient& recipient,
                                     const MessageView& view, const Ruling& ruling, Decided& decided);

    /// When all of the envelope's recipients are decided: a redirect to one of them who is refused is refused with it,
    /// and one to somebody whose own copy goes elsewhere leaves the message where it was. So no redirects of two
    /// recipients to each other make it vanish.
    static void settle_redirects(Decided& decided);

    /// Something to read in the ledger of what was done to the message for this recipient, beside what rules noted.
    static void annotate(PlannedRecipient& recipient, const std::string& note);

    /// A recipient that was refused or put off before its content was looked at.
    [[nodiscard]] static PlannedRecipient turned_away(const AcceptedRecipient& recipient, Fault fault);

private:
    struct Outcome {
        PlannedRecipient planned;
        policy::ContentDecision content;
    };
    [[nodiscard]] Async<Outcome> decide_one(const Transaction& transaction, const AcceptedRecipient& recipient,
                                            const MessageView& view, std::span<const std::string> except);
    [[nodiscard]] Async<void> redirect(const Transaction& transaction, Outcome& from, const MessageView& view,
                                       Decided& decided);
    [[nodiscard]] Async<void> add(const Transaction& transaction, Outcome& beside, const mail::Address& address,
                                  const MessageView& view, Decided& decided);
    [[nodiscard]] Async<Result<Outcome>> other(const Transaction& transaction, const Outcome& from,
                                               const mail::Address& address, mail::Recipient said,
                                               const MessageView& view);
    void note(Outcome& outcome, Decided& decided) const;

    Sources sources_;
    Recipients recipients_;
};

}  // namespace postern::gateway
