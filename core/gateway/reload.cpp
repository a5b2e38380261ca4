#include "gateway/reload.hpp"

#include "gateway/files_beside.hpp"
#include "gateway/trial_folder.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>

namespace postern::gateway {

namespace {

// A directory that is being edited is left alone until nothing has happened in it for this long.
constexpr auto quiet = std::chrono::seconds{2};
constexpr auto look_beside = std::chrono::seconds{10};
constexpr int background_nice = 10;

bool came_by_itself(const ReloadReport& report)
{
    return report.author == files_changed || report.author == certificates_changed;
}

}  // namespace

Reload::Reload(std::filesystem::path directory, const Clock& clock, Log& log, ports::Metrics& metrics,
               ports::Alarms& alarms, Generations& generations, store::MailStore& store, Intake& intake,
               PolicyTests tests, const ports::ScriptMaker* scripts)
    : directory_(std::move(directory)),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      alarms_(alarms),
      generations_(generations),
      intake_(intake),
      tests_(std::move(tests)),
      scripts_(scripts),
      archive_(store),
      folder_(directory_),
      loader_(directory_, scripts),
      watch_(directory_),
      poke_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))
{
}

Reload::~Reload()
{
    stop();
    if (poke_ >= 0) close(poke_);
}

void Reload::stop()
{
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    poke();
    if (thread_.joinable()) thread_.join();
}

void Reload::poke()
{
    const std::uint64_t one = 1;
    (void)!write(poke_, &one, sizeof one);
}

ReloadReport Reload::start()
{
    auto interrupted = archive_.open();
    if (!interrupted) {
        ReloadReport report;
        report.outcome = ReloadReport::Outcome::rejected;
        report.reason = interrupted.error().describe();
        return report;
    }
    interrupted_ = std::move(*interrupted);
    auto report = carry_out({.author = "start", .arrival = store::Arrival::start});
    if (interrupted_ && report.outcome != ReloadReport::Outcome::rejected) close_interrupted_trial(report);
    if (const auto current = generations_.current()) TrialFolder::clear(current->policy->node().storage);
    return report;
}

void Reload::watch(std::function<void()> published, std::function<void(const ReloadReport&)> by_itself)
{
    published_ = std::move(published);
    by_itself_ = std::move(by_itself);
    thread_ = std::thread([this] { run(); });
}

std::future<ReloadReport> Reload::request(PolicyOrder order)
{
    std::future<ReloadReport> answer;
    {
        const std::lock_guard lock(mutex_);
        answer = orders_.emplace_back(Waiting{std::move(order), {}}).done.get_future();
        if (stop_) refuse_waiting();
    }
    poke();
    return answer;
}

void Reload::refuse_waiting()
{
    ReloadReport report;
    report.outcome = ReloadReport::Outcome::refused;
    report.reason = "the engine is stopping";
    for (auto& waiting : orders_) waiting.done.set_value(report);
    orders_.clear();
}

ReloadReport Reload::last() const
{
    const std::lock_guard lock(mutex_);
    return last_;
}

std::optional<RunningTrial> Reload::trial() const
{
    const std::lock_guard lock(mutex_);
    return trial_;
}

void Reload::run()
{
    // Mail goes first. On Linux this concerns the calling thread, and those that it starts.
    setpriority(PRIO_PROCESS, 0, background_nice);
    std::optional<Steady::time_point> due;
    for (;;) {
        auto until = Steady::now() + look_beside;
        if (due) until = std::min(until, *due);
        if (on_trial_) until = std::min(until, on_trial_->ends);
        wait(until);
        {
            const std::lock_guard lock(mutex_);
            if (stop_) return refuse_waiting();
        }
        if (watch_.changed()) due = Steady::now() + quiet;
        answer_orders(due);
        if (on_trial_ && Steady::now() >= on_trial_->ends) {
            (void)carry_out({.what = PolicyOrder::What::revert, .author = std::string(trial_ended)});
            due = Steady::now();
        }
        look_after_files(due);
    }
}

void Reload::wait(Steady::time_point until)
{
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()).count();
    pollfd ready[2] = {{poke_, POLLIN, 0}, {watch_.descriptor(), POLLIN, 0}};
    poll(ready, 2, static_cast<int>(std::max<std::int64_t>(0, left)));
    std::uint64_t ignored = 0;
    (void)!read(poke_, &ignored, sizeof ignored);
}

void Reload::answer_orders(std::optional<Steady::time_point>& due)
{
    std::deque<Waiting> orders;
    {
        const std::lock_guard lock(mutex_);
        orders.swap(orders_);
    }
    for (auto& waiting : orders) {
        const auto what = waiting.order.what;
        auto report = carry_out(waiting.order);
        const bool done = report.outcome != ReloadReport::Outcome::refused;
        waiting.done.set_value(std::move(report));
        if (!done) continue;
        if (what == PolicyOrder::What::reload) due.reset();
        // What was edited meanwhile has its turn.
        if (what == PolicyOrder::What::confirm || what == PolicyOrder::What::revert) due = Steady::now();
    }
}

