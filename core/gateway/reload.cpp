#include "gateway/reload.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>

namespace postern::gateway {

namespace {

// A directory that is being edited is left alone until nothing has happened in it for this long.
constexpr auto quiet = std::chrono::seconds{2};
constexpr auto look_beside = std::chrono::seconds{10};
constexpr auto certificate_warning = std::chrono::days{14};

// The files whose change matters though they are no YAML.
std::vector<std::string> files_beside(const policy::Snapshot& policy, const std::filesystem::path& directory)
{
    const auto& node = policy.node();
    std::vector<std::string> files{node.authorities, node.hop_authorities};
    for (const auto& listener : node.listeners)
        if (listener.tls) files.insert(files.end(), {listener.tls->certificate, listener.tls->key});
    std::error_code none;
    for (const auto& text : std::filesystem::directory_iterator(directory / "templates", none))
        files.push_back(text.path().string());
    std::erase(files, std::string{});
    std::ranges::sort(files);
    return files;
}

net::KeyPair own_certificate(const vocabulary::Node& node)
{
    for (const auto& listener : node.listeners)
        if (listener.tls) return {listener.tls->certificate, listener.tls->key};
    return {};
}

}  // namespace

Reload::Reload(std::filesystem::path directory, const Clock& clock, Log& log, ports::Metrics& metrics,
               ports::Alarms& alarms, Generations& generations, store::MailStore& store, Intake& intake)
    : directory_(std::move(directory)),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      alarms_(alarms),
      generations_(generations),
      store_(store),
      intake_(intake),
      loader_(directory_),
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
    stop_ = true;
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
    return reload("start");
}

void Reload::watch(std::function<void()> published)
{
    published_ = std::move(published);
    thread_ = std::thread([this] { run(); });
}

std::future<ReloadReport> Reload::request(std::string author)
{
    std::future<ReloadReport> answer;
    {
        const std::lock_guard lock(mutex_);
        answer = requests_.emplace_back(Request{std::move(author), {}}).done.get_future();
    }
    poke();
    return answer;
}

ReloadReport Reload::last() const
{
    const std::lock_guard lock(mutex_);
    return last_;
}

void Reload::run()
{
    using Steady = std::chrono::steady_clock;
    std::optional<Steady::time_point> due;
    while (!stop_) {
        const auto until = due ? *due - Steady::now() : Steady::duration(look_beside);
        pollfd ready[2] = {{poke_, POLLIN, 0}, {watch_.descriptor(), POLLIN, 0}};
        poll(ready, 2,
             static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(until).count())));
        std::uint64_t ignored = 0;
        (void)!read(poke_, &ignored, sizeof ignored);
        if (watch_.changed()) due = Steady::now() + quiet;
        std::deque<Request> requests;
        {
            const std::lock_guard lock(mutex_);
            requests.swap(requests_);
        }
        for (auto& request : requests) {
            request.done.set_value(reload(request.author));
            due.reset();
        }
        if (due && Steady::now() >= *due) {
            due.reset();
            (void)reload("files changed");
        } else if (!due && beside_signature() != beside_tried_) {
            (void)reload("certificates or templates changed");
        }
        watch_certificate_dates();
    }
}

ReloadReport Reload::reload(const std::string& author)
{
    const auto begun = std::chrono::steady_clock::now();
    beside_tried_ = beside_signature();
    ReloadReport report;
    try {
        report = load_and_publish(author);
    } catch (const std::exception& error) {  // on a thread of its own it would end the engine
        report.outcome = ReloadReport::Outcome::rejected;
        report.reason = error.what();
    }
    report.author = author;
    report.at = clock_.now();
    report.took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
    const auto current = generations_.current();
    report.generation = current ? current->policy->generation() : 0;
    watch_.renew();
    tell(report);
    {
        const std::lock_guard lock(mutex_);
        last_ = report;
    }
    if (report.outcome == ReloadReport::Outcome::published && published_) published_();
    return report;
}

// The number of a generation belongs to its content: the same content has the same number, also after a restart.
policy::Loaded Reload::load_numbered(const std::string& author)
{
    const auto newest = store_.newest_generation();
    if (!newest) {
        policy::Loaded failed;
        failed.diagnostics.push_back({policy::Severity::error, "", 0, 0, 0,
                                      "the store can't number generations: " + newest.error().describe(), "", ""});
        return failed;
    }
    auto loaded = loader_.load(*newest);
    if (!loaded.snapshot) return loaded;
    const auto number = store_.register_generation(loaded.snapshot->hash(), clock_.now(), author);
    if (!number) {
        loaded.diagnostics.push_back({policy::Severity::error, "", 0, 0, 0,
                                      "the store can't number generations: " + number.error().describe(), "", ""});
        loaded.snapshot.reset();
        return loaded;
    }
    if (*number == *newest) return loaded;
    const auto files_read = loaded.files_read;
    const auto hash = loaded.snapshot->hash();
    loaded = loader_.load(*number);  // everything is in its cache now
    loaded.files_read += files_read;
    if (loaded.snapshot && loaded.snapshot->hash() != hash) {
        loaded.diagnostics.push_back(
            {policy::Severity::error, "", 0, 0, 0, "files changed while they were read", "reload again", ""});
        loaded.snapshot.reset();
    }
    return loaded;
}

