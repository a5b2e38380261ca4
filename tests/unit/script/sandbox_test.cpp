// Attacks: what a script tries, it does not get, and its call returns within bounds.
#include "script/program.hpp"
#include "scripts.hpp"

#include <chrono>
#include <ctime>
#include <thread>

using namespace postern;
using namespace postern::script::test;
using Catch::Matchers::Contains;

namespace {

/// The body must go over a budget, whatever it is wrapped in, and without much more of the processor's time than it may
/// use: a sanitizer's slowness is allowed for.
void is_killed(const std::string& body)
{
    script::Budgets budgets;
    budgets.wall = std::chrono::seconds{60};
    for (const auto& wrapped :
         {body, "while true do pcall(function() " + body + " end) end",
          "xpcall(function() " + body + " end, function(e) return tostring(e) .. 'x' end) return true"}) {
        INFO(wrapped);
        const auto before = std::clock();
        CHECK_THAT(error_of(wrapped, budgets), Contains("used more than"));
        CHECK(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC < 1.0);
    }
}

}  // namespace

TEST_CASE("endless loops end, and no pcall catches that", "[attack]")
{
    is_killed("while true do end");
    is_killed("repeat until false");
    is_killed("local function f() return f() end f()");
    is_killed(
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) "
        "while true do pcall(function() return t[1] end) end");
    is_killed("for i = 1, math.huge do local s = 'x' .. i end");
    is_killed(
        "local t = setmetatable({}, { __close = function() while true do end end }) "
        "for i = 1, 100 do pcall(function() local x <close> = t error('x') end) end");
}

TEST_CASE("memory bombs end within the budget", "[attack]")
{
    CHECK_THAT(error_of("local s = 'x' while true do s = s .. s end"), Contains("used more than 8 MiB of memory"));
    CHECK_THAT(error_of("return ('x'):rep(1e9)"), Contains("used more than 8 MiB of memory"));
    CHECK_THAT(error_of("local t = {} for i = 1, 1e9 do t[i] = { i } end"), Contains("used more than 8 MiB of memory"));
    is_killed("local t = {} for i = 1, 1e9 do t[i] = { i } end");
    is_killed("local s = 'x' while true do s = s .. s end");
    is_killed("return ('x'):rep(1e9)");
    is_killed("return ('x'):rep(1e9, 'y')");
    is_killed("return ('x'):rep(math.maxinteger, ('y'):rep(1e6))");
    is_killed("local s = ('x'):rep(1e6) return (s):gsub('x', s)");
    is_killed("local s = ('x'):rep(1e6) local t = {} for i = 1, 1e3 do t[i] = s end return table.concat(t)");
    is_killed("local s = ('x'):rep(2e6) return s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s");
    is_killed("local s = ('%'):rep(2e6) return ('%q%q%q'):format(s, s, s)");
    is_killed("local function f(...) return f(1, ...) end return f()");
    is_killed("local function f() return f() .. 'x' end return f()");
}

TEST_CASE("an empty string can't be repeated for ever", "[attack]")
{
    CHECK(holds("(''):rep(1e18) == ''"));
    CHECK(holds("('x'):rep(-1) == '' and ('x'):rep(0) == '' and ('ab'):rep(3, '-') == 'ab-ab-ab'"));
}

TEST_CASE("patterns that would backtrack for hours end", "[attack]")
{
    is_killed("return (('a'):rep(1e5)):find(('a*'):rep(30) .. 'b')");
    is_killed("return (('a'):rep(5e4)):match('.-.-.-.-.-.-b')");
    is_killed("return (('a'):rep(1e5)):gsub('a*a*a*b', '')");
    is_killed("for w in (('a'):rep(1e5)):gmatch('(a*)(a*)(a*)%1b') do end");
    is_killed("return (('('):rep(1e5)):find('%b()%b()x') or (('('):rep(3e5)):gsub('%b()', '')");
    CHECK_THAT(error_of("return ('a'):find(('a?'):rep(300))"), Contains("pattern too complex"));
    CHECK_THAT(error_of("return ('a'):find(('('):rep(40) .. 'a' .. (')'):rep(40))"), Contains("too many captures"));
    CHECK_THAT(error_of("return ('a'):find('[a')"), Contains("malformed pattern (missing ']')"));
    // The search for a plain text is linear, whatever the two are made of.
    CHECK(holds("(('a'):rep(1e6)):find(('a'):rep(4e5) .. 'b', 1, true) == nil"));
}