void Reload::look_after_files(std::optional<Steady::time_point>& due)
{
    const bool certificates = beside_signature() != beside_tried_;
    const bool files = due && Steady::now() >= *due;
    if (files) due.reset();
    if (on_trial_) {
        if (files) tell_of_changes_during_trial();
        if (certificates) renew_certificates();
    } else if (files) {
        (void)carry_out({.author = std::string(files_changed), .arrival = store::Arrival::files});
    } else if (!due && certificates) {
        (void)carry_out({.author = std::string(certificates_changed), .arrival = store::Arrival::files});
    }
}

ReloadReport Reload::carry_out(const PolicyOrder& order)
{
    const auto begun = Steady::now();
    ReloadReport report;
    try {
        report = obey(order);
    } catch (const std::exception& error) {  // on a thread of its own it would end the engine
        report.outcome = ReloadReport::Outcome::rejected;
        report.reason = error.what();
    }
    report.what = order.what;
    report.author = order.author;
    report.at = clock_.now();
    report.took = std::chrono::duration_cast<Duration>(Steady::now() - begun);
    const auto current = generations_.current();
    report.generation = current ? current->policy->generation() : 0;
    tell(report);
    using Outcome = ReloadReport::Outcome;
    const bool counts = report.outcome == Outcome::published || report.outcome == Outcome::rejected ||
                        (report.outcome == Outcome::unchanged && !came_by_itself(report));
    {
        const std::lock_guard lock(mutex_);
        if (counts && order.what != PolicyOrder::What::check) last_ = report;
        trial_ = on_trial_ ? std::optional(on_trial_->said) : std::nullopt;
    }
    if (report.outcome == Outcome::published && published_) published_();
    const bool nobody = came_by_itself(report) || report.author == by_signal || report.author == trial_ended;
    if (by_itself_ && nobody && (report.outcome == Outcome::published || report.outcome == Outcome::rejected))
        by_itself_(report);
    return report;
}

void Reload::tell(const ReloadReport& report)
{
    using Outcome = ReloadReport::Outcome;
    using What = PolicyOrder::What;
    if (report.what == What::check || report.outcome == Outcome::refused) return;
    if (report.outcome == Outcome::rejected) return tell_rejected(report);
    alarms_.clear("policy");
    if (report.author != trial_ended && !came_by_itself(report)) alarms_.clear("policy trial");
    if (report.outcome == Outcome::unchanged) return;
    if (report.what != What::confirm) ++metrics_.reloads;
    log_.info("policy published", {{"generation", report.generation},
                                   {"act", name_of(report.what)},
                                   {"author", report.author},
                                   {"count", std::uint64_t{report.files}},
                                   {"files_read", std::uint64_t{report.files_read}},
                                   {"reason", report.reason},
                                   {"milliseconds", std::int64_t{report.took.count() / 1000}}});
    if (report.author == trial_ended) alarms_.raise("policy trial", report.reason);
}

void Reload::tell_rejected(const ReloadReport& report)
{
    ++metrics_.reloads_rejected;
    for (const auto& diagnostic : report.diagnostics)
        if (diagnostic.severity == policy::Severity::error)
            log_.error("policy rejected",
                       {{"file", fmt::format("{}:{}:{}", diagnostic.file, diagnostic.line, diagnostic.column)},
                        {"reason", diagnostic.what},
                        {"remedy", diagnostic.remedy},
                        {"act", name_of(report.what)},
                        {"generation", report.generation}});
    if (!report.reason.empty())
        log_.error("policy rejected",
                   {{"reason", report.reason}, {"act", name_of(report.what)}, {"generation", report.generation}});
    // Whoever sent a policy has read why it is not in force; a directory that is not fit stays a trap for the next
    // start.
    if (report.what != PolicyOrder::What::reload) return;
    std::string why = report.reason;
    const auto first = std::ranges::find(report.diagnostics, policy::Severity::error, &policy::Diagnostic::severity);
    if (why.empty() && first != report.diagnostics.end())
        why = fmt::format("{}:{}:{}: {}{}{}", first->file, first->line, first->column, first->what,
                          first->remedy.empty() ? "" : ", ", first->remedy);
    alarms_.raise("policy",
                  fmt::format("policy reload rejected: {}; generation {} stays in force", why, report.generation));
}

void Reload::tell_of_changes_during_trial()
{
    if (std::exchange(on_trial_->told_of_changes, true)) return;
    log_.warning("policy files changed during a trial",
                 {{"generation", on_trial_->said.generation}, {"reason", "they are read when the trial has ended"}});
}

std::string Reload::beside_signature() const
{
    const auto current = generations_.current();
    if (!current) return {};
    std::string signature;
    for (const auto& file : files_beside(*current->policy)) {
        struct stat facts {};
        if (stat(file.c_str(), &facts) != 0) continue;
        signature += fmt::format("{}:{}:{}.{};", file, facts.st_ino, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
    }
    return signature;
}

}  // namespace postern::gateway
