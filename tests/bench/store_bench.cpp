// What the spool costs: messages committed, and recorded as relayed, by many coroutines at once.
//
//     store_bench [MESSAGES [COROUTINES [DIRECTORY [BYTES]]]]      (20000, 20, /tmp, 4096)
//
// Prints messages a second and the CPU of the whole process a message. Not a test: nothing here passes or fails.
#include "base/ids.hpp"
#include "store/mail_store.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

namespace {

using namespace postern;
using Clockwork = std::chrono::steady_clock;

store::NewMessage make(const store::Content& content)
{
    const Instant now = SystemClock().now();
    store::NewMessage made;
    made.message.id = make_message_id(now);
    made.message.received = now;
    made.message.organisation = "greenstone-chambers";
    made.message.sender = "eric.brown@greenstonechambers.co.uk.cjsm.net";
    made.message.header_message_id = "<" + made.message.id + "@greenstonechambers.co.uk>";
    made.message.peer = "192.0.2.1";
    made.message.helo = "mail.greenstonechambers.co.uk";
    made.message.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    made.message.size = content->size();
    made.content = content;
    store::DeliveryRecord& to = made.deliveries.emplace_back();
    to.organisation = "crown-court";
    to.edits = {{.offset = 0, .removed = 0, .text = "Received: from mail.greenstonechambers.co.uk ([192.0.2.1])\r\n"},
                {.offset = 200, .removed = 40, .text = "From: eric.brown@greenstonechambers.co.uk.cjsm.net\r\n"}};
    store::RecipientRecord& listing = to.recipients.emplace_back();
    listing.address = "listing@crowncourt.example.cjsm.net";
    listing.hop_address = "listing@crowncourt.example";
    listing.organisation = to.organisation;
    return made;
}

store::AttemptOutcome relayed(const std::string& id, const store::DeliveryRecord& delivery)
{
    store::AttemptOutcome made;
    made.message_id = id;
    made.delivery_id = delivery.id;
    made.at = SystemClock().now();
    made.generation = 1;
    made.next_hop = "mail.crowncourt.example [192.0.2.2]:25";
    made.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    made.recipients.push_back({.recipient_id = delivery.recipients[0].id,
                               .state = store::State::relayed,
                               .reply = "250 2.0.0 Ok: queued as 4F2"});
    return made;
}

void fail_on(std::exception_ptr failed)
{
    if (failed) std::rethrow_exception(failed);
}

boost::asio::awaitable<void> record(store::MailStore& spool, store::AttemptOutcome outcome)
{
    const auto recorded = co_await spool.record(std::move(outcome));
    if (!recorded) throw std::runtime_error(recorded.error().describe());
}

/// As the gateway does: the sender has its answer after the commit, the attempt is recorded beside its next message.
boost::asio::awaitable<void> send(boost::asio::io_context& context, store::MailStore& spool,
                                  const store::Content& content, int& left, Duration& slowest)
{
    while (left-- > 0) {
        store::NewMessage message = make(content);
        const std::string id = message.message.id;
        const auto start = Clockwork::now();
        auto claimed = co_await spool.commit(std::move(message), SystemClock().now() + std::chrono::minutes(10));
        slowest = std::max(slowest, std::chrono::duration_cast<Duration>(Clockwork::now() - start));
        if (!claimed) throw std::runtime_error(claimed.error().describe());
        boost::asio::co_spawn(context, record(spool, relayed(id, claimed->front())), fail_on);
    }
}

double cpu_seconds()
{
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

int number(int argc, char** argv, int index, int otherwise)
{
    return argc > index ? std::atoi(argv[index]) : otherwise;
}

}  // namespace

int main(int argc, char** argv)
{
    const int messages = number(argc, argv, 1, 20'000);
    const int coroutines = number(argc, argv, 2, 20);
    std::string folder = std::string(argc > 3 ? argv[3] : "/tmp") + "/store-bench-XXXXXX";
    if (!mkdtemp(folder.data())) return 1;
    const auto content =
        std::make_shared<const std::string>(static_cast<std::size_t>(number(argc, argv, 4, 4096)), 'x');
    {
        auto spool = store::MailStore::open({.directory = folder});
        if (!spool) return 1;
        boost::asio::io_context context(1);
        int left = messages;
        Duration slowest{};
        for (int i = 0; i < coroutines; ++i)
            boost::asio::co_spawn(context, send(context, **spool, content, left, slowest), fail_on);
        const double cpu = cpu_seconds();
        const auto start = Clockwork::now();
        context.run();
        const double seconds = std::chrono::duration<double>(Clockwork::now() - start).count();
        const auto counted = (*spool)->counters();
        fmt::print(
            "{} messages, {} coroutines: {:.0f}/s, {:.1f} us of CPU each, {:.1f} jobs a commit, slowest commit {} ms\n",
            messages, coroutines, messages / seconds, (cpu_seconds() - cpu) * 1e6 / messages,
            static_cast<double>(counted.jobs) / static_cast<double>(counted.commits), slowest.count() / 1000);
    }
    std::filesystem::remove_all(folder);
    return 0;
}
