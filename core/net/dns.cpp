#include "net/dns.hpp"

#include "base/text.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>
#include <unbound.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace postern::net {

namespace asio = boost::asio;

namespace {

constexpr int type_a = 1;
constexpr int type_mx = 15;
constexpr int type_aaaa = 28;
constexpr int type_tlsa = 52;
constexpr int class_in = 1;
constexpr int rcode_nxdomain = 3;

/// Of Debian's dns-root-data and of the unbound package.
constexpr std::array<const char*, 2> system_anchors{"/usr/share/dns/root.key", "/var/lib/unbound/root.key"};

struct FreeContext {
    void operator()(ub_ctx* context) const noexcept { ub_ctx_delete(context); }
};
struct FreeResult {
    void operator()(ub_result* result) const noexcept { ub_resolve_free(result); }
};
using ResultPtr = std::unique_ptr<ub_result, FreeResult>;

/// The raw answer to one question.
struct Found {
    std::vector<std::string> records;  ///< RDATA
    bool secure = false;
};

Fault unavailable(const std::string& question, std::string why)
{
    return fault(Retry::later, std::move(why))
        .tell_peer(51, {4, 3}, "A directory look-up (DNS) is not available at the moment; please try again")
        .about("DNS " + question);
}

Result<Found> read_result(const std::string& question, const ub_result& result)
{
    if (result.bogus)
        return std::unexpected(unavailable(
            question,
            fmt::format("DNSSEC validation failed: {}", result.why_bogus ? result.why_bogus : "no reason given")));
    if (result.rcode != 0 && result.rcode != rcode_nxdomain)
        return std::unexpected(unavailable(question, fmt::format("the resolver answered with code {}", result.rcode)));
    Found found;
    found.secure = result.secure != 0;
    for (int i = 0; result.havedata && result.data[i] != nullptr; ++i)
        found.records.emplace_back(result.data[i], static_cast<std::size_t>(result.len[i]));
    return found;
}

/// A domain name in wire form, as it stands at the end of RDATA: no compression left (libunbound undoes it).
std::optional<std::string> read_name(std::string_view wire)
{
    std::string name;
    while (!wire.empty()) {
        const auto length = static_cast<unsigned char>(wire.front());
        if (length == 0) return name;
        if (length > 63 || wire.size() < std::size_t{length} + 1) return std::nullopt;
        if (!name.empty()) name += '.';
        name += wire.substr(1, length);
        wire.remove_prefix(std::size_t{length} + 1);
    }
    return std::nullopt;
}

std::optional<MxRecord> read_mx(const std::string& data)
{
    if (data.size() < 3) return std::nullopt;
    auto name = read_name(std::string_view(data).substr(2));
    if (!name || !is_ascii(*name) || name->find('\0') != std::string::npos) return std::nullopt;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
    return MxRecord{static_cast<std::uint16_t>(byte(0) << 8 | byte(1)), to_lower(*name)};
}

std::optional<Tlsa> read_tlsa(const std::string& data)
{
    if (data.size() < 4) return std::nullopt;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(data[i]); };
    return Tlsa{byte(0), byte(1), byte(2), data.substr(3)};
}

std::optional<vocabulary::Ip> read_ip(const std::string& data)
{
    vocabulary::Ip ip;
    if (data.size() == 16) {
        std::ranges::copy(data, ip.bytes.begin());
        return ip;
    }
    if (data.size() != 4) return std::nullopt;
    ip.bytes[10] = ip.bytes[11] = 0xFF;
    std::ranges::copy(data, ip.bytes.begin() + 12);
    return ip;
}

template <class Record>
void add_records(Answer<Record>& answer, const Found& found, std::optional<Record> (*read)(const std::string&))
{
    for (const std::string& data : found.records)
        if (auto record = read(data)) answer.records.push_back(std::move(*record));
}

template <class Record>
Result<Answer<Record>> to_answer(const Result<Found>& found, std::optional<Record> (*read)(const std::string&))
{
    if (!found) return std::unexpected(found.error());
    Answer<Record> answer;
    answer.secure = found->secure;
    add_records(answer, *found, read);
    return answer;
}

/// One question under way: its coroutine sleeps on the timer, which the answer cancels. Used by the coroutine's
/// thread, but for `end`, which only posts there.
struct Pending {
    Pending(std::string text, const asio::any_io_executor& executor) : question(std::move(text)), timer(executor) {}

