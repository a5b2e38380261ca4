#include "scan/scanner.hpp"

#include "scan/supervisor.hpp"
#include "scan/verdict_cache.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::scan {

namespace asio = boost::asio;

namespace {

constexpr std::size_t most_waiting = 1000;
constexpr std::size_t most_remembered = 10'000;  ///< verdicts; a kilobyte each at worst

std::unexpected<Fault> cannot_check(const std::string& why)
{
    const Fault made =
        fault(Retry::later, why)
            .tell_peer(51, {7, 1}, "This message can't be checked for what it carries at the moment; please try again")
            .about("scanner");
    return std::unexpected(made);
}

Order order_for(const ports::InspectionOrder& wanted)
{
    Order order;
    order.size = wanted.content->size();
    order.types = wanted.types;
    order.members = wanted.members;
    order.obstacles = wanted.obstacles;
    order.viruses = wanted.viruses;
    if (!wanted.structure) {
        order.doubtful = true;
        return order;
    }
    const auto& structure = *wanted.structure;
    order.doubtful = structure.malformed || structure.hidden || structure.too_deep || structure.too_many;
    for (const auto& part : structure.parts) order.pieces.push_back({part.offset, part.length, part.encoding});
    return order;
}

// What the walk over the parts could not look into, the scanner was not asked about.
void note_limits(const mail::Structure* structure, vocabulary::Inspection& seen)
{
    const auto add = [&seen](const char* reason) {
        if (std::ranges::find(seen.unscannable, reason) == seen.unscannable.end())
            seen.unscannable.emplace_back(reason);
    };
    if (structure && structure->too_deep) add("depth");
    if (structure && structure->too_many) add("files");
}

// The message as memory that nobody can change.
bool hand_over(Worker& worker, const Order& order, std::string_view content)
{
    try {
        const Descriptor memory = sealed_memory(content);
        return worker.line.send(encode(order), memory.get());
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace

struct Scanner::Impl {
    Impl(asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& the_metrics, ports::Alarms& alarms,
         const vocabulary::Scanner& settings, ScannerPlace place)
        : io(context),
          metrics(the_metrics),
          supervisor(std::make_shared<Supervisor>(context, clock, log, the_metrics, alarms, settings, std::move(place)))
    {
        supervisor->on_swap([this] { remembered.clear(); });
    }
    ~Impl() { supervisor->on_swap({}); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    asio::awaitable<Result<vocabulary::Inspection>> serve([[maybe_unused]] std::shared_ptr<Impl> self, Order order,
                                                          std::string key, std::shared_ptr<const std::string> content)
    {
        auto& crew = supervisor->crew();
        if (supervisor->stopping()) co_return cannot_check("posternd is stopping");
        if (crew.waiting() >= most_waiting) co_return cannot_check("too many messages wait for it");
        if (order.viruses)
            if (const auto why = supervisor->no_signatures(); !why.empty()) co_return cannot_check(why);
        if (const auto* known = remembered.find(key)) {
            metrics.inspections_remembered += 1;
            co_return *known;
        }
        const Moment patience = std::chrono::steady_clock::now() + supervisor->deadline();
        const auto worker = co_await crew.take(patience);
        if (!worker) co_return cannot_check("no worker became free within the deadline");
        const auto tree = worker->tree.lock();
        std::optional<Datagram> datagram;
        const Moment deadline = std::chrono::steady_clock::now() + supervisor->deadline();
        if (hand_over(*worker, order, *content)) datagram = co_await worker->line.receive(deadline);
        auto answer = datagram ? decode_answer(datagram->bytes) : std::nullopt;
        const bool good = answer && answer->id == order.id &&
                          (!answer->failure.empty() || answer->inspection.parts.size() == order.pieces.size());
        if (!good) {
            supervisor->discard(worker);
            const bool late = std::chrono::steady_clock::now() >= deadline;
            co_return cannot_check(late ? "a worker did not answer in time" : "a worker broke off");
        }
        supervisor->release(worker);
        if (!answer->failure.empty()) co_return cannot_check(answer->failure);
        if (tree && tree == crew.current()) remembered.keep(key, answer->inspection);
        co_return std::move(answer->inspection);
    }

    asio::io_context& io;
    ports::Metrics& metrics;
    std::shared_ptr<Supervisor> supervisor;
    VerdictCache remembered{most_remembered};
    std::atomic<std::uint64_t> last_id{0};
};

Scanner::Scanner(asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& metrics,
                 ports::Alarms& alarms, const vocabulary::Scanner& settings, ScannerPlace place)
    : impl_(std::make_shared<Impl>(context, clock, log, metrics, alarms, settings, std::move(place)))
{
}

Scanner::~Scanner()
{
    end();
}

void Scanner::spawn()
{
    impl_->supervisor->spawn();
}

void Scanner::start()
{
    impl_->supervisor->start();
}

void Scanner::follow(const vocabulary::Scanner& settings)
{
    asio::post(impl_->io, [supervisor = impl_->supervisor, settings] { supervisor->follow(settings); });
}

void Scanner::stop()
{
    asio::post(impl_->io, [supervisor = impl_->supervisor] { supervisor->stop(); });
}

void Scanner::end() noexcept
{
    impl_->supervisor->end();
}

asio::awaitable<Result<vocabulary::Inspection>> Scanner::inspect(ports::InspectionOrder wanted)
{
    const auto begun = std::chrono::steady_clock::now();
    Order order = order_for(wanted);
    order.id = ++impl_->last_id;
    auto key = VerdictCache::key(order, *wanted.content);
    auto work = impl_->serve(impl_, std::move(order), std::move(key), wanted.content);
    auto seen = co_await asio::co_spawn(impl_->io, std::move(work), asio::use_awaitable);
    const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun).count();
    auto& metrics = impl_->metrics;
    metrics.inspection_microseconds += static_cast<std::uint64_t>(took);
    (seen ? metrics.inspections : metrics.inspections_failed) += 1;
    if (seen) note_limits(wanted.structure.get(), *seen);
    if (seen && !seen->viruses.empty()) metrics.viruses_found += 1;
    co_return seen;
}

ports::InspectorStatus Scanner::status() const
{
    return impl_->supervisor->status();
}

}  // namespace postern::scan