ReloadReport Reload::load_and_publish(const std::string& author)
{
    ReloadReport report;
    auto loaded = load_numbered(author);
    report.diagnostics = std::move(loaded.diagnostics);
    report.files = loaded.files;
    report.files_read = loaded.files_read;
    report.outcome = ReloadReport::Outcome::rejected;
    if (!loaded.snapshot) return report;
    const auto current = generations_.current();
    const auto certificates = beside_signature();
    if (current && current->policy->hash() == loaded.snapshot->hash() && certificates == beside_seen_) {
        report.outcome = ReloadReport::Outcome::unchanged;
        return report;
    }
    if (auto done = publish(loaded.snapshot); !done) {
        report.reason = done.error().describe();
        return report;
    }
    beside_seen_ = beside_tried_ = beside_signature();
    report.outcome = ReloadReport::Outcome::published;
    return report;
}

Result<void> Reload::publish(const policy::SnapshotPtr& snapshot)
{
    const auto& node = snapshot->node();
    auto prepared = intake_.prepare(*snapshot);
    if (!prepared) return std::unexpected(prepared.error());
    auto templates = report::Templates::load((directory_ / "templates").string());
    if (!templates) return std::unexpected(templates.error());
    auto generation = std::make_shared<Generation>(
        Generation{snapshot, std::make_shared<net::ClientContexts>(node.hop_authorities, own_certificate(node)),
                   std::move(*templates), clock_.now()});
    generations_.publish(std::move(generation));
    intake_.apply(std::move(*prepared));
    return {};
}

void Reload::tell(const ReloadReport& report)
{
    using Outcome = ReloadReport::Outcome;
    if (report.outcome != Outcome::rejected) alarms_.clear("policy");
    if (report.outcome == Outcome::unchanged) return;
    if (report.outcome == Outcome::published) {
        ++metrics_.reloads;
        log_.info("policy published", {{"generation", report.generation},
                                       {"author", report.author},
                                       {"count", std::uint64_t{report.files}},
                                       {"files_read", std::uint64_t{report.files_read}},
                                       {"milliseconds", std::int64_t{report.took.count() / 1000}}});
        return;
    }
    ++metrics_.reloads_rejected;
    for (const auto& diagnostic : report.diagnostics)
        if (diagnostic.severity == policy::Severity::error)
            log_.error("policy rejected",
                       {{"file", fmt::format("{}:{}:{}", diagnostic.file, diagnostic.line, diagnostic.column)},
                        {"reason", diagnostic.what},
                        {"remedy", diagnostic.remedy},
                        {"generation", report.generation}});
    if (!report.reason.empty())
        log_.error("policy rejected", {{"reason", report.reason}, {"generation", report.generation}});
    std::string why = report.reason;
    const auto first = std::ranges::find(report.diagnostics, policy::Severity::error, &policy::Diagnostic::severity);
    if (why.empty() && first != report.diagnostics.end())
        why = fmt::format("{}:{}:{}: {}{}{}", first->file, first->line, first->column, first->what,
                          first->remedy.empty() ? "" : ", ", first->remedy);
    alarms_.raise("policy",
                  fmt::format("policy reload rejected: {}; generation {} stays in force", why, report.generation));
}

std::string Reload::beside_signature() const
{
    const auto current = generations_.current();
    if (!current) return {};
    std::string signature;
    for (const auto& file : files_beside(*current->policy, directory_)) {
        struct stat facts {};
        if (stat(file.c_str(), &facts) != 0) continue;
        signature += fmt::format("{}:{}:{}.{};", file, facts.st_ino, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
    }
    return signature;
}

void Reload::watch_certificate_dates()
{
    const auto current = generations_.current();
    if (!current) return;
    for (const auto& listener : current->policy->node().listeners) {
        if (!listener.tls) continue;
        const auto context = net::TlsContext::server({listener.tls->certificate, listener.tls->key}, false, {});
        const auto ends = context ? (*context)->not_after() : std::nullopt;
        const auto key = "certificate " + listener.name;
        if (ends && *ends - clock_.now() < certificate_warning)
            alarms_.raise(key, fmt::format("The certificate of listener {} ends at {}; replace {}", listener.name,
                                           to_iso8601(*ends), listener.tls->certificate));
        else
            alarms_.clear(key);
    }
}

}  // namespace postern::gateway
