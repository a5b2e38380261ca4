#include "scan/supervisor.hpp"

#include "vocabulary/age.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::scan {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto retry_without_a_set = 15s;
constexpr auto retry_beside_a_set = std::chrono::minutes{1};
constexpr auto longest_pause = std::chrono::seconds{30};
constexpr std::string_view nobody_looks =
    "no signatures are declared: nobody looks for viruses in this mail (node.yaml, scanner: signatures)";
constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

Instant made(const Tree& tree)
{
    return Instant{std::chrono::seconds{static_cast<std::int64_t>(tree.made)}};
}

}  // namespace

Supervisor::Supervisor(asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& metrics,
                       ports::Alarms& alarms, const vocabulary::Scanner& settings, ScannerPlace place)
    : io_(context),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      alarms_(alarms),
      settings_(settings),
      keeper_(context, std::move(place)),
      crew_(context),
      folder_(settings.signatures),
      ticker_(context),
      keeper_pause_(context)
{
}

void Supervisor::start()
{
    if (looks_for_nothing()) log_.warning("scanner", {{"reason", std::string(nobody_looks)}});
    asio::co_spawn(io_, watch_keeper(shared_from_this()), asio::detached);
    asio::co_spawn(io_, tend(shared_from_this()), asio::detached);
}

void Supervisor::follow(const vocabulary::Scanner& settings)
{
    settings_.deadline = settings.deadline;
    settings_.signatures_age = settings.signatures_age;
    settings_.defer_when_old = settings.defer_when_old;
}

void Supervisor::stop()
{
    stopping_ = true;
    crew_.dismiss();
    ticker_.cancel();
    keeper_pause_.cancel();
    if (keeper_.line()) keeper_.line()->close();
}

// --- the keeper ---

asio::awaitable<void> Supervisor::watch_keeper(Self self)
{
    auto pause = std::chrono::seconds{1};
    while (!stopping_) {
        const auto line = keeper_.line();
        warnings_.clear();
        grow_tree();
        while (auto datagram = co_await line->receive()) {
            if (auto notice = decode_notice(datagram->bytes)) heed_keeper(*notice, std::move(datagram->passed));
            pause = 1s;
        }
        line->close();
        if (stopping_) break;
        lose_keeper();
        keeper_pause_.expires_after(pause);
        co_await keeper_pause_.async_wait(quietly);
        pause = std::min(pause * 2, longest_pause);
        try {
            if (!stopping_) spawn();
        } catch (const std::exception& error) {
            raise_down(error.what());
        }
    }
    self.reset();
}

void Supervisor::heed_keeper(const Notice& notice, Descriptor passed)
{
    if (notice.kind == Notice::Kind::warning) warn(notice.text);
    if (notice.kind != Notice::Kind::tree || !passed || !growing_) return;
    auto tree = std::make_shared<Tree>(Line(io_, std::move(passed)));
    tree->process = static_cast<std::int64_t>(notice.number);
    tree->first_slot = growing_->first_slot;
    tree->print = growing_->print;
    growing_.reset();
    next_ = tree;
    asio::co_spawn(io_, watch_tree(shared_from_this(), tree), asio::detached);
}

void Supervisor::lose_keeper()
{
    keeper_.end();
    growing_.reset();
    next_.reset();
    raise_down("its process ended; it is started again");
}

void Supervisor::warn(const std::string& warning)
{
    if (std::ranges::find(warnings_, warning) != warnings_.end()) return;
    warnings_.push_back(warning);
    log_.warning("scanner sandbox", {{"reason", warning}});
}

// --- trees ---

void Supervisor::grow_tree()
{
    const bool first_half = !crew_.current() || crew_.current()->first_slot != 0;
    growing_ = Growing{first_half ? 0 : settings_.workers, folder_.print()};
    growing_since_ = std::chrono::steady_clock::now();
    const bool mail_waits = !crew_.current() || !crew_.current()->loaded;
    keeper_.tell({Notice::Kind::grow_tree, growing_->first_slot, mail_waits ? 1U : 0U, {}});
}

