#include "gateway/returned_reports.hpp"

#include "base/text.hpp"
#include "report/returned_report.hpp"
#include "transform/mapping.hpp"
#include "transform/trace_token.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

// Each is a question to the ledger; nobody hands over more recipients at once than SMTP servers take.
constexpr std::size_t most_fates = 100;

using report::ReportedFate;
using report::ReturnedReport;
using Kind = ReturnedReport::Kind;

/// The reported address in its form inside the community; nothing if it is none of that member's.
std::optional<mail::Address> own_inside(const std::string& reported, const vocabulary::Organisation& of)
{
    const auto address = mail::Address::parse(reported);
    return address ? transform::inside(*address, of) : std::nullopt;
}

/// RFC 8098 section 3: From is the person for whom it speaks.
std::optional<mail::Address> author(const mail::Header& header, const vocabulary::Organisation& of)
{
    const auto* field = header.find("From");
    if (field == nullptr || header.count("From") != 1) return std::nullopt;
    const auto list = mail::find_addresses(field->value);
    if (list.malformed || list.has_group || list.places.size() != 1) return std::nullopt;
    return transform::inside(list.places.front().address, of);
}

/// Why the report as a whole does not count; nothing: it may.
std::string_view objection(const Transaction& transaction, const ReturnedReport& report)
{
    const bool null = transaction.standing == SenderStanding::null;
    if (report.kind == Kind::delivery && !null) return "a delivery report has the null sender";
    if (!null && transaction.standing != SenderStanding::proved) return "its sender is none of that member";
    if (transaction.recipients.size() != 1) return "it goes to more than one recipient";
    if (transaction.recipients.front().organisation == nullptr) return "it goes to nobody inside";
    return {};
}

/// Carries one report through its questions to the ledger.
class Inquiry {
public:
    Inquiry(Sources sources, const Transaction& transaction, const mail::Header& header, const ReturnedReport& report)
        : sources_(sources), transaction_(transaction), report_(report)
    {
        if (report.kind == Kind::disposition) author_ = author(header, *transaction.organisation);
        if (const auto head = mail::Header::parse(report.returned_head))
            token_ = transform::find_token(*head, sources.trace_key);
    }

    /// RecipientRecord::id of whom it means; nothing: nobody to whom anything was handed over.
    boost::asio::awaitable<Result<std::optional<std::int64_t>>> recipient_of(const ReportedFate& fate)
    {
        const auto& member = *transaction_.organisation;
        const auto named = own_inside(fate.final_recipient, member);
        const auto asked = own_inside(fate.original_recipient, member);
        // ORCPT says whom the sender meant, also where an alias of theirs led on to somebody else.
        const auto& meant = asked ? asked : named;
        if (!meant) co_return std::optional<std::int64_t>{};
        if (report_.kind == Kind::disposition && author_ != named && author_ != meant)
            co_return std::optional<std::int64_t>{};
        if (token_ && (token_->organisation != member.id || !token_->names(meant->key(), sources_.trace_key)))
            co_return std::optional<std::int64_t>{};
        store::HandedOver what;
        if (token_) what.id = token_->message_id;
        what.sent_by = transaction_.recipients.front().organisation->id;
        what.message_id = report_.message_id;
        what.envelope_id = report_.envelope_id;
        what.organisation = member.id;
        what.recipient = meant->text();
        co_return co_await sources_.history.handed_over(std::move(what));
    }

private:
    Sources sources_;
    const Transaction& transaction_;
    const ReturnedReport& report_;
    std::optional<mail::Address> author_;
    std::optional<transform::TraceToken> token_;
};

void log_why_not(Log& log, const Transaction& transaction, std::string_view reason)
{
    log.info("report does not count", {{"organisation", transaction.organisation->id},
                                       {"recipient", transaction.recipients.front().inside.text()},
                                       {"reason", reason}});
}

}  // namespace

boost::asio::awaitable<Result<std::vector<store::HeardOf>>> heard_in(Sources sources, Log& log,
                                                                     const Transaction& transaction,
                                                                     const mail::Header& header,
                                                                     const std::string& content)
{
    std::vector<store::HeardOf> heard;
    const auto read = report::read_returned_report(content, header);
    if (!read) log_why_not(log, transaction, read.error().describe());
    if (!read || !*read) co_return heard;
    const ReturnedReport& report = **read;
    if (const auto why = objection(transaction, report); !why.empty()) {
        log_why_not(log, transaction, why);
        co_return heard;
    }
    if (report.fates.size() > most_fates) {
        log_why_not(log, transaction, fmt::format("it tells of {} recipients", report.fates.size()));
        co_return heard;
    }
    Inquiry inquiry(sources, transaction, header, report);
    const ReportedFate* stranger = nullptr;
    for (const ReportedFate& fate : report.fates) {
        auto recipient = co_await inquiry.recipient_of(fate);
        if (!recipient) co_return std::unexpected(recipient.error());
        if (*recipient)
            heard.push_back({**recipient, fate.heard, transaction.organisation->id, fate.words});
        else
            stranger = &fate;
    }
    if (stranger != nullptr)
        log_why_not(log, transaction,
                    fmt::format("nothing with these ids ({}) was handed to this member for {}",
                                printable(report.message_id.empty() ? report.envelope_id : report.message_id),
                                printable(stranger->final_recipient)));
    co_return heard;
}

}  // namespace postern::gateway
