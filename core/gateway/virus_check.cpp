#include "gateway/virus_check.hpp"

#include "base/digest.hpp"
#include "base/text.hpp"
#include "mail/mime.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using Verdict = vocabulary::Scanner::Verdict;

struct Reason {
    std::string_view name;
    Verdict vocabulary::Scanner::Unscannable::*verdict;
    std::string_view text;  ///< behind "This message can't be checked: "
};

constexpr Reason reasons[] = {
    {"encrypted", &vocabulary::Scanner::Unscannable::encrypted, "an attachment is locked with a password"},
    {"broken", &vocabulary::Scanner::Unscannable::broken, "an attachment is damaged, or not what it says"},
    {"macros", &vocabulary::Scanner::Unscannable::macros, "a document carries macros"},
    {"depth", &vocabulary::Scanner::Unscannable::depth, "its attachments are packed within each other too deeply"},
    {"files", &vocabulary::Scanner::Unscannable::files, "its attachments hold too many files"},
    {"size", &vocabulary::Scanner::Unscannable::size, "its attachments are too large when unpacked"},
    {"time", &vocabulary::Scanner::Unscannable::time, "its attachments take too long to look into"},
};

void tell(const Services& services, const Transaction& transaction, const mail::Header& header,
          std::string_view content, const vocabulary::Inspection& seen)
{
    const auto* subject = header.find("Subject");
    const auto& signature = seen.viruses.front().signature;
    const auto digest = sha256_hex(content);
    const auto sender = transaction.inside_sender ? transaction.inside_sender->text() : std::string("<>");
    services.alarms.tell(
        vocabulary::EventId::virus_found, sender,
        fmt::format("{} was found in a message of {} ({}); it was refused. SHA-256 {}, generation {}, {}", signature,
                    sender, transaction.organisation->id, digest, transaction.policy().generation(), seen.signatures),
        {{"sender.address", sender},
         {"sender.organisation", transaction.organisation->id},
         {"message.subject", subject ? mail::decode_text(subject->value, 200) : std::string{}},
         {"signature", signature},
         {"digest", digest}});
}

}  // namespace

Result<void> verdict_on(const vocabulary::Inspection& seen, const vocabulary::Scanner& declared)
{
    if (!seen.viruses.empty()) {
        const auto name = printable(seen.viruses.front().signature, 100);
        return fault(Retry::never, fmt::format("virus {} found by {}", name, seen.signatures))
            .tell_peer(54, {7, 1}, fmt::format("A virus was found in this message: {}. It is not passed on", name));
    }
    const Reason* worst = nullptr;
    for (const auto& reason : reasons) {
        const bool seen_here = std::ranges::find(seen.unscannable, reason.name) != seen.unscannable.end();
        if (seen_here && (!worst || declared.unscannable.*reason.verdict > declared.unscannable.*worst->verdict))
            worst = &reason;
    }
    const auto verdict = worst ? declared.unscannable.*worst->verdict : Verdict::accept;
    if (verdict == Verdict::accept) return {};
    return fault(verdict == Verdict::defer ? Retry::later : Retry::never,
                 fmt::format("unscannable: {}, as declared by node.yaml", worst->name))
        .tell_peer(verdict == Verdict::defer ? 51 : 54, {7, 1},
                   fmt::format("This message can't be checked for viruses: {}", worst->text));
}

boost::asio::awaitable<Result<void>> check_for_viruses(Services services, const Transaction& transaction,
                                                       const mail::Header& header, store::Content content)
{
    const auto& declared = transaction.policy().node().scanner;
    if (services.inspector == nullptr || declared.signatures.empty()) co_return Result<void>{};
    ports::InspectionOrder order;
    order.structure = std::make_shared<const mail::Structure>(mail::read_structure(*content, false));
    order.content = content;
    order.viruses = true;
    const auto seen = co_await services.inspector->inspect(std::move(order));
    if (!seen) co_return std::unexpected(seen.error());
    if (!seen->viruses.empty()) tell(services, transaction, header, *content, *seen);
    co_return verdict_on(*seen, declared);
}

}  // namespace postern::gateway