asio::awaitable<void> Supervisor::watch_tree(Self self, TreePtr tree)
{
    while (auto datagram = co_await tree->line.receive()) {
        const auto notice = decode_notice(datagram->bytes);
        if (!notice) break;
        heed_tree(tree, *notice, std::move(datagram->passed));
    }
    lose_tree(tree);
    self.reset();
}

void Supervisor::heed_tree(const TreePtr& tree, const Notice& notice, Descriptor passed)
{
    switch (notice.kind) {
        case Notice::Kind::warning:
            return warn(notice.text);
        case Notice::Kind::loaded:
            tree->loaded = true;
            tree->version = notice.text;
            tree->signatures = notice.number;
            tree->made = notice.moment;
            return take_over(tree);
        case Notice::Kind::not_loaded:
            tree->trouble = notice.text;
            return crew_.current() ? turn_down(tree) : take_over(tree);
        case Notice::Kind::worker:
            return welcome(tree, notice, std::move(passed));
        case Notice::Kind::gone:
            return bury(tree, static_cast<std::int64_t>(notice.number), notice.text);
        default:
            return;
    }
}

void Supervisor::lose_tree(const TreePtr& tree)
{
    tree->line.close();
    for (const auto& worker : tree->workers)
        if (!worker->busy) worker->line.close();
    if (next_ == tree) give_up_on(tree, "the process that loaded it ended");
    if (crew_.current() == tree) {
        crew_.use(nullptr);
        if (!stopping_) raise_down("the process that holds the signatures ended; it is started again");
        if (!stopping_ && !next_ && !growing_) grow_tree();
    }
    if (draining_ == tree) draining_.reset();
    keeper_.tell({Notice::Kind::kill_tree, static_cast<std::uint64_t>(tree->process), 0, {}});  // should it stand still
}

// A tree is ready: its workers first, then the messages, so that none waits for a fork.
void Supervisor::take_over(const TreePtr& tree)
{
    tree->answered = true;
    for (unsigned i = 0; i < settings_.workers; ++i) fork_worker(tree, tree->first_slot + i);
}

// It has no signatures; what is in force is no worse.
void Supervisor::turn_down(const TreePtr& tree)
{
    next_.reset();
    const auto& current = crew_.current();
    if (current->loaded) {
        reject_set(tree->trouble);
    } else {
        current->trouble = tree->trouble;
        current->print = tree->print;
        raise_down(tree->trouble);
    }
    let_go(tree);
}

// It can't do its work, and whether its signatures are any good is not known: another tries later (watch_signatures,
// watch_for_none).
void Supervisor::give_up_on(const TreePtr& tree, const std::string& why)
{
    next_.reset();
    if (!stopping_) {
        if (crew_.current() && crew_.current()->loaded)
            put_off_set(why);
        else
            raise_down("no signatures could be loaded: " + why + "; it is tried again");
    }
    let_go(tree);
}

void Supervisor::publish(const TreePtr& tree)
{
    const auto old = crew_.current();
    next_.reset();
    crew_.use(tree);
    if (swapped_) swapped_();
    if (old) {
        if (old->loaded) metrics_.signature_swaps += 1;
        draining_ = old;
        let_go(old);
    }
    if (tree->loaded) log_.info("signatures in force", {{"signatures", tree->version}, {"count", tree->signatures}});
    if (tree->loaded) alarms_.clear("signatures-rejected");
    if (tree->trouble.empty())
        end_trouble();
    else
        raise_down(tree->trouble);
}

// Busy workers end with their message.
void Supervisor::let_go(const TreePtr& tree)
{
    tree->leaving = true;
    for (const auto& worker : tree->workers)
        if (!worker->busy) worker->line.close();
    std::erase_if(tree->workers, [](const auto& worker) { return !worker->busy; });
    if (tree->workers.empty()) tree->line.close();
}

void Supervisor::reject_set(const std::string& why)
{
    folder_.turn_down();
    raise_rejected(why, "when the files change");
}

