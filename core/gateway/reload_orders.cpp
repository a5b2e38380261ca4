// The orders of the reloading thread: reload, apply, rollback, confirm, revert, check. Each ends in one report.
#include "gateway/reload.hpp"

#include "base/text.hpp"
#include "gateway/trial_folder.hpp"
#include "policy/appliance_view.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using Outcome = ReloadReport::Outcome;
using What = PolicyOrder::What;

constexpr auto shortest_trial = std::chrono::seconds{1};
constexpr auto longest_trial = std::chrono::days{7};
/// The appliance notices a change at once, and the network is another some seconds later.
constexpr auto network_settles = std::chrono::seconds{5};

ReloadReport refused(std::string why)
{
    ReloadReport report;
    report.outcome = Outcome::refused;
    report.reason = std::move(why);
    return report;
}

/// The names whose contents differ, a few of them.
std::string difference(const policy::FileSet& kept, const std::vector<policy::LoadedFile>& lying)
{
    std::vector<std::string> names;
    std::size_t found = 0;
    for (const auto& file : lying) {
        const auto before = kept.find(file.name);
        if (before == kept.end() || before->second != file.bytes) names.emplace_back(file.name);
        found += before != kept.end();
    }
    if (found < kept.size())
        for (const auto& [name, bytes] : kept)
            if (std::ranges::find(lying, name, &policy::LoadedFile::name) == lying.end()) names.push_back(name);
    const auto more = names.size() > 5 ? fmt::format(" and {} more", names.size() - 5) : "";
    names.resize(std::min<std::size_t>(names.size(), 5));
    return fmt::format("{}{}", fmt::join(names, ", "), more);
}

}  // namespace

std::string_view name_of(What what) noexcept
{
    switch (what) {
        case What::reload:
            return "reload";
        case What::apply:
            return "apply";
        case What::rollback:
            return "rollback";
        case What::confirm:
            return "confirm";
        case What::revert:
            return "revert";
        case What::check:
            break;
    }
    return "check";
}

ReloadReport Reload::obey(const PolicyOrder& order)
{
    const bool ends_trial = order.what == What::confirm || order.what == What::revert;
    if (ends_trial && !on_trial_) return refused("no generation is on trial");
    if (on_trial_ && !ends_trial && order.what != What::check)
        return refused(
            fmt::format("generation {} is on trial until {} ({}): `postern confirm` keeps it, `postern revert` "
                        "returns to generation {}; then {} again",
                        on_trial_->said.generation, to_iso8601(on_trial_->said.until), on_trial_->said.author,
                        on_trial_->said.before, name_of(order.what)));
    switch (order.what) {
        case What::reload:
            return reload(order);
        case What::apply:
        case What::rollback:
            return put_in_force(order);
        case What::confirm:
            return confirm(order);
        case What::revert:
            return revert(order);
        case What::check:
            break;
    }
    return check(order);
}

ReloadReport Reload::reload(const PolicyOrder& order)
{
    beside_tried_ = beside_signature();
    watch_.renew();  // before anything is read: what changes from here on is another change
    auto candidate = load(loader_);
    ReloadReport report = begin_report(candidate);
    if (!candidate.loaded.snapshot) return report;
    const auto current = generations_.current();
    if (current && current->policy->hash() == candidate.loaded.hash && beside_tried_ == beside_seen_) {
        report.outcome = Outcome::unchanged;
        return report;
    }
    finish_report(report, go_live(candidate, order, report));
    return report;
}

namespace {

/// A policy that was made before somebody's suspension would end it, and nobody meant that. Empty: it ends none but
/// those that the order names.
std::string suspension_ended(const policy::Snapshot& before, const policy::Snapshot& after,
                             const std::vector<std::string>& lifts, Instant now)
{
    for (const auto& organisation : before.organisations()) {
        const auto* suspension = organisation.suspension(now);
        const auto* then = after.organisation(organisation.id);
        if (suspension == nullptr || then == nullptr) continue;
        const auto* later = then->suspension(now);
        if (later != nullptr && later->kind == suspension->kind) continue;
        if (std::ranges::find(lifts, organisation.id) != lifts.end()) continue;
        return fmt::format(
            "it would end the {} of {}{}; if it was made before that, make it anew from the policy in force "
            "(`postern get`), and else say --lift {}",
            suspension->kind == vocabulary::Suspension::Kind::outage ? "outage" : "sanction", organisation.id,
            suspension->reason.empty() ? "" : fmt::format(" ({})", printable(suspension->reason, 200)),
            organisation.id);
    }
    return {};
}

}  // namespace