    std::string question;
    asio::steady_timer timer;
    std::optional<Result<Found>> answer;
};

class UnboundDns final : public Dns {
public:
    UnboundDns(asio::io_context& io, std::unique_ptr<ub_ctx, FreeContext> context, Duration deadline)
        : deadline_(deadline),
          watcher_(std::make_shared<Watcher>(io, ub_fd(context.get()))),
          context_(std::move(context))
    {
        watcher_->context = context_.get();
        asio::co_spawn(io, watch(watcher_), asio::detached);
    }

    ~UnboundDns() override
    {
        {
            const std::lock_guard lock(watcher_->mutex);
            watcher_->context = nullptr;
        }
        context_.reset();  // joins its thread; callbacks that have not run never will
        const auto watcher = watcher_;
        asio::post(watcher->descriptor.get_executor(), [watcher] { watcher->close(); });
    }

    Asked<MxRecord> mx(std::string name) override
    {
        co_return to_answer(co_await ask(std::move(name), type_mx), read_mx);
    }

    Asked<Tlsa> tlsa(std::uint16_t port, std::string host) override
    {
        co_return to_answer(co_await ask(fmt::format("_{}._tcp.{}", port, host), type_tlsa), read_tlsa);
    }

    Asked<vocabulary::Ip> addresses(std::string name) override
    {
        if (const auto ip = vocabulary::parse_ip(name)) co_return Answer<vocabulary::Ip>{{*ip}, false};
        const auto v6_pending = begin(name, type_aaaa, co_await asio::this_coro::executor);
        const auto v4_pending = begin(name, type_a, co_await asio::this_coro::executor);
        const auto v6 = co_await finish(v6_pending);
        const auto v4 = co_await finish(v4_pending);
        Answer<vocabulary::Ip> answer;
        answer.secure = v6 && v6->secure && v4 && v4->secure;
        if (v6) add_records(answer, *v6, read_ip);
        if (v4) add_records(answer, *v4, read_ip);
        // "Absent" must be known of both; one that is unavailable could have been the one that exists.
        if (answer.records.empty() && !v6) co_return std::unexpected(v6.error());
        if (answer.records.empty() && !v4) co_return std::unexpected(v4.error());
        co_return answer;
    }

private:
    /// The descriptor that tells of answers. Outlives the resolver until its loop has seen the end.
    struct Watcher {
        Watcher(asio::io_context& io, int fd) : descriptor(io, ::dup(fd)) {}
        void close()
        {
            boost::system::error_code ignored;
            descriptor.close(ignored);
        }
        asio::posix::stream_descriptor descriptor;
        std::mutex mutex;  ///< guards `context` against the resolver's end
        ub_ctx* context = nullptr;
    };

    /// What libunbound carries through a query.
    struct Ticket {
        UnboundDns* dns;
        std::shared_ptr<Pending> pending;
    };