void Supervisor::put_off_set(const std::string& why)
{
    set_waits_until_ = std::chrono::steady_clock::now() + retry_beside_a_set;
    raise_rejected(why, "in a minute");
}

void Supervisor::raise_rejected(const std::string& why, const std::string& again)
{
    alarms_.raise("signatures-rejected",
                  "a new signature set in " + settings_.signatures + " can't be used: " + why +
                      "; the set in force stays. It is tried again " + again + ".",
                  {{"reason", why}});
}

void Supervisor::raise_down(const std::string& why)
{
    trouble_ = why;
    alarms_.raise(
        "scanner",
        "the scanner is out of service: " + why + "; mail that has to be checked is deferred until it is back",
        {{"reason", why}});
}

void Supervisor::end_trouble()
{
    trouble_.clear();
    alarms_.clear("scanner");
}

std::string Supervisor::no_signatures() const
{
    if (too_old_ && settings_.defer_when_old) return "the virus signatures are older than declared";
    if (crew_.current() && !crew_.current()->loaded)
        return "there are no virus signatures: " + crew_.current()->trouble;
    return {};
}

// --- looking after them, each second ---

asio::awaitable<void> Supervisor::tend(Self self)
{
    while (!stopping_) {
        ticker_.expires_after(1s);
        co_await ticker_.async_wait(quietly);
        if (stopping_) break;
        const auto now = std::chrono::steady_clock::now();
        forget_failures(now);
        end_what_hangs(now);
        end_who_is_silent(now);
        fork_missing();
        watch_for_none(now);
        watch_signatures(now);
        watch_age();
        publish_status();
    }
    self.reset();
}

// Nobody looks into mail, and nobody is about to: the last tree ended before it was ready.
void Supervisor::watch_for_none(Moment now)
{
    const bool somebody = crew_.current() || next_ || growing_;
    if (!somebody && keeper_.runs() && now - growing_since_ > retry_without_a_set) grow_tree();
}

void Supervisor::watch_signatures(Moment now)
{
    if (now < set_waits_until_) return;
    if (settings_.signatures.empty() || next_ || growing_ || draining_ || !crew_.current()) return;
    const auto& tree = *crew_.current();
    const bool changed = folder_.has_news(tree.print);
    const bool hopeful = !tree.loaded && now - growing_since_ > retry_without_a_set;
    if (!changed && !hopeful) return;
    if (tree.loaded)
        if (const auto missing = missing_memory(tree.process, settings_.memory); !missing.empty())
            return put_off_set(missing);
    grow_tree();
}

void Supervisor::watch_age()
{
    const auto& tree = crew_.current();
    const auto age = tree && tree->loaded ? clock_.now() - made(*tree) : Duration{};
    too_old_ = age > settings_.signatures_age;
    if (too_old_)
        alarms_.raise("signatures",
                      "the virus signatures (" + tree->version + ") are older than declared" +
                          (settings_.defer_when_old ? ", and mail is deferred" : "") +
                          "; look at freshclam and its log",
                      {{"version", tree->version}, {"age", vocabulary::age_text(age)}});
    else
        alarms_.clear("signatures");
}

void Supervisor::publish_status()
{
    ports::InspectorStatus status;
    if (const auto& tree = crew_.current()) {
        for (const auto& worker : tree->workers) status.workers.push_back({worker->process, worker->busy});
        if (tree->loaded) {
            status.signatures = tree->version;
            status.signature_count = tree->signatures;
            status.made = made(*tree);
        }
    }
    status.waiting = crew_.waiting();
    status.loading = growing_ || (next_ && !next_->answered);
    status.warnings = warnings_;
    if (looks_for_nothing()) status.warnings.emplace_back(nobody_looks);
    status.trouble = trouble_;
    const std::lock_guard lock(mutex_);
    shown_ = std::move(status);
}

ports::InspectorStatus Supervisor::status() const
{
    const std::lock_guard lock(mutex_);
    return shown_;
}

}  // namespace postern::scan
