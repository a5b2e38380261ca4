// A directory of 200,000 users in 2,000 organisations: look-ups, search as one types, a list of 10,000, a login, memory.
//
//     bench_people FOLDER      makes FOLDER/directory.db where it is not there yet
//
// Ends with 1 where a bound is not met.
#include "directory/administration.hpp"
#include "directory/logins.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

using namespace postern;
using namespace postern::directory;

constexpr std::size_t organisations = 2'000;
constexpr std::size_t users_of_each = 100;
const char* const first_names[] = {"anna", "eric", "emma", "john", "mary", "paul", "ruth", "sean", "tess", "will"};
const char* const last_names[] = {"brown", "green", "smith", "jones", "black", "white", "young", "walsh", "price", "stone"};

template <class T>
T wait_for(boost::asio::awaitable<T> work)
{
    boost::asio::io_context context;
    auto future = boost::asio::co_spawn(context, std::move(work), boost::asio::use_future);
    context.run();
    return future.get();
}

std::string address_of(std::size_t organisation, std::size_t number)
{
    return fmt::format("{}.{}{}@org{}.example", first_names[number % 10], last_names[number / 10], organisation,
                       organisation);
}

DirectoryEntry user(std::size_t organisation, std::size_t number)
{
    DirectoryEntry entry;
    entry.address = *mail::Address::parse(address_of(organisation, number));
    entry.organisation = fmt::format("org{}", organisation);
    entry.name = fmt::format("{} {}", first_names[number % 10], last_names[number / 10]);
    entry.details = {{"telephone", fmt::format("01904 555 {}", number)}};
    return entry;
}

ImportDocument everybody()
{
    ImportDocument document{.file = "bench", .organisations = {}};
    for (std::size_t o = 0; o < organisations; ++o) {
        vocabulary::ImportOrganisation organisation{fmt::format("org{}", o), 1, {}};
        for (std::size_t i = 0; i < users_of_each; ++i) organisation.entries.push_back({user(o, i), i + 1});
        document.organisations.push_back(std::move(organisation));
    }
    DirectoryEntry list;
    list.address = *mail::Address::parse("everybody@org0.example");
    list.organisation = "org0";
    list.kind = EntryKind::list;
    list.name = "Everybody";
    list.owner = address_of(0, 0);
    for (std::size_t i = 0; i < 10'000; ++i) list.members.push_back({.address = address_of(i % organisations, i / organisations)});
    document.organisations.front().entries.push_back({list, 1000});
    return document;
}

double microseconds(const std::function<void()>& work)
{
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

std::size_t resident_mib()
{
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * 4096 >> 20U;
}

bool all_met = true;
void report(const std::string& what, double measured, double bound, const char* unit)
{
    const bool met = measured <= bound;
    all_met = all_met && met;
    std::cout << fmt::format("{:<52} {:>9.2f} {} (at most {:.0f}){}\n", what, measured, unit, bound, met ? "" : "  NOT MET");
}

}  // namespace

int main(int count, char** arguments)
{
    const std::filesystem::path folder = count == 2 ? arguments[1] : "build/bench-people";
    std::filesystem::create_directories(folder);
    const auto file = folder / "directory.db";
    const bool fresh = !std::filesystem::exists(file);
    auto opened = Directory::open({.file = file, .cached_entries = 50'000, .cached_absent = 20'000, .cached_answers = 50'000});
    if (!opened) {
        std::cerr << opened.error().describe() << "\n";
        return 1;
    }
    auto& directory = **opened;
    if (fresh) {
        auto document = everybody();
        const EntryCheck anything = [](const DirectoryEntry&) { return Result<void>(); };
        const double spent = microseconds([&] {
            auto applied = wait_for(directory.apply(std::move(document), anything, "bench", from_micros(1)));
            if (!applied || !applied->valid()) std::abort();
        });
        report("import of 200,000 (100,000 in a minute)", spent / 1e6, 120, "s");
    }
    const auto asked = [](std::size_t i) {
        return *mail::Address::parse(address_of(i * 7919 % organisations, i * 31 % users_of_each));
    };
    constexpr std::size_t lookups = 5'000;
    std::vector<mail::Address> addresses;
    for (std::size_t i = 0; i < lookups; ++i) addresses.push_back(asked(i));
    double disk = 0, cache = 0;
    auto ask_all = [&]() -> boost::asio::awaitable<void> {
        for (double* spent : {&disk, &cache}) {
            const auto start = std::chrono::steady_clock::now();
            for (const auto& address : addresses) {
                auto found = co_await directory.find(address);
                if (!found || !*found) std::abort();
            }
            *spent = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
        }
    };
    wait_for([&]() -> boost::asio::awaitable<int> {
        co_await ask_all();
        co_return 0;
    }());
    report("look-up from disk", disk / lookups, 200, "us");
    report("look-up from memory", cache / lookups, 20, "us");

    double slowest = 0;
    for (const char* typed : {"e", "er", "eri", "eric", "eric b", "eric brown", "eric brown1999", "org7 smith", "zzz"}) {
        const double spent = microseconds([&] {
            auto found = wait_for(directory.administration().list({.like = typed, .limit = 20}));
            if (!found) std::abort();
        });
        slowest = std::max(slowest, spent);
    }
    report("search as one types, the slowest of nine", slowest / 1e3, 20, "ms");

    const auto list = wait_for(directory.find(*mail::Address::parse("everybody@org0.example")));
    std::vector<mail::Address> members;
    for (const auto& member : (**list)->members) members.push_back(*mail::Address::parse(member.address));
    const double expanded = microseconds([&] {
        if (wait_for(directory.find_all(members))->size() != 10'000) std::abort();
    });
    report("a list's 10,000 members, not in memory before", expanded / 1e3, 100, "ms");

    const auto who = *mail::Address::parse(address_of(5, 5));
    vocabulary::LoginRules rules;
    const Instant now = from_micros(1'700'000'000'000'000);
    AuditRecord record;
    record.at = now;
    record.actor = record.act = "bench";
    if (auto given = wait_for(directory.logins().invite(who, rules, record)); given)
        (void)wait_for(directory.logins().change({given->user_name, given->password, {}}, "four words make sense", rules, now));
    const auto hash = hash_password("four words make sense", Strength::chosen);
    std::vector<double> plain, login;
    for (int i = 0; i < 9; ++i) {
        plain.push_back(microseconds([&] { (void)verify_password(hash, "four words make sense"); }));
        login.push_back(microseconds([&] {
            (void)wait_for(directory.logins().check({who.text(), "four words make sense", {}}, rules, now));
        }));
    }
    std::ranges::sort(plain);
    std::ranges::sort(login);
    report("a login, times argon2id itself (median)", login[4] / plain[4], 1.2, "x");
    report("memory, resident", static_cast<double>(resident_mib()), 200, "MiB");
    return all_met ? 0 : 1;
}