    static asio::awaitable<void> watch(std::shared_ptr<Watcher> watcher)
    {
        for (;;) {
            const auto [failed] = co_await watcher->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                                                          asio::as_tuple(asio::use_awaitable));
            const std::lock_guard lock(watcher->mutex);
            if (failed || watcher->context == nullptr) co_return;
            ub_process(watcher->context);
        }
    }

    std::shared_ptr<Pending> begin(const std::string& name, int type, const asio::any_io_executor& executor)
    {
        auto pending = std::make_shared<Pending>(fmt::format("{} {}", name_of(type), name), executor);
        pending->timer.expires_after(deadline_);
        Ticket* ticket = keep(pending);
        const int error =
            ub_resolve_async(context_.get(), name.c_str(), type, class_in, ticket, &UnboundDns::answered, nullptr);
        if (error != 0) {
            drop(ticket);
            pending->answer = std::unexpected(unavailable(pending->question, ub_strerror(error)));
        }
        return pending;
    }

    asio::awaitable<Result<Found>> finish(std::shared_ptr<Pending> pending)
    {
        if (!pending->answer) co_await pending->timer.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!pending->answer) co_return std::unexpected(unavailable(pending->question, "no answer in time"));
        co_return std::move(*pending->answer);
    }

    asio::awaitable<Result<Found>> ask(std::string name, int type)
    {
        const auto pending = begin(name, type, co_await asio::this_coro::executor);
        co_return co_await finish(pending);
    }

    /// On the thread of `io`, inside ub_process.
    static void answered(void* data, int error, ub_result* raw)
    {
        const ResultPtr result(raw);
        auto* ticket = static_cast<Ticket*>(data);
        const auto pending = ticket->pending;
        ticket->dns->drop(ticket);
        Result<Found> found = error != 0 || !result
                                  ? std::unexpected(unavailable(pending->question, ub_strerror(error)))
                                  : read_result(pending->question, *result);
        asio::post(pending->timer.get_executor(), [pending, found = std::move(found)]() mutable {
            pending->answer = std::move(found);
            pending->timer.cancel();
        });
    }

    Ticket* keep(const std::shared_ptr<Pending>& pending)
    {
        auto ticket = std::make_unique<Ticket>(Ticket{this, pending});
        Ticket* key = ticket.get();
        const std::lock_guard lock(tickets_mutex_);
        tickets_.emplace(key, std::move(ticket));
        return key;
    }

    void drop(Ticket* ticket)
    {
        const std::lock_guard lock(tickets_mutex_);
        tickets_.erase(ticket);
    }

    static const char* name_of(int type)
    {
        switch (type) {
            case type_a:
                return "A";
            case type_aaaa:
                return "AAAA";
            case type_mx:
                return "MX";
            default:
                return "TLSA";
        }
    }

    Duration deadline_;
    std::shared_ptr<Watcher> watcher_;
    std::mutex tickets_mutex_;
    std::unordered_map<Ticket*, std::unique_ptr<Ticket>> tickets_;
    std::unique_ptr<ub_ctx, FreeContext> context_;
};

Result<void> check(int error, const std::string& what)
{
    if (error == 0) return {};
    return fault(Retry::never, fmt::format("{}: {}", what, ub_strerror(error))).about("resolver");
}

Result<void> set_servers(ub_ctx* context, const std::vector<std::string>& servers)
{
    if (servers.empty()) return check(ub_ctx_resolvconf(context, nullptr), "can't read /etc/resolv.conf");
    // A resolver on this machine is the usual case, not a loop.
    if (auto set = check(ub_ctx_set_option(context, "do-not-query-localhost:", "no"), "can't ask local resolvers");
        !set)
        return set;
    for (const std::string& server : servers)
        if (auto set = check(ub_ctx_set_fwd(context, server.c_str()), "\"" + server + "\" is no address"); !set)
            return set;
    return {};
}

Result<void> set_anchor(ub_ctx* context, const std::string& file)
{
    if (file == "none") return {};
    if (!file.empty()) {
        if (::access(file.c_str(), R_OK) != 0) return fault(Retry::never, "the trust anchor can't be read").about(file);
        return check(ub_ctx_add_ta_file(context, file.c_str()), "bad trust anchor " + file);
    }
    for (const char* anchor : system_anchors)
        if (::access(anchor, R_OK) == 0) return check(ub_ctx_add_ta_file(context, anchor), "bad trust anchor");
    return {};
}

}  // namespace

Result<std::unique_ptr<Dns>> open_dns(asio::io_context& io, const DnsOptions& options)
{
    std::unique_ptr<ub_ctx, FreeContext> context(ub_ctx_create());
    if (!context) throw std::bad_alloc();
    ub_ctx_debugout(context.get(), nullptr);
    if (auto set = set_servers(context.get(), options.servers); !set) return std::unexpected(set.error());
    if (auto set = set_anchor(context.get(), options.trust_anchor); !set) return std::unexpected(set.error());
    if (!options.hosts_file.empty() && ::access(options.hosts_file.c_str(), R_OK) == 0)
        if (auto set =
                check(ub_ctx_hosts(context.get(), options.hosts_file.c_str()), "can't read " + options.hosts_file);
            !set)
            return std::unexpected(set.error());
    if (auto set = check(ub_ctx_async(context.get(), 1), "can't run in a thread"); !set)
        return std::unexpected(set.error());
    // Where an administrator names a resolver, it decides about names kept for private use (RFC 6761). Nothing can
    // be set behind this call.
    if (!options.servers.empty()) ub_ctx_zone_remove(context.get(), "test.");
    return std::make_unique<UnboundDns>(io, std::move(context), options.deadline);
}

}  // namespace postern::net
