// What a large directory costs: looking up, searching as somebody types, deciding, expanding a list, logging in,
// memory.
//
//     bench_people [USERS [ORGANISATIONS]]        200000 in 2000 where absent
//
// Fills a directory in one process and measures it in another, so that what the import took does not count. Prints each
// figure beside what is due, and ends with 1 where one is missed.
#include "base/text.hpp"
#include "directory/administration.hpp"
#include "directory/directory.hpp"
#include "directory/logins.hpp"
#include "directory/passwords.hpp"
#include "gateway/lists.hpp"
#include "policy/powers.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

using namespace postern;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::size_t list_members = 10'000;
constexpr std::array<const char*, 40> first_names{
    "Amina", "Ben",   "Carol", "David", "Ella",  "Farid", "Grace", "Hugh",  "Iris",  "Jack",
    "Kate",  "Liam",  "Mary",  "Noah",  "Olive", "Peter", "Quinn", "Rosa",  "Sam",   "Tessa",
    "Umar",  "Vera",  "Will",  "Xena",  "Yusuf", "Zoe",   "Anna",  "Brian", "Clara", "Derek",
    "Emma",  "Frank", "Gwen",  "Harry", "Irene", "James", "Karen", "Leo",   "Mona",  "Nina"};
constexpr std::array<const char*, 50> family_names{
    "Smith",   "Jones",  "Taylor", "Brown",    "Wilson", "Evans",  "Thomas",  "Roberts", "Johnson", "Lewis",
    "Walker",  "Wood",   "Hughes", "Edwards",  "Green",  "Hall",   "Clarke",  "Jackson", "Harris",  "Cooper",
    "King",    "Lee",    "Martin", "Morris",   "James",  "Morgan", "Baker",   "Carter",  "Scott",   "Ward",
    "Davis",   "Turner", "Parker", "Phillips", "Price",  "Shaw",   "Bennett", "Gray",    "Cook",    "Ellis",
    "Collins", "Murphy", "Mills",  "Palmer",   "Knight", "Webb",   "Rogers",  "Stone",   "Barnes",  "Chapman"};