/// apply and rollback: on trial, or at once and in the directory as well.
ReloadReport Reload::put_in_force(const PolicyOrder& order)
{
    if (order.trial && (*order.trial < shortest_trial || *order.trial > longest_trial))
        return refused("a trial lasts from 1 second to 7 days");
    const auto files = files_of(order);
    if (!files) return refused(files.error().describe());
    const auto current = generations_.current();
    if (order.base != 0 && order.base != current->policy->generation())
        return refused(
            fmt::format("generation {} is in force meanwhile, and this was made from {}; look at what "
                        "changed, and make it anew",
                        current->policy->generation(), order.base));
    if (auto may = folder_.writable(current->policy->node().storage); !may) return refused(may.error().describe());
    if (auto same = directory_is(*current->policy, order.overwrite); !same) return refused(same.error().describe());

    policy::Loader loader(directory_, *files, scripts_);
    auto candidate = load(loader);
    ReloadReport report = begin_report(candidate);
    if (!candidate.loaded.snapshot) return report;
    if (candidate.loaded.hash == current->policy->hash()) {
        report.outcome = Outcome::unchanged;
        return report;
    }
    if (const auto ended = suspension_ended(*current->policy, *candidate.loaded.snapshot, order.lifts, clock_.now());
        !ended.empty())
        return refused(ended);
    // Whoever cuts themselves off can't call it back: so it is a trial, asked for or not.
    const bool network = order.from_afar && policy::changes_network(*current->policy, *candidate.loaded.snapshot);
    const bool shuts_out = order.keeps_author && !order.keeps_author(*candidate.loaded.snapshot);
    auto effective = order;
    if (network || shuts_out) {
        const auto* machine = policy::appliance_view(*current->policy).machine;
        const auto confirm = (machine != nullptr ? *machine : vocabulary::Machine{}).confirm;
        effective.trial = std::min(order.trial.value_or(confirm), confirm);
    }
    finish_report(report, go_live(candidate, effective, report));
    if (report.outcome != Outcome::published) return report;
    report.before = current->policy->generation();
    if (!effective.trial) return report;
    report.trial_until = clock_.now() + *effective.trial;
    report.network = network;
    report.shuts_out = shuts_out;
    on_trial_ = OnTrial{{candidate.loaded.snapshot->generation(), report.before, *report.trial_until, order.author},
                        Steady::now() + *effective.trial,
                        current,
                        *files,
                        network,
                        Steady::now()};
    lay_out_trial();
    return report;
}

/// For the appliance, which makes the machine what is on trial.
void Reload::lay_out_trial()
{
    const auto policy = generations_.current()->policy;
    if (policy::appliance_view(*policy).machine == nullptr) return;
    if (auto put = TrialFolder::put(policy->node().storage, *on_trial_->files); !put)
        log_.error("the machine can't follow the trial", {{"reason", put.error().describe()}});
}

Result<std::shared_ptr<const policy::FileSet>> Reload::files_of(const PolicyOrder& order)
{
    if (order.what == What::rollback) {
        auto files = archive_.files(order.generation);
        if (!files) return std::unexpected(files.error());
        return std::make_shared<const policy::FileSet>(std::move(*files));
    }
    for (const auto& [name, bytes] : *order.files)
        if (!policy::is_policy_file(name))
            return fault(Retry::never, "is no file of a policy; nothing has changed").about(name);
    return order.files;
}

