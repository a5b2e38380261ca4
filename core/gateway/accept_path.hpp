// The way in: transaction -> pin policy -> decide -> plan edits -> commit -> 250.
//
// One AcceptPath for each connection, owned by its session and used on its thread. What a peer, a policy or a disk can
// cause comes back as a reply; only a bug throws. 250 is said after the spool has it on disk, and never before.
#pragma once

#include "gateway/admission.hpp"
#include "gateway/judgement.hpp"
#include "gateway/live_sources.hpp"
#include "gateway/recipients.hpp"
#include "gateway/services.hpp"
#include "ports/reception.hpp"
#include "store/mail_records.hpp"

#include <memory>
#include <optional>
#include <string>

namespace postern::gateway {

class AcceptPath final : public ports::Reception {
public:
    AcceptPath(Services services, Sources sources, CallOuts& call_outs, ports::Peer peer, bool clear_text_declared);

    [[nodiscard]] bool asks_for_tls() const override;
    void secured(ports::TlsShown shown) override;
    void hello(std::string name, bool esmtp) override;
    [[nodiscard]] Async<mail::Reply> sender(mail::Sender sender) override;
    [[nodiscard]] ports::TransactionLimit limit() const override;
    [[nodiscard]] Async<mail::Reply> recipient(mail::Recipient recipient) override;
    [[nodiscard]] mail::Reply content_begins() override;
    [[nodiscard]] Async<mail::Reply> finish(std::string content) override;
    void forget() override;

private:
    [[nodiscard]] Async<Result<Transaction>> begin(mail::Sender sender);
    void ask();
    void note_activity(const Transaction& transaction);
    /// Mail in a group's name that was refused, or names no person, goes on record.
    [[nodiscard]] Async<void> audit_group(const GroupUse& use);
    [[nodiscard]] Async<Result<std::string>> take(Transaction transaction, store::Content content);
    [[nodiscard]] Async<Result<void>> commit(store::NewMessage message, std::vector<store::NewMessage> also);
    void count(const Transaction& transaction, const PlannedRecipient& recipient);
    [[nodiscard]] static std::vector<vocabulary::EventFields> quarantine_fields(const store::NewMessage& message);
    [[nodiscard]] std::vector<store::NewMessage> tell_of_kept(const Generation& generation, store::NewMessage& message);
    [[nodiscard]] Async<void> refuse(const Transaction& transaction, const mail::Header& header, store::Content content,
                                     Judged judged);
    [[nodiscard]] Async<void> remember_refusal(store::NewMessage message);
    [[nodiscard]] Async<void> tell_of_refusal(GenerationPtr generation, store::NewMessage message,
                                              std::vector<Notice> notices);
    [[nodiscard]] const vocabulary::IntakeLimits& limits(const Transaction& transaction) const;
    void log_refusal(const char* stage, const Fault& fault) const;

    Services services_;
    Sources sources_;
    CallOuts& call_outs_;
    Admission admission_;
    Recipients recipients_;
    ConnectionFacts connection_;
    std::optional<mail::Address> probe_;  ///< the service's own mail is coming, from and to this address
    std::optional<Transaction> transaction_;
    unsigned questions_ = 0;  ///< RCPTs of this transaction, under a null sender
};

/// Makes an AcceptPath for each connection. Thread-safe; outlives the sessions.
class Receptionist final : public ports::Receptionist {
public:
    explicit Receptionist(Services services) : services_(services), sources_(services), call_outs_(services.clock) {}
    [[nodiscard]] std::unique_ptr<ports::Reception> receive(ports::Peer peer, bool clear_text_declared) override
    {
        return std::make_unique<AcceptPath>(services_, sources_.sources(), call_outs_, std::move(peer),
                                            clear_text_declared);
    }

private:
    Services services_;
    LiveSources sources_;
    CallOuts call_outs_;
};

}  // namespace postern::gateway
