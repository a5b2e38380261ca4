// The snapshot as the compiler makes it: typed documents with indices over them.
//
// Immutable after the compiler is done; all threads. Pointers that it hands out live as long as it does.
#pragma once

#include "base/text.hpp"
#include "policy/compiler.hpp"
#include "policy/domain_index.hpp"
#include "policy/proof_index.hpp"
#include "policy/rule_index.hpp"
#include "policy/snapshot.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace postern::policy {

/// What the compiler fills in.
struct Compiled {
    std::uint64_t generation = 0;
    std::string hash;
    Community community;
    std::shared_ptr<const NodeFile> node;
    std::shared_ptr<const RoutingFile> routing;
    std::shared_ptr<const TaggingFile> tagging;
    std::shared_ptr<const LimitsFile> limits;
    std::shared_ptr<const PermissionsFile> permissions;
    std::shared_ptr<const ContentFile> content;
    struct Indexes {
        RuleIndex routes, tags, limits, rates, mail, content;
    } indexes;
    std::shared_ptr<const ports::Scripts> scripts;  ///< null: there are none
    vocabulary::AlertPolicy alerts;
    vocabulary::LoginRules logins;                        ///< with what only all files together say
    std::vector<vocabulary::Organisation> organisations;  ///< not moved any more once indexed
    std::vector<std::string> deliver_rules;  ///< of each organisation: "organisations/x.yaml:12 deliver_to"
    std::unordered_map<std::string_view, std::uint32_t> by_id;
    DomainIndex domains;
    ProofIndex proofs;
    std::vector<std::string> prefixes_removed;
    Needs needs;
    Keeping keeping;
    std::vector<std::string> named_files;  ///< certificates, keys and the like: absolute, sorted, each once
};

class CompiledSnapshot final : public Snapshot {
public:
    explicit CompiledSnapshot(std::unique_ptr<const Compiled> compiled) : c_(std::move(compiled)) {}

    /// For policy/appliance_view.
    [[nodiscard]] const Compiled& compiled() const noexcept { return *c_; }
    [[nodiscard]] std::uint64_t generation() const noexcept override { return c_->generation; }
    [[nodiscard]] const std::string& hash() const noexcept override { return c_->hash; }
    [[nodiscard]] const vocabulary::Node& node() const noexcept override { return c_->node->node; }
    [[nodiscard]] const Community& community() const noexcept override { return c_->community; }
    [[nodiscard]] const vocabulary::RetrySchedule& retry() const noexcept override { return c_->routing->retry; }
    [[nodiscard]] const std::vector<vocabulary::Organisation>& organisations() const noexcept override
    {
        return c_->organisations;
    }
    [[nodiscard]] const vocabulary::Organisation* organisation(std::string_view id) const noexcept override;
    [[nodiscard]] std::optional<DomainOwner> owner_of(const mail::Domain& domain) const noexcept override;
    [[nodiscard]] Membership membership(const Shown& shown) const noexcept override
    {
        return c_->proofs.membership(shown);
    }
    [[nodiscard]] bool could_enter(const vocabulary::Ip& peer) const noexcept override
    {
        return c_->proofs.could_enter(peer);
    }
    [[nodiscard]] unsigned recipients_limit() const noexcept override { return c_->limits->recipients; }
    [[nodiscard]] std::uint64_t message_size() const noexcept override { return c_->limits->message_size; }
    [[nodiscard]] SizeLimit sending_limit(const vocabulary::Organisation& sender) const override;
    [[nodiscard]] Result<SizeLimit> receiving_limit(const vocabulary::Facts& facts, Trail* trail) const override;
    [[nodiscard]] Result<std::vector<TagOrder>> tags(const vocabulary::Facts& facts, Trail* trail) const override;
    [[nodiscard]] const std::vector<std::string>& subject_prefixes_removed_on_entry() const noexcept override
    {
        return c_->prefixes_removed;
    }
    [[nodiscard]] Result<RouteOrder> route(const vocabulary::Facts& facts, Trail* trail) const override;
    [[nodiscard]] Result<void> may_mail(const vocabulary::Facts& facts, Trail* trail) const override;
    [[nodiscard]] Result<std::vector<RateOrder>> rates(const vocabulary::Facts& facts, Trail* trail) const override;
    [[nodiscard]] const Needs& needs() const noexcept override { return c_->needs; }
    [[nodiscard]] ContentDecision content(const vocabulary::Facts& facts, std::span<const std::string> except,
                                          Trail* trail) const override;

    [[nodiscard]] const Keeping& keeping() const noexcept override { return c_->keeping; }
    [[nodiscard]] bool needs_second_person(std::string_view act) const noexcept override;
    [[nodiscard]] const vocabulary::AlertPolicy& alerts() const noexcept override { return c_->alerts; }
    [[nodiscard]] const Powers& powers() const noexcept override { return c_->permissions->powers; }
    [[nodiscard]] bool unnamed_may_send_as_group() const noexcept override
    {
        return c_->permissions->unnamed_may_send_as_group;
    }
    [[nodiscard]] const vocabulary::LoginRules& logins() const noexcept override { return c_->logins; }
    [[nodiscard]] bool look_alikes_asked() const noexcept override { return c_->permissions->look_alikes_asked; }
    [[nodiscard]] const vocabulary::AuditRules& audit() const noexcept override { return c_->permissions->audit; }
    [[nodiscard]] const vocabulary::LedgerRules& ledger() const noexcept override { return c_->permissions->ledger; }

private:
    /// What is wrong with an order of a script: an address that is not inside the community.
    [[nodiscard]] std::string misplaced(const vocabulary::Order& order) const;
    [[nodiscard]] RouteOrder own_route(const vocabulary::Organisation& organisation) const;
    std::unique_ptr<const Compiled> c_;
};

}  // namespace postern::policy