/// Whether the directory holds the files of this policy, so that writing to it destroys nobody's work.
Result<void> Reload::directory_is(const policy::Snapshot& policy, bool overwrite)
{
    if (loader_.look() == policy.hash() || overwrite) return {};
    const auto kept = archive_.files(policy.generation());
    return fault(
               Retry::never,
               fmt::format("holds changes that are not in force ({}): `postern reload` puts them in force, --overwrite "
                           "replaces them",
                           kept ? difference(*kept, loader_.files()) : kept.error().describe()))
        .about(directory_.string());
}

/// A connection from before the change proves nothing about the network behind it, nor does one while the machine is
/// still at it.
std::optional<ReloadReport> Reload::too_soon(const PolicyOrder& order) const
{
    if (!on_trial_->network || !order.from_afar) return std::nullopt;
    const auto counts = on_trial_->began + network_settles;
    if (order.connected >= counts) return std::nullopt;
    const auto left = std::chrono::ceil<std::chrono::seconds>(counts - order.connected);
    return refused(fmt::format("the machine is still changing its network: confirm by a new connection in {} seconds",
                               left.count()));
}

ReloadReport Reload::confirm(const PolicyOrder& order)
{
    if (auto wait = too_soon(order)) return std::move(*wait);
    const auto& before = *on_trial_->before->policy;
    if (auto may = folder_.writable(before.node().storage); !may) return refused(may.error().describe());
    if (auto same = directory_is(before, order.overwrite); !same) return refused(same.error().describe());
    if (auto put = folder_.put(*on_trial_->files, loader_.files()); !put) return refused(put.error().describe());
    ReloadReport report;
    report.outcome = Outcome::published;
    report.files = on_trial_->files->size();
    report.before = on_trial_->said.before;
    end_trial(store::Trial::confirmed);
    return report;
}

// The generation before comes back as the very object that it was: nothing is compiled, nothing can be refused.
ReloadReport Reload::revert(const PolicyOrder& order)
{
    const auto tried = on_trial_->said.generation;
    const auto back = on_trial_->said.before;
    ReloadReport report;
    report.outcome = Outcome::published;
    report.before = tried;
    report.reason =
        order.author == trial_ended
            ? fmt::format("generation {} was not confirmed in time: generation {} is in force again", tried, back)
            : fmt::format("generation {} is taken back", tried);
    publish_again(on_trial_->before);
    end_trial(store::Trial::not_confirmed);
    return report;
}

void Reload::end_trial(store::Trial how)
{
    const auto number = on_trial_->said.generation;
    TrialFolder::clear(on_trial_->before->policy->node().storage);
    on_trial_.reset();
    if (auto ended = archive_.end_trial(number, how); !ended)
        log_.error("the end of a trial could not be recorded",
                   {{"generation", number}, {"reason", ended.error().describe()}});
}

/// A trial under way when the engine ended: it is over, unless its files had already become the directory's.
void Reload::close_interrupted_trial(const ReloadReport& report)
{
    const bool confirmed = interrupted_->number == report.generation;
    if (auto ended =
            archive_.end_trial(interrupted_->number, confirmed ? store::Trial::confirmed : store::Trial::not_confirmed);
        !ended)
        log_.error("the end of a trial could not be recorded",
                   {{"generation", interrupted_->number}, {"reason", ended.error().describe()}});
    if (!confirmed) {
        const auto text = fmt::format(
            "generation {} was on trial when the engine ended, and not confirmed: generation {} is in force",
            interrupted_->number, report.generation);
        log_.warning("a trial was not confirmed", {{"generation", report.generation}, {"reason", text}});
        alarms_.raise("policy trial", text);
    }
    interrupted_.reset();
}

ReloadReport Reload::check(const PolicyOrder& order)
{
    const auto files = files_of(order);
    if (!files) return refused(files.error().describe());
    policy::Loader loader(directory_, *files, scripts_);
    auto candidate = load(loader);
    ReloadReport report = begin_report(candidate);
    if (!candidate.loaded.snapshot) return report;
    if (auto templates = report::Templates::from(candidate.files); !templates)
        report.reason = templates.error().describe();
    else if (tests_hold(candidate, report))
        report.outcome = Outcome::checked;
    return report;
}

}  // namespace postern::gateway
