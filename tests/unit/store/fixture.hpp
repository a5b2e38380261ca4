// What the tests of the store share: a directory of their own, and calls that wait.
#pragma once

#include "base/ids.hpp"
#include "store/mail_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <thread>

namespace postern::store::test {

/// Waits for what happens behind the answer: body files go after the commit that they belonged to.
inline bool eventually(const std::function<bool()>& holds)
{
    for (int i = 0; i < 100; ++i) {
        if (holds()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
}

/// A folder that goes with its owner.
class TemporaryFolder {
public:
    TemporaryFolder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "postern-store-XXXXXX").string();
        if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
        path_ = name;
    }
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// Runs one awaitable to its end on a context of its own.
template <class T>
T wait_for(boost::asio::awaitable<T> work)
{
    boost::asio::io_context context;
    auto future = boost::asio::co_spawn(context, std::move(work), boost::asio::use_future);
    context.run();
    return future.get();
}

/// The value, or a test that fails with the fault's words.
template <class T>
T value_of(Result<T> result)
{
    if (!result) FAIL(result.error().describe());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline constexpr Instant noon = Instant(std::chrono::seconds(1'800'000'000));

class SetClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return at; }
    Instant at = noon;
};

inline RecipientRecord recipient(std::string address, std::string organisation = "courts")
{
    RecipientRecord made;
    made.address = std::move(address);
    made.organisation = std::move(organisation);
    return made;
}

inline DeliveryRecord delivery(std::vector<std::string> addresses, std::string organisation = "courts")
{
    DeliveryRecord made;
    made.organisation = organisation;
    for (std::string& address : addresses) made.recipients.push_back(recipient(std::move(address), organisation));
    return made;
}

inline NewMessage message(std::vector<DeliveryRecord> deliveries, std::string content = "Subject: x\r\n\r\nbody\r\n",
                          Instant received = noon)
{
    NewMessage made;
    made.message.id = make_message_id(received);
    made.message.received = received;
    made.message.organisation = "chambers";
    made.message.sender = "eric.brown@greenstonechambers.co.uk.cjsm.net";
    made.message.header_message_id = "<" + made.message.id + "@greenstonechambers.co.uk>";
    made.message.peer = "192.0.2.1";
    made.message.size = content.size();
    made.message.generation = 7;
    made.content = std::make_shared<const std::string>(std::move(content));
    made.deliveries = std::move(deliveries);
    return made;
}

/// The same outcome for every recipient of a claimed delivery.
inline AttemptOutcome outcome(const std::string& id, const DeliveryRecord& delivery, State state,
                              std::string reply = "250 2.0.0 Ok", Instant at = noon)
{
    AttemptOutcome made;
    made.message_id = id;
    made.delivery_id = delivery.id;
    made.at = at;
    made.generation = 8;
    made.next_hop = "mail.crowncourt.example [192.0.2.2]:25";
    made.tls = "TLSv1.3";
    made.next_attempt = at + std::chrono::minutes(5);
    for (const RecipientRecord& to : delivery.recipients)
        made.recipients.push_back({.recipient_id = to.id, .state = state, .reply = reply});
    return made;
}

/// A store in a folder of its own, which can be closed and opened again.
struct Opened {
    Opened() { open(); }
    void open()
    {
        store.reset();
        store = value_of(
            MailStore::open({.directory = folder.path() / "spool", .body_in_database = 4096, .clock = &clock}));
    }
    std::vector<DeliveryRecord> commit(NewMessage what, bool claim = true)
    {
        const auto lease = claim ? std::optional<Instant>(clock.at + std::chrono::minutes(10)) : std::nullopt;
        return value_of(wait_for(store->commit(std::move(what), lease)));
    }
    std::vector<QueuedDelivery> claim(std::size_t limit = 100)
    {
        return value_of(wait_for(store->claim(clock.at, clock.at + std::chrono::minutes(10), limit)));
    }
    void record(AttemptOutcome what) { value_of(wait_for(store->record(std::move(what)))); }
    QueueTotals totals() { return value_of(wait_for(store->totals())); }
    Trace trace(const std::string& id)
    {
        TraceFilter filter;
        filter.id = id;
        auto traces = value_of(wait_for(store->trace(std::move(filter))));
        REQUIRE(traces.size() == 1);
        return traces.front();
    }
    std::string content(const std::string& id) { return *value_of(wait_for(store->content(id))); }
    [[nodiscard]] std::size_t body_files() const
    {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path() / "spool" / "bodies"))
            if (entry.is_regular_file()) ++count;
        return count;
    }

    TemporaryFolder folder;
    SetClock clock;
    std::unique_ptr<MailStore> store;
};

}  // namespace postern::store::test