TEST_CASE("table functions are bounded by what they are given", "[attack]")
{
    is_killed(
        "local t = {} for i = 1, 2000 do t[i] = i end "
        "table.sort(t, function(a, b) while true do end end)");
    CHECK_THAT(error_of("table.sort({3, 1, 'x'})"), Contains("attempt to compare"));
    CHECK(answer_of("local t = {} for i = 1, 500 do t[i] = i % 7 end "
                    "table.sort(t, function(a, b) return true end) return #t == 500")
              .holds == true);
    CHECK(answer_of("local t = {} for i = 1, 500 do t[i] = i * 7 % 501 end table.sort(t) "
                    "for i = 2, 500 do if t[i] < t[i - 1] then return false end end return true")
              .holds == true);
    CHECK_THAT(error_of("return table.unpack({}, 1, 1e7)"), Contains("more than 10000 elements"));
    CHECK_THAT(error_of("return table.unpack({}, math.mininteger, math.maxinteger)"), Contains("more than 10000"));
    CHECK_THAT(error_of("table.move({}, 1, math.maxinteger, 2)"), Contains("more than 1000000 elements"));
    CHECK_THAT(error_of("table.concat({}, 'x', 1, math.maxinteger)"), Contains("invalid value (at index 1)"));
    CHECK(answer_of("local t = setmetatable({}, { __len = function() return 1e15 end, "
                    "__index = function() return 'x' end }) table.insert(t, 1) return #table.concat(t) == 1")
              .holds == true);
    is_killed(
        "local t = {} for i = 1, 60000 do t[i] = i end for i = 1, 60000 do t[i] = nil end "
        "while true do next(t) end");
    is_killed("while true do select('#', table.unpack({}, 1, 9999)) end");
}

TEST_CASE("what reaches out of the sandbox is not there", "[attack]")
{
    for (const char* name : {"io", "os", "load", "loadstring", "dofile", "loadfile", "package", "debug", "coroutine",
                             "collectgarbage", "rawset", "_G", "print"}) {
        INFO(name);
        CHECK_THAT(error_of("return " + std::string(name)), Contains("scripts have no " + std::string(name)));
    }
    CHECK(holds("string.dump == nil and string.pack == nil and math.random == nil"));
    CHECK(holds("getmetatable('') == false and getmetatable(message) == false and getmetatable(string) == false"));
    CHECK(holds("getmetatable(_ENV) == false"));
    CHECK_THAT(error_of("setmetatable({}, { __gc = function() end })"), Contains("__gc is not for scripts"));
    CHECK_THAT(error_of("setmetatable({}, { __mode = 'k' })"), Contains("__mode is not for scripts"));
    CHECK_THAT(error_of("setmetatable(string, {})"), Contains("protected metatable"));
    CHECK_THAT(error_of("setmetatable('', {})"), Contains("table expected"));
    CHECK_THAT(error_of("string.find = nil"), Contains("string.find can't be set: string can only be read"));
    CHECK_THAT(error_of("postern.reject = nil"), Contains("postern can only be read"));
    CHECK_THAT(error_of("table.insert(string, 'x')"), Contains("this table can only be read"));
    CHECK_THAT(error_of("table.sort(math)"), Contains("this table can only be read"));
    CHECK_THAT(error_of("table.move({ 1 }, 1, 1, 1, _ENV)"), Contains("this table can only be read"));
    CHECK_THAT(error_of("_ENV.x = 1"), Contains("is no local variable"));
    CHECK_THAT(error_of("return ('%p'):format({})"), Contains("%p is not for scripts"));
    CHECK(holds("tostring({}) == 'table' and tostring(print_nothing) == 'nil' and ('%s'):format({}) == 'table'"));
    CHECK(holds("next(string) == nil"));
}

