// Our matcher of Lua's patterns against Lua's own, on patterns and subjects that Lua's finishes with.
#include "script/pattern.hpp"
#include "scripts.hpp"

#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>
#include <memory>
#include <random>

using namespace postern;
using namespace postern::script::test;

namespace {

/// Lua with its own string library.
class RealLua {
public:
    RealLua() : state_(luaL_newstate(), &lua_close) { luaL_openlibs(state_.get()); }

    /// All results of string.FUNCTION(arguments...) as one text, or "error: ..." without a place.
    std::string call(const std::string& function, const std::vector<std::string>& arguments)
    {
        auto* state = state_.get();
        lua_settop(state, 0);
        lua_getglobal(state, "string");
        lua_getfield(state, -1, function.c_str());
        for (const auto& argument : arguments) lua_pushlstring(state, argument.data(), argument.size());
        if (lua_pcall(state, static_cast<int>(arguments.size()), LUA_MULTRET, 0) != LUA_OK)
            return std::string("error: ") + lua_tostring(state, -1);
        std::string results;
        for (int i = 2; i <= lua_gettop(state); ++i) {
            std::size_t size = 0;
            const char* text = luaL_tolstring(state, i, &size);
            results += "[" + std::string(text, size) + "]";
            lua_pop(state, 1);
        }
        return results;
    }

private:
    std::unique_ptr<lua_State, void (*)(lua_State*)> state_;
};

std::string ours(const std::string& pattern, const std::string& subject)
{
    const auto compiled = script::Pattern::compile(pattern);
    if (!compiled) return "error: " + compiled.error();
    script::Match match;
    std::uint64_t steps = 10'000'000;
    switch (compiled->search(subject, 0, steps, match)) {
        case script::Pattern::Outcome::out_of_steps:
            return "out of steps";
        case script::Pattern::Outcome::absent:
            return "[nil]";
        case script::Pattern::Outcome::found:
            break;
    }
    std::string results = "[" + std::to_string(match.begin + 1) + "][" + std::to_string(match.end) + "]";
    for (std::size_t i = 0; i < compiled->captures(); ++i) {
        const auto& capture = match.captures[i];
        results +=
            "[" + (capture.position ? std::to_string(capture.begin + 1) : subject.substr(capture.begin, capture.size)) +
            "]";
    }
    return results;
}

std::string random_text(std::mt19937& random, const std::vector<std::string>& pieces, std::size_t most)
{
    std::string text;
    for (auto count = random() % (most + 1); count > 0; --count) text += pieces[random() % pieces.size()];
    return text;
}

}  // namespace

