// From files to a generation in force: what can fail comes first, what can't last, and the archive in between.
#include "gateway/reload.hpp"

#include "policy/secrets_file.hpp"

namespace postern::gateway {

namespace {

// Of what a policy asks for itself.
constexpr auto longest_tests = std::chrono::minutes{1};

using Outcome = ReloadReport::Outcome;

net::KeyPair own_certificate(const vocabulary::Node& node)
{
    for (const auto& listener : node.listeners)
        if (listener.tls) return {listener.tls->certificate, listener.tls->key};
    return {};
}

GenerationPtr make_generation(policy::SnapshotPtr policy, report::Templates templates, Outward outward, Instant now)
{
    const auto& node = policy->node();
    auto hops = std::make_shared<net::ClientContexts>(node.hop_authorities, own_certificate(node));
    return std::make_shared<Generation>(
        Generation{std::move(policy), std::move(hops), std::move(templates), std::move(outward), now});
}

Result<Outward> load_outward(const policy::Snapshot& policy)
{
    auto logins = policy::load_secrets(policy);
    if (!logins) return std::unexpected(logins.error());
    auto keys = alert::Keys::load(policy.alerts());
    if (!keys) return std::unexpected(keys.error());
    return Outward{std::move(*logins), std::move(*keys)};
}

}  // namespace

Reload::Candidate Reload::load(policy::Loader& loader)
{
    auto loaded = loader.load([this](const std::string& hash) { return number_for(hash); });
    return {loader, std::move(loaded), loader.file_set()};
}

// The number of a generation belongs to its content: what was in force last has the number that it had, also after a
// restart; anything else has the next.
std::uint64_t Reload::number_for(const std::string& hash) const
{
    if (interrupted_ && interrupted_->hash == hash) return interrupted_->number;
    const auto& standing = archive_.standing();
    return standing.number > 0 && standing.hash == hash ? standing.number : archive_.newest().number + 1;
}

ReloadReport Reload::begin_report(Candidate& candidate)
{
    ReloadReport report;
    report.diagnostics = std::move(candidate.loaded.diagnostics);
    report.files = candidate.loaded.files;
    report.files_read = candidate.loaded.files_read;
    report.outcome = Outcome::rejected;
    return report;
}

void Reload::finish_report(ReloadReport& report, const Result<void>& done)
{
    if (!done)
        report.reason = done.error().describe();
    else if (!policy::has_errors(report.diagnostics))
        report.outcome = Outcome::published;
}

/// Nothing may keep a trial from ending, or the engine from stopping. Nothing yet: empty.
std::string Reload::why_tests_end(Steady::time_point latest)
{
    if (Steady::now() > latest) return "they take longer than a minute";
    const std::lock_guard lock(mutex_);
    if (stop_) return "the engine is stopping";
    if (!on_trial_) return {};
    const bool ends = std::ranges::any_of(orders_, [](const Waiting& waiting) {
        return waiting.order.what == PolicyOrder::What::confirm || waiting.order.what == PolicyOrder::What::revert;
    });
    return ends || Steady::now() >= on_trial_->ends ? "a trial ends; ask again afterwards" : std::string{};
}

/// True: every test holds. What fails is among the report's diagnostics.
bool Reload::tests_hold(Candidate& candidate, ReloadReport& report)
{
    if (!tests_) return true;
    auto failed = tests_(candidate.loaded.snapshot, candidate.files,
                         [this, latest = Steady::now() + longest_tests] { return why_tests_end(latest); });
    const bool hold = !policy::has_errors(failed);
    std::ranges::move(failed, std::back_inserter(report.diagnostics));
    return hold;
}

store::GenerationRecord Reload::record_of(const Candidate& candidate, const PolicyOrder& order) const
{
    return {.number = candidate.loaded.snapshot->generation(),
            .hash = candidate.loaded.hash,
            .at = clock_.now(),
            .author = order.author,
            .arrival = order.arrival,
            .comment = order.comment,
            .repeats = order.generation,
            .trial = order.trial ? store::Trial::running : store::Trial::none,
            .tree = {}};
}

/// A fault, or errors among the report's diagnostics: nothing has changed.
Result<void> Reload::go_live(Candidate& candidate, const PolicyOrder& order, ReloadReport& report)
{
    const auto& policy = candidate.loaded.snapshot;
    auto prepared = intake_.prepare(*policy);
    if (!prepared) return std::unexpected(prepared.error());
    auto templates = report::Templates::from(candidate.files);
    if (!templates) return std::unexpected(templates.error());
    auto outward = load_outward(*policy);
    if (!outward) return std::unexpected(outward.error());
    if (const bool fresh = policy->generation() > archive_.newest().number; fresh) {
        if (!tests_hold(candidate, report)) return {};
        if (auto kept = archive_.keep(candidate.loader.files(), record_of(candidate, order)); !kept) return kept;
    }
    const bool to_directory = order.what != PolicyOrder::What::reload && !order.trial;
    if (to_directory)
        if (auto put = folder_.put(candidate.files, loader_.files()); !put) {
            static_cast<void>(archive_.forget_newest());  // where that fails too, it only stands in the list
            return put;
        }
    generations_.publish(make_generation(policy, std::move(*templates), std::move(*outward), clock_.now()));
    intake_.apply(std::move(*prepared));
    beside_seen_ = beside_tried_ = beside_signature();
    drop_old_generations(policy->node().generations_kept);
    return {};
}

void Reload::drop_old_generations(Duration age)
{
    if (Steady::now() < prune_after_) return;
    prune_after_ = Steady::now() + std::chrono::hours{1};
    if (auto pruned = archive_.prune(clock_.now(), {.age = age}); !pruned)
        log_.warning("old generations could not be dropped", {{"reason", pruned.error().describe()}});
}

/// What was in force before, or is, with certificates as they are now.
void Reload::publish_again(const GenerationPtr& generation)
{
    auto prepared = intake_.prepare(*generation->policy);
    generations_.publish(make_generation(generation->policy, generation->templates, generation->outward, clock_.now()));
    if (prepared)
        intake_.apply(std::move(*prepared));
    else
        log_.error("listeners stay as they are",
                   {{"generation", generation->policy->generation()}, {"reason", prepared.error().describe()}});
    beside_seen_ = beside_tried_ = beside_signature();
}

void Reload::renew_certificates()
{
    publish_again(generations_.current());
    if (published_) published_();
}

}  // namespace postern::gateway