TEST_CASE("errors in errors are errors", "[attack]")
{
    CHECK_THAT(error_of("error(setmetatable({}, { __tostring = function() error('x') end }))"),
               Contains("error(table)"));
    CHECK_THAT(error_of("xpcall(function() error('a') end, function(e) error(e .. 'b') end) error('c')"),
               Contains("rule.lua:2: c"));
    CHECK(answer_of("return (xpcall(error, error)) == false").holds == true);
    CHECK_THAT(error_of("local t = setmetatable({}, { __index = function() error('deep') end }) return t.x"),
               Contains("deep"));
    CHECK_THAT(error_of("error(('x'):rep(1e6))"), Contains("xxx"));
    CHECK(error_of("error(('x'):rep(1e6))").size() < 1'000);
    CHECK_THAT(error_of("error('a\\27[31m\\nb')"), !Contains("\n") && !Contains("\x1b"));
    CHECK_THAT(error_of("return tostring(setmetatable({}, { __tostring = function() return 1 end }))"),
               Contains("must return a string"));
}

TEST_CASE("deep recursion, in Lua and through C, ends in an error", "[attack]")
{
    CHECK_THAT(error_of("local function f(n) return 1 + f(n + 1) end return f(1)"), Contains("rule.lua"));
    CHECK_THAT(error_of("local function f() return (('x'):gsub('x', f)) end return f()"), Contains("rule.lua"));
    CHECK(answer_of("local function f() return pcall(f) end f() return true").holds == true);
    CHECK_THAT(error_of("local t = {} t = setmetatable(t, { __index = function(_, k) return t[k] end }) return t.x"),
               Contains("overflow"));
    const std::string deep = std::string(500, '(') + "1" + std::string(500, ')');
    const Scripts scripts(sources_of("rule.lua", "return " + deep));
    REQUIRE(scripts.faults.size() == 1);
    CHECK_THAT(scripts.faults.front().what, Contains("overflow"));
}

TEST_CASE("two calls can't see each other's state", "[isolation]")
{
    const Mail mail;
    const Scripts scripts(sources_of("rule.lua", R"(
        local calls = 0
        local seen = {}
        local module = require "module"
        return function(message)
            calls = calls + 1
            seen[#seen + 1] = message
            module.calls = module.calls + 1
            module.count()
            return calls == 1 and #seen == 1 and module.calls == 1 and module.count() == 2
        end)",
                                     "module.lua", R"(
        local hidden = 0
        return { calls = 0, count = function() hidden = hidden + 1 return hidden end })",
                                     "other.lua", R"(
        return function()
            return require("module").calls == 0 and require("module").count() == 1
        end)"));
    for (int i = 0; i < 20; ++i) {
        CHECK(scripts.run(mail.facts).holds == true);
        CHECK(scripts.run(mail.facts, "other.lua").holds == true);
    }
}

TEST_CASE("a script that goes over leaves nothing behind, and the next call has a fresh state", "[isolation]")
{
    const Mail mail;
    const Scripts scripts(sources_of("rule.lua",
                                     "return function(m) if m.policy.generation == 0 then local s = 'x' while true do "
                                     "s = s .. s end end return true end"));
    auto evil = mail.facts;
    evil.generation = 0;
    for (int i = 0; i < 2; ++i) {
        CHECK_THAT(scripts.run(evil).error, Contains("8 MiB of memory"));
        CHECK(scripts.run(mail.facts).holds == true);
    }
    const auto& program = dynamic_cast<const script::Program&>(*scripts.made);
    CHECK(program.idle_states() == 1);
}

TEST_CASE("many calls do not grow a state", "[isolation]")
{
    const Mail mail;
    const Scripts scripts(sources_of("rule.lua",
                                     "return function(m) local t = {} for i = 1, 1000 do t[i] = { m.subject .. i } end "
                                     "return #t == 1000 end"));
    for (int i = 0; i < 100; ++i) REQUIRE(scripts.run(mail.facts).holds == true);
}

TEST_CASE("time ends a call that instructions would not", "[attack]")
{
    script::Budgets budgets;
    budgets.instructions = ~std::uint64_t{0} / 2;
    budgets.processor = std::chrono::milliseconds{50};
    budgets.wall = std::chrono::seconds{60};
    CHECK_THAT(error_of("while true do end", budgets), Contains("of processor time"));
    CHECK_THAT(error_of("local a, b = ('x'):rep(1e6) .. 'a', ('x'):rep(1e6) .. 'b' while true do local c = a < b end",
                        budgets),
               Contains("of processor time"));
    CHECK_THAT(error_of("local t = {} for i = 1, 20000 do t[i .. ''] = i end local i = 0 "
                        "while true do i = i + 1 t['x' .. i] = i t['x' .. i] = nil end",
                        budgets),
               Contains("used more than"));
    budgets.processor = std::chrono::seconds{60};
    budgets.wall = std::chrono::milliseconds{50};
    CHECK_THAT(error_of("while true do end", budgets), Contains("50 ms of time"));
}

TEST_CASE("an attack on one thread delays no call on another", "[attack]")
{
    const Mail mail;
    const Scripts scripts(sources_of("rule.lua", "return function() while true do end end", "good.lua",
                                     "return function() return true end"));
    std::atomic<bool> stop = false;
    std::atomic<int> attacks = 0;
    std::thread attacker([&] {
        while (!stop) {
            auto other = mail.facts;
            static_cast<void>(scripts.run(other));
            ++attacks;
        }
    });
    int good = 0;
    while (good < 2'000 || attacks == 0) {
        // No lock is held while a script runs: this goes on while the other is in its loop.
        if (scripts.run(mail.facts, "good.lua").holds == true) ++good;
    }
    stop = true;
    attacker.join();
    CHECK(good >= 2'000);
}

TEST_CASE("a script that fails three times in a row raises an alarm until it works for a minute or goes", "[breaker]")
{
    const Mail mail;
    Log log("/dev/null");
    const std::string broken =
        "return function(m) if m.policy.generation == 41 then error('no table') end return true end";
    Scripts scripts(sources_of("rule.lua", broken));
    ports::Alarms alarms(log, scripts.clock);
    const script::Maker maker(scripts.rates, scripts.clock, &alarms, patient());
    scripts.made = maker.make({{"rule.lua", broken}}, {}, scripts.faults);
    REQUIRE(scripts.made != nullptr);
    auto working = mail.facts;
    working.generation = 42;
    for (int i = 0; i < 2; ++i) CHECK_THAT(scripts.run(mail.facts).error, Contains("no table"));
    CHECK(scripts.run(working).holds == true);
    for (int i = 0; i < 2; ++i) CHECK_THAT(scripts.run(mail.facts).error, Contains("no table"));
    CHECK(alarms.standing().empty());
    CHECK_THAT(scripts.run(mail.facts).error, Contains("no table"));
    REQUIRE(alarms.standing().size() == 1);
    CHECK(vocabulary::event_of_alarm(alarms.standing().front().key).id == vocabulary::EventId::script_failing);
    CHECK_THAT(alarms.standing().front().text, Contains("rule.lua") && Contains("no table"));
    scripts.clock.pass(std::chrono::seconds{59});
    CHECK(scripts.run(working).holds == true);
    CHECK(alarms.standing().size() == 1);
    CHECK_THAT(scripts.run(mail.facts).error, Contains("no table"));
    scripts.clock.pass(std::chrono::seconds{59});
    CHECK(scripts.run(working).holds == true);
    CHECK(alarms.standing().size() == 1);
    scripts.clock.pass(std::chrono::seconds{1});
    CHECK(scripts.run(working).holds == true);
    CHECK(alarms.standing().empty());
    for (int i = 0; i < 3; ++i) CHECK_THAT(scripts.run(mail.facts).error, Contains("no table"));
    CHECK(alarms.standing().size() == 1);
    scripts.made.reset();
    CHECK(alarms.standing().empty());
}

TEST_CASE("a script that goes over again and again rests for that organisation alone", "[breaker]")
{
    const Mail mail;
    Mail other;
    other.greenstone.id = "redwood";
    Log log("/dev/null");
    Scripts scripts(sources_of("rule.lua",
                               "return function(m) if m.sender.organisation.id == 'greenstone' and "
                               "m.policy.generation == 41 then while true do end end return true end",
                               "good.lua", "return function() return true end"));
    ports::Alarms alarms(log, scripts.clock);
    const script::Maker maker(scripts.rates, scripts.clock, &alarms, patient());
    scripts.made = maker.make({{"rule.lua",
                                "return function(m) if m.sender.organisation.id == 'greenstone' and "
                                "m.policy.generation == 41 then while true do end end return true end"},
                               {"good.lua", "return function() return true end"}},
                              {}, scripts.faults);
    REQUIRE(scripts.made != nullptr);
    scripts.rehearsal = true;
    for (int i = 0; i < 5; ++i) CHECK_THAT(scripts.run(mail.facts).error, Contains("used more than"));
    scripts.rehearsal = false;
    for (int i = 0; i < 3; ++i) CHECK_THAT(scripts.run(mail.facts).error, Contains("used more than"));
    CHECK_THAT(scripts.run(mail.facts).error,
               Contains("rule.lua: rests for another 30 s for mail of greenstone: it went over its budget 3 times"));
    REQUIRE(alarms.standing().size() == 1);
    CHECK(alarms.standing().front().key == "script-resting rule.lua organisation:greenstone");
    CHECK(vocabulary::event_of_alarm(alarms.standing().front().key).id == vocabulary::EventId::script_resting);
    CHECK(scripts.run(other.facts).holds == true);
    CHECK(scripts.run(mail.facts, "good.lua").holds == true);

    scripts.clock.pass(std::chrono::seconds{31});
    auto harmless = mail.facts;
    harmless.generation = 42;
    CHECK(scripts.run(harmless).holds == true);
    CHECK(alarms.standing().empty());

    for (int i = 0; i < 3; ++i) CHECK_THAT(scripts.run(mail.facts).error, Contains("used more than"));
    CHECK(alarms.standing().size() == 1);
    scripts.made.reset();
    CHECK(alarms.standing().empty());
}

TEST_CASE("overruns that lie apart don't make a script rest", "[breaker]")
{
    const Mail mail;
    Scripts scripts(sources_of("rule.lua", "return function(m) while true do end end"));
    for (int i = 0; i < 6; ++i) {
        CHECK_THAT(scripts.run(mail.facts).error, Contains("used more than"));
        scripts.clock.pass(std::chrono::seconds{40});
    }
}