TEST_CASE("patterns match as Lua's do", "[pattern]")
{
    RealLua real;
    const std::vector<std::string> pieces{
        "a",     "b",    "c",    "(",    ")",      "()",   "%a",    "%d", "%s", "%W",   "%1",  "%2",    "[ab]", "[^a]",
        "[a-c]", "[%a]", "[]a]", "[a-]", "*",      "+",    "-",     "?",  ".",  "^",    "$",   "%f[a]", "%b()", "%bab",
        "%.",    "[",    "]",    "%",    "%f[%W]", "[%]]", "[^%s]", "(a", "b)", "(.-)", "%S+", "\x80"};
    const std::vector<std::string> letters{"a", "b", "c", "(", ")", " ", "1", ".", "]", "-", "\xff", "aa", "ab"};
    std::mt19937 random(20261124);
    int errors = 0, found = 0;
    for (int i = 0; i < 40'000; ++i) {
        const auto pattern = random_text(random, pieces, 7);
        const auto subject = random_text(random, letters, 12);
        const auto expected = real.call("find", {subject, pattern, "1"});
        const auto got = ours(pattern, subject);
        INFO("pattern " << pattern << " subject " << subject);
        if (got.starts_with("error: ")) {
            // We read the whole pattern first; Lua finds what is wrong only where it gets there.
            ++errors;
            if (expected.starts_with("error: ") && expected.find("capture") == std::string::npos)
                CHECK(got.substr(0, 14) == expected.substr(0, 14));
            continue;
        }
        found += got == "[nil]" ? 0 : 1;
        REQUIRE(got == expected);
    }
    CHECK(errors > 1'000);
    CHECK(found > 5'000);
}

TEST_CASE("gsub, gmatch and match in scripts answer as Lua's do", "[pattern]")
{
    RealLua real;
    const Mail mail;
    const std::vector<std::string> patterns{"a*",    "b",    "(a)(b)", "()",  ".-",        "%w+", "^a", "a$",   "[^a]",
                                            "(.)%1", "%b()", "",       "a-b", "%f[%w]%w+", "^",   "$",  "(a?)", "x"};
    const std::vector<std::string> subjects{"", "a", "aabab", "(ab)(c)", "hello world from Lua", "abc aab b"};
    const std::vector<std::string> replacements{"", "x", "<%0>", "%1%%", "%1%1"};
    const Scripts scripts(sources_of("rule.lua", R"(return function(m)
        local words = m.headers:all_raw("X-A")
        local subject, pattern, replacement = words[1]:sub(2), words[2]:sub(2), words[3]:sub(2)
        local text, count = subject:gsub(pattern, replacement)
        local all = {}
        for a, b in subject:gmatch(pattern) do all[#all + 1] = tostring(a) .. ',' .. tostring(b) end
        postern.log("[" .. text .. "][" .. count .. "]")
        postern.log(table.concat(all, ';'))
    end)"));
    RealLua iterating;
    for (const auto& pattern : patterns)
        for (const auto& subject : subjects)
            for (const auto& replacement : replacements) {
                const std::string content =
                    "X-A: " + subject + "\r\nX-A: " + pattern + "\r\nX-A: " + replacement + "\r\n\r\n";
                const auto header = mail::Header::parse(content).value();
                auto facts = mail.facts;
                facts.header = &header;
                const auto answer = scripts.run(facts);
                INFO("pattern " << pattern << " subject " << subject << " replacement " << replacement);
                const auto expected = real.call("gsub", {subject, pattern, replacement});
                if (expected.starts_with("error: ")) {
                    CHECK(answer.error != "");
                    continue;
                }
                REQUIRE(answer.error == "");
                CHECK(answer.said.at(0) == expected);
            }
}

TEST_CASE("the string library answers as Lua's does at its edges", "[pattern]")
{
    CHECK(holds("('abc'):find('b', -1) == nil and ('abc'):find('', 4) == 4 and ('abc'):find('', 5) == nil"));
    CHECK(holds("('abc'):find('b', -10) == 2 and ('a.c'):find('.', 2, true) == 2"));
    CHECK(holds("('abc'):match('()b()') == 2 and select('#', ('abc'):match('(a)(b)(c)')) == 3"));
    CHECK(holds("('k = v'):match('^(%w+)%s*=%s*(%w+)$') == 'k'"));
    CHECK(holds("('abc'):gsub('%w', { a = '1', b = true and 'x', c = false }) == '1xc'"));
    CHECK(holds("('abc'):gsub('%w', function(c) if c == 'b' then return 7 end end) == 'a7c'"));
    CHECK(holds("('hello world'):gsub('o', '0', 1) == 'hell0 world'"));
    CHECK(holds(
        "('x'):format() == 'x' and ('%5.1f|%d|%s|%q|%x'):format(1.25, 3, 'a', 'b', 255) == '  1.2|3|a|\"b\"|ff'"));
    CHECK(holds("('AbC'):lower() == 'abc' and ('abc'):byte(-1) == 99 and ('abc'):sub(-2) == 'bc'"));
    CHECK(holds("#'äö' == 4 and utf8.len('äö') == 2 and utf8.char(228) == 'ä'"));
    const auto answer = answer_of(
        "local n = 0 for p, c in utf8.codes('aä€') do n = n * 10000 + p * 1000 + c % 1000 end "
        "return n == (1097 * 10000 + 2228) * 10000 + 4364");
    CHECK(answer.error == "");
    CHECK(answer.holds == true);
    CHECK(holds("pcall(function() for _ in utf8.codes('a\\xff') do end end) == false"));
    CHECK(holds("table.concat({1, 'b', 2.5}, '-') == '1-b-2.5' and table.pack(1, nil, 3).n == 3"));
    CHECK(holds("select('#', table.unpack({1, 2, 3})) == 3 and table.remove({5, 6}, 1) == 5"));
    CHECK(holds("table.concat(table.move({1, 2, 3}, 1, 3, 2), ',') == '1,1,2,3'"));
}