/// Scattered, so that an organisation has people of all names.
const char* first_of(std::size_t user)
{
    return first_names[(user * 2'654'435'761U >> 7U) % first_names.size()];
}
const char* family_of(std::size_t user)
{
    return family_names[(user * 40'503U >> 3U) % family_names.size()];
}

std::string address_of(std::size_t user, std::size_t organisations)
{
    return fmt::format("{}.{}.u{}@member-{}.example", to_lower(first_of(user)), to_lower(family_of(user)), user,
                       user % organisations);
}

template <class T>
T wait_for(boost::asio::awaitable<T> work)
{
    boost::asio::io_context context;
    auto future = boost::asio::co_spawn(context, std::move(work), boost::asio::use_future);
    context.run();
    return future.get();
}

template <class T>
T must(Result<T> result)
{
    if (!result) throw std::runtime_error(result.error().describe());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

mail::Address address(const std::string& text)
{
    return must(mail::Address::parse(text));
}

std::unique_ptr<directory::Directory> open(const std::filesystem::path& folder)
{
    return must(directory::Directory::open({.file = folder / "directory.db"}));
}

double resident_mib()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
    return 0;
}

// --- filling ---------------------------------------------------------------------------------------------------------

Result<void> anything_goes(const vocabulary::DirectoryEntry&)
{
    return {};
}

vocabulary::ImportDocument community(std::size_t users, std::size_t organisations)
{
    vocabulary::ImportDocument document{.file = "bench", .organisations = {}};
    document.organisations.resize(organisations);
    for (std::size_t o = 0; o < organisations; ++o)
        document.organisations[o] = {fmt::format("member-{}", o), o + 1, {}};
    for (std::size_t user = 0; user < users; ++user) {
        vocabulary::ImportEntry made;
        made.line = user + 1;
        made.entry.address = address(address_of(user, organisations));
        made.entry.organisation = fmt::format("member-{}", user % organisations);
        made.entry.name = fmt::format("{} {}", first_of(user), family_of(user));
        made.entry.details = {{"telephone", fmt::format("01904 {:06}", user)}, {"place", "York"}};
        document.organisations[user % organisations].entries.push_back(std::move(made));
    }
    vocabulary::ImportEntry list;
    list.entry.address = address("everybody@member-0.example");
    list.entry.organisation = "member-0";
    list.entry.kind = vocabulary::EntryKind::list;
    list.entry.name = "Everybody";
    list.entry.owner = address_of(0, organisations);
    for (std::size_t i = 0; i < std::min(list_members, users); ++i)
        list.entry.members.push_back(
            {.address = address_of(i * (users / std::min(list_members, users)), organisations)});
    document.organisations[0].entries.push_back(std::move(list));
    return document;
}

int fill(const std::filesystem::path& folder, std::size_t users, std::size_t organisations)
{
    const auto opened = open(folder);
    auto document = community(users, organisations);
    const auto begun = Steady::now();
    const auto difference =
        must(wait_for(opened->apply(std::move(document), anything_goes, "bench", SystemClock().now())));
    const double seconds = std::chrono::duration<double>(Steady::now() - begun).count();
    if (!difference.valid()) {
        fmt::print("the import has problems: {}\n", difference.problems.front().what);
        return 1;
    }
    fmt::print("{} users in {} organisations imported in {:.1f} s: {:.1f} s for 100,000\n", users, organisations,
               seconds, seconds * 100'000 / static_cast<double>(users));
    return 0;
}

// --- measuring -------------------------------------------------------------------------------------------------------

class Measure {
public:
    Measure(std::filesystem::path folder, std::size_t users, std::size_t organisations)
        : folder_(std::move(folder)), users_(users), organisations_(organisations)
    {
    }

    int run()
    {
        const double before = resident_mib();
        const auto opened = open(folder_);
        from_disk(*opened);
        from_cache(*opened);
        search(*opened);
        expand(*opened);
        malloc_trim(0);
        report("memory, MiB", resident_mib() - before, 200);
        decide();
        log_in(*opened);
        return missed_ ? 1 : 0;
    }

private:
    void report(const char* what, double is, double due)
    {
        fmt::print("{:<60} {:>9.2f}   at most {:>6.1f}{}\n", what, is, due, is > due ? "   MISSED" : "");
        missed_ = missed_ || is > due;
    }

    /// Microseconds of each call, in a coroutine as the gateway makes it.
    double each(std::size_t count, const std::function<boost::asio::awaitable<void>(std::size_t)>& call)
    {
        const auto all = [&]() -> boost::asio::awaitable<void> {
            for (std::size_t i = 0; i < count; ++i) co_await call(i);
        };
        const auto begun = Steady::now();
        boost::asio::io_context context;
        auto future = boost::asio::co_spawn(context, all(), boost::asio::use_future);
        context.run();
        future.get();
        return std::chrono::duration<double, std::micro>(Steady::now() - begun).count() / static_cast<double>(count);
    }

    void from_disk(directory::Directory& directory)
    {
        std::mt19937 random(7);
        std::vector<mail::Address> asked;
        for (std::size_t i = 0; i < 20'000; ++i)
            asked.push_back(address(address_of(random() % users_, organisations_)));
        report("look-up from disk, us",
               each(asked.size(),
                    [&](std::size_t i) -> boost::asio::awaitable<void> {
                        auto found = co_await directory.find(asked[i]);
                        if (!found || !*found) throw std::runtime_error("a user is not there");
                    }),
               200);
        std::vector<mail::Address> absent;
        for (std::size_t i = 0; i < 20'000; ++i) absent.push_back(address(fmt::format("nobody{}@member-1.example", i)));
        report("look-up of who is not there, us",
               each(absent.size(),
                    [&](std::size_t i) -> boost::asio::awaitable<void> {
                        auto found = co_await directory.find(absent[i]);
                        if (!found || *found) throw std::runtime_error("nobody is there");
                    }),
               200);
    }

    void from_cache(directory::Directory& directory)
    {
        std::vector<mail::Address> asked;
        for (std::size_t i = 0; i < 2'000; ++i) asked.push_back(address(address_of(i, organisations_)));
        for (const auto& one : asked) must(wait_for(directory.find(one)));
        report("look-up from cache, us",
               each(200'000,
                    [&](std::size_t i) -> boost::asio::awaitable<void> {
                        auto found = co_await directory.find(asked[i % asked.size()]);
                        if (!found || !*found) throw std::runtime_error("a user is not there");
                    }),
               20);
    }

    /// What somebody types: letter by letter, of frequent names and rare ones, in all organisations and in one.
    void search(directory::Directory& directory)
    {
        const std::array<std::string, 5> typed{"smith", "clara webb", "zo", "u1999", "brian chapman member-7"};
        double worst = 0;
        std::string slowest;
        for (const std::string& organisation : {std::string{}, std::string("member-7")})
            for (const auto& text : typed)
                for (std::size_t size = 1; size <= text.size(); ++size) {
                    const auto like = text.substr(0, size);
                    constexpr int times = 3;
                    const auto begun = Steady::now();
                    for (int i = 0; i < times; ++i)
                        must(wait_for(directory.administration().list(
                            {.like = like, .organisation = organisation, .kind = {}, .status = {}, .limit = 50})));
                    const double took =
                        std::chrono::duration<double, std::milli>(Steady::now() - begun).count() / times;
                    if (took <= worst) continue;
                    worst = took;
                    slowest = like;
                }
        report(fmt::format("search as somebody types, worst (\"{}\"), ms", slowest).c_str(), worst, 20);
    }

    void expand(directory::Directory& directory)
    {
        const auto list = must(wait_for(directory.find(address("everybody@member-0.example"))));
        for (const char* what : {"list of 10,000 expanded, first time, ms", "list of 10,000 expanded again, ms"}) {
            const auto begun = Steady::now();
            const auto expansion = must(wait_for(gateway::expand_list(directory, *list, nullptr)));
            const double took = std::chrono::duration<double, std::milli>(Steady::now() - begun).count();
            if (expansion.members.size() != list->members.size()) throw std::runtime_error("members are missing");
            report(what, took, 100);
        }
    }

    /// As large a table of roles as there are: every role with every act, on its own organisation.
    void decide()
    {
        std::vector<policy::PowerGrant> grants;
        for (const auto& role : vocabulary::roles())
            for (const auto& act : vocabulary::acts()) {
                policy::PowerGrant grant;
                grant.role = role.role;
                grant.acts.set(static_cast<std::size_t>(act.act));
                grant.reach = vocabulary::Reach::own_organisation;
                grants.push_back(grant);
            }
        const policy::Powers powers(std::move(grants), {}, true, true);
        policy::Caller caller{.name = "a", .key = "a@member-1.example", .organisation = "member-1", .roles = {}};
        for (const auto& role : vocabulary::roles()) caller.roles.push_back({role.role, "member-1", "granted"});
        policy::Subject subject;
        subject.shown = subject.key = "b@member-2.example";
        subject.organisations = {"member-2", "member-3", "member-4"};
        constexpr std::size_t times = 20'000;
        std::size_t allowed = 0;
        const auto begun = Steady::now();
        for (std::size_t i = 0; i < times; ++i)
            allowed += powers.may(caller, vocabulary::Act::act_for_user, subject).allowed ? 1U : 0U;
        const double took =
            std::chrono::duration<double, std::micro>(Steady::now() - begun).count() / static_cast<double>(times);
        if (allowed != 0) throw std::runtime_error("somebody may what nobody may");
        report("permission decided, us", took, 10);
    }

    void log_in(directory::Directory& directory)
    {
        const vocabulary::LoginRules rules;
        const auto now = SystemClock().now();
        const auto who = address(address_of(42, organisations_));
        auto& logins = directory.logins();
        directory::AuditRecord record;
        record.at = now;
        record.actor = "bench";
        record.act = "invite";
        const auto given = must(wait_for(logins.invite(who, rules, record)));
        const std::string password = "four words make sense";
        must(wait_for(logins.change({given.user_name, given.password, {}}, password, rules, now)));
        const auto hash = directory::hash_password(password, directory::Strength::chosen);
        constexpr std::size_t times = 15;
        std::vector<double> alone, whole;
        for (std::size_t i = 0; i < times; ++i) {
            const auto begun = Steady::now();
            if (!directory::verify_password(hash, password)) throw std::runtime_error("a hash does not verify");
            const auto between = Steady::now();
            const auto answer = must(wait_for(logins.check({given.user_name, password, {}}, rules, now)));
            if (answer.outcome != directory::LoginAnswer::Outcome::granted) throw std::runtime_error("refused");
            whole.push_back(std::chrono::duration<double, std::milli>(Steady::now() - between).count());
            alone.push_back(std::chrono::duration<double, std::milli>(between - begun).count());
        }
        std::ranges::sort(alone);
        std::ranges::sort(whole);
        report("a login, times argon2id alone (median)", whole[times / 2] / alone[times / 2], 1.2);
    }

    std::filesystem::path folder_;
    std::size_t users_, organisations_;
    bool missed_ = false;
};

std::size_t number(int argc, char** argv, int index, std::size_t otherwise)
{
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

/// In a process of its own.
int apart(const std::function<int()>& work)
{
    const pid_t child = fork();
    if (child == 0) {
        int result = 2;
        try {
            result = work();
        } catch (const std::exception& failed) {
            fmt::print("bench_people: {}\n", failed.what());
        }
        std::fflush(stdout);
        std::_Exit(result);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

}  // namespace

int main(int argc, char** argv)
{
    const auto users = number(argc, argv, 1, 200'000), organisations = number(argc, argv, 2, 2'000);
    std::string folder = (std::filesystem::temp_directory_path() / "people-bench.XXXXXX").string();
    if (users == 0 || organisations == 0 || !mkdtemp(folder.data())) return 2;
    int result = apart([&] { return fill(folder, users, organisations); });
    if (result == 0) result = apart([&] { return Measure(folder, users, organisations).run(); });
    std::filesystem::remove_all(folder);
    return result;
}
