// The helpers of `postern`: patterns, networks, rates, tables, units, and a line for the log.
#include "base/glob.hpp"
#include "base/text.hpp"
#include "script/api.hpp"
#include "script/sandbox.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <array>

namespace postern::script {

namespace {

constexpr const char* table_type = "postern.Table";
constexpr std::size_t longest_pattern = 1'000, longest_key = 500, most_words = 100;

/// Runs `one` on the text at that argument, or on each of a list, until one says yes.
template <class One>
bool any_of_argument(lua_State* state, int index, std::string_view helper, std::string_view what, One one)
{
    if (lua_type(state, index) == LUA_TSTRING) return one(text_argument(state, index));
    if (lua_type(state, index) != LUA_TTABLE)
        fail(state, fmt::format("postern.{}: {}, or a list of these, expected, got {}", helper, what,
                                luaL_typename(state, index)));
    const auto count = static_cast<lua_Integer>(lua_rawlen(state, index));
    for (lua_Integer i = 1; i <= count; ++i) {
        if (lua_rawgeti(state, index, i) != LUA_TSTRING)
            fail(state,
                 fmt::format("postern.{}: {} expected in the list, got {}", helper, what, luaL_typename(state, -1)));
        const bool holds = one(text_argument(state, -1));
        lua_pop(state, 1);
        if (holds) return true;
    }
    return false;
}

bool matches_one(lua_State* state, Sandbox& sandbox, std::string_view text, std::string_view pattern)
{
    if (pattern.size() > longest_pattern)
        fail(state, fmt::format("postern.matches: a pattern has at most {} bytes", longest_pattern));
    const bool blind = pattern.ends_with("/i");
    if (pattern.size() >= 2 && pattern.starts_with('/') && (blind || pattern.ends_with('/')) && pattern != "/i") {
        const auto inner = pattern.substr(1, pattern.size() - (blind ? 3 : 2));
        const auto expression = sandbox.expression(inner, blind);
        sandbox.charge(64 + text.size() / 2);
        return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression);
    }
    // Each star lets what stands between it and the next be tried once at each byte of the text.
    sandbox.charge(8 + pattern.size() + text.size() * (1 + pattern.size()) / 16);
    return glob_matches(pattern, text);
}

int helper_matches(lua_State* state, Sandbox& sandbox)
{
    lua_settop(state, 2);
    if (lua_isnil(state, 1)) {  // an absent header matches nothing
        lua_pushboolean(state, 0);
        return 1;
    }
    const auto text = text_argument(state, 1);
    const bool holds =
        any_of_argument(state, 2, "matches", "a glob or a /regular expression/",
                        [&](std::string_view pattern) { return matches_one(state, sandbox, text, pattern); });
    lua_pushboolean(state, holds ? 1 : 0);
    return 1;
}

int helper_in_network(lua_State* state, Sandbox& sandbox)
{
    lua_settop(state, 2);
    if (lua_isnil(state, 1)) {
        lua_pushboolean(state, 0);
        return 1;
    }
    const auto ip = vocabulary::parse_ip(text_argument(state, 1));
    if (!ip) fail(state, fmt::format("postern.in_network: {}", ip.error().detail()));
    const bool holds =
        any_of_argument(state, 2, "in_network", "a network such as \"203.0.113.0/29\"", [&](std::string_view text) {
            sandbox.charge(64);
            const auto network = vocabulary::parse_network(text);
            if (!network) fail(state, fmt::format("postern.in_network: {}", network.error().detail()));
            return network->contains(*ip);
        });
    lua_pushboolean(state, holds ? 1 : 0);
    return 1;
}

int helper_rate(lua_State* state, Sandbox& sandbox)
{
    const auto key = text_argument(state, 1);
    const auto rate = vocabulary::parse_rate(text_argument(state, 2));
    if (!rate) fail(state, fmt::format("postern.rate: {}", rate.error().detail()));
    const auto count = luaL_optinteger(state, 3, 1);
    luaL_argcheck(state, count >= 1 && count <= 1'000'000, 3, "a count from 1 to 1000000 expected");
    luaL_argcheck(state, key.size() <= longest_key, 1, "a key of at most 500 bytes expected");
    sandbox.charge(200);
    static_cast<void>(sandbox.facts());
    const auto& call = *sandbox.call();
    const auto counter = fmt::format("script:{}", call.rule);
    const auto wanted = static_cast<std::uint64_t>(count);
    auto& rates = sandbox.program().rates();
    const bool within =
        call.rehearsal ? rates.would_take(counter, key, *rate, wanted) : rates.take(counter, key, *rate, wanted);
    lua_pushboolean(state, within ? 1 : 0);
    return 1;
}

int helper_log(lua_State* state, Sandbox& sandbox)
{
    luaL_checkany(state, 1);
    push_text_of(state, 1);
    sandbox.charge(100);
    sandbox.say(text_argument(state, -1));
    return 0;
}

int helper_size(lua_State* state, Sandbox&)
{
    const auto size = vocabulary::parse_size(text_argument(state, 1));
    if (!size) fail(state, fmt::format("postern.size: {}", size.error().detail()));
    lua_pushinteger(state, static_cast<lua_Integer>(*size));
    return 1;
}

int helper_duration(lua_State* state, Sandbox&)
{
    const auto duration = vocabulary::parse_duration(text_argument(state, 1));
    if (!duration) fail(state, fmt::format("postern.duration: {}", duration.error().detail()));
    lua_pushnumber(state, std::chrono::duration<double>(*duration).count());
    return 1;
}

// --- tables ---

int helper_table(lua_State* state, Sandbox& sandbox)
{
    const std::string name(text_argument(state, 1));
    const auto* table = sandbox.program().table(name);
    if (table == nullptr) {
        const auto near = nearest(name, sandbox.program().table_names());
        fail(state, fmt::format("postern.table: content.yaml declares no table \"{}\"{}", printable(name, 60),
                                near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
    }
    *static_cast<const WordTable**>(lua_newuserdatauv(state, sizeof(const WordTable*), 0)) = table;
    luaL_setmetatable(state, table_type);
    return 1;
}

const WordTable& table_self(lua_State* state)
{
    return **static_cast<const WordTable**>(luaL_checkudata(state, 1, table_type));
}

int table_get(lua_State* state, Sandbox& sandbox)
{
    const auto& table = table_self(state);
    const auto* entry = lua_isnoneornil(state, 2) ? nullptr : table.find(text_argument(state, 2));
    if (entry == nullptr)
        lua_pushnil(state);
    else
        sandbox.push(entry->value);
    return 1;
}

int table_has(lua_State* state, Sandbox&)
{
    const auto& table = table_self(state);
    lua_pushboolean(state, !lua_isnoneornil(state, 2) && table.find(text_argument(state, 2)) != nullptr ? 1 : 0);
    return 1;
}

std::vector<const WordTable::Entry*> words_of(lua_State* state, Sandbox& sandbox, std::size_t most)
{
    const auto& table = table_self(state);
    if (lua_isnoneornil(state, 2)) return {};
    const auto text = text_argument(state, 2);
    sandbox.charge(64 + table.entries().size() / 64 + text.size() * (1 + table.longest()));
    return table.words_in(text, most);
}

int table_find(lua_State* state, Sandbox& sandbox)
{
    const auto found = words_of(state, sandbox, 1);
    if (found.empty()) {
        lua_pushnil(state);
        return 1;
    }
    sandbox.push(found.front()->key);
    sandbox.push(found.front()->value);
    return 2;
}

int table_find_all(lua_State* state, Sandbox& sandbox)
{
    const auto found = words_of(state, sandbox, most_words);
    lua_createtable(state, static_cast<int>(found.size()), 0);
    for (std::size_t i = 0; i < found.size(); ++i) {
        sandbox.push(found[i]->key);
        lua_rawseti(state, -2, static_cast<lua_Integer>(i + 1));
    }
    return 1;
}

/// Upvalue: how many were given already.
int each_step(lua_State* state, Sandbox& sandbox)
{
    const auto& entries = table_self(state).entries();
    const auto at = static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(1)));
    if (at >= entries.size()) return 0;
    lua_pushinteger(state, static_cast<lua_Integer>(at + 1));
    lua_replace(state, lua_upvalueindex(1));
    sandbox.push(entries[at].key);
    sandbox.push(entries[at].value);
    return 2;
}

int table_each(lua_State* state, Sandbox&)
{
    static_cast<void>(table_self(state));
    lua_pushinteger(state, 0);
    lua_pushcclosure(state, &entry<each_step>, 1);
    lua_pushvalue(state, 1);
    return 2;
}

int table_length(lua_State* state, Sandbox&)
{
    lua_pushinteger(state, static_cast<lua_Integer>(table_self(state).entries().size()));
    return 1;
}

constexpr std::array table_members_of{
    Member{"get", "key?: string", "string?", "The value of that key; case and white space around it don't count.",
           &entry<table_get>, true},
    Member{"has", "key?: string", "boolean", "Whether it has that key.", &entry<table_has>, true},
    Member{"find", "text?: string", "string?, string?",
           "The first key that stands in the text as a word, or as words in a row, and its value.", &entry<table_find>,
           true},
    Member{"find_all", "text?: string", "string[]", "All such keys in the order of the text, at most 100.",
           &entry<table_find_all>, true},
    Member{"each", "", "fun(): string?, string?", "For loops: `for key, value in words:each() do`.", &entry<table_each>,
           true},
    Member{"count", "", "integer", "How many keys it has.", &entry<table_length>, true},
};

constexpr std::array table_of_helpers{
    Member{
        "matches", "text?: string, pattern: string|string[]", "boolean",
        "Whether the text matches the glob or /regular expression/, or one of a list, as in conditions; an absent text "
        "matches nothing.",
        &entry<helper_matches>},
    Member{"in_network", "address?: string, network: string|string[]", "boolean",
           "Whether the address lies in the network, such as \"203.0.113.0/29\", or in one of a list.",
           &entry<helper_in_network>},
    Member{"rate", "key: string, rate: string, count?: integer", "boolean",
           "Counts for this rule and key, and says whether that is still within the rate, such as \"10 per hour\". "
           "Rehearsals count nothing.",
           &entry<helper_rate>},
    Member{"table", "name: string", "postern.Table", "A table that content.yaml declares in `tables:`.",
           &entry<helper_table>},
    Member{"log", "text: any", "", "A line for the log and for `postern explain`; at most 50 a call.",
           &entry<helper_log>},
    Member{"size", "text: string", "integer", "Bytes of a size such as \"4 MiB\".", &entry<helper_size>},
    Member{"duration", "text: string", "number", "Seconds of a duration such as \"30 days\".", &entry<helper_duration>},
};

}  // namespace

std::span<const Member> helpers() noexcept
{
    return table_of_helpers;
}

const Class& table_class() noexcept
{
    static constexpr Class it{"Table", "A table of the policy: words and texts that rules look up.", table_members_of};
    return it;
}

void open_postern(lua_State* state)
{
    luaL_newmetatable(state, table_type);
    lua_newtable(state);
    for (const auto& member : table_members_of) {
        lua_pushlstring(state, member.name.data(), member.name.size());
        lua_pushcfunction(state, member.function);
        lua_rawset(state, -3);
    }
    make_read_only(state, "table");
    lua_setfield(state, -2, "__index");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_pop(state, 1);

    lua_newtable(state);
    for (const auto& helper : helpers()) {
        lua_pushlstring(state, helper.name.data(), helper.name.size());
        lua_pushcfunction(state, helper.function);
        lua_rawset(state, -3);
    }
    for (const auto& constructor : constructors()) {
        const auto name = vocabulary::info(constructor.action).name;
        lua_pushlstring(state, name.data(), name.size());
        lua_pushcfunction(state, constructor.function);
        lua_rawset(state, -3);
    }
}

}  // namespace postern::script
