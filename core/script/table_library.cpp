// Lua's table library on plain tables: metamethods of a table are not asked, so every function's work is bounded by the
// elements it is given, and sorting by its comparisons. Also utf8 and math.
#include "script/sandbox.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <lualib.h>

namespace postern::script {

namespace {

constexpr lua_Integer most_unpacked = 10'000;

/// The table at that argument, as one that may be written to.
void check_writable(lua_State* state, int index)
{
    luaL_checktype(state, index, LUA_TTABLE);
    if (luaL_getmetafield(state, index, "__metatable") != LUA_TNIL) fail(state, "this table can only be read");
}

lua_Integer size_of(lua_State* state, int index)
{
    return static_cast<lua_Integer>(lua_rawlen(state, index));
}

/// How many lie from `first` to `last`; a Lua error beyond `most`.
lua_Integer count_of(lua_State* state, lua_Integer first, lua_Integer last, lua_Integer most)
{
    if (first > last) return 0;
    const auto count = static_cast<lua_Unsigned>(last) - static_cast<lua_Unsigned>(first);
    if (count >= static_cast<lua_Unsigned>(most)) fail(state, fmt::format("more than {} elements", most));
    return static_cast<lua_Integer>(count) + 1;
}

int table_concat(lua_State* state, Sandbox& sandbox)
{
    luaL_checktype(state, 1, LUA_TTABLE);
    std::size_t separator_size = 0;
    const char* separator = luaL_optlstring(state, 2, "", &separator_size);
    const lua_Integer first = luaL_optinteger(state, 3, 1);
    const lua_Integer last = luaL_optinteger(state, 4, size_of(state, 1));
    std::string result;
    for (lua_Integer i = first; i <= last; ++i) {
        lua_rawgeti(state, 1, i);
        if (lua_isstring(state, -1) == 0)
            fail(state, fmt::format("invalid value (at index {}) in table for 'concat'", i));
        std::size_t size = 0;
        const char* bytes = lua_tolstring(state, -1, &size);
        if (result.size() + size + separator_size > result.capacity())
            sandbox.reserve(2 * (result.size() + size + separator_size));
        sandbox.charge(2 + (size + separator_size) / 16);
        result.append(bytes, size);
        lua_pop(state, 1);
        if (i == last) break;  // before the largest number wraps around
        result.append(separator, separator_size);
    }
    sandbox.push(result);
    return 1;
}

int table_insert(lua_State* state, Sandbox& sandbox)
{
    check_writable(state, 1);
    const lua_Integer behind = size_of(state, 1) + 1;
    const int count = lua_gettop(state);
    if (count == 2) {
        lua_rawseti(state, 1, behind);
        return 0;
    }
    if (count != 3) fail(state, "wrong number of arguments to 'insert'");
    const lua_Integer at = luaL_checkinteger(state, 2);
    luaL_argcheck(state, at >= 1 && at <= behind, 2, "position out of bounds");
    sandbox.charge(static_cast<std::uint64_t>(behind - at));
    for (lua_Integer i = behind; i > at; --i) {
        lua_rawgeti(state, 1, i - 1);
        lua_rawseti(state, 1, i);
    }
    lua_rawseti(state, 1, at);
    return 0;
}

int table_remove(lua_State* state, Sandbox& sandbox)
{
    check_writable(state, 1);
    const lua_Integer size = size_of(state, 1);
    const lua_Integer at = luaL_optinteger(state, 2, size);
    if (lua_gettop(state) >= 2 && !lua_isnil(state, 2))
        luaL_argcheck(state, (at >= 1 && at <= size + 1) || (size == 0 && at == 0), 2, "position out of bounds");
    lua_rawgeti(state, 1, at);
    if (at < size) sandbox.charge(static_cast<std::uint64_t>(size - at));
    for (lua_Integer i = at; i < size; ++i) {
        lua_rawgeti(state, 1, i + 1);
        lua_rawseti(state, 1, i);
    }
    if (at <= size) {
        lua_pushnil(state);
        lua_rawseti(state, 1, std::max(at, size));
    }
    return 1;
}

int table_move(lua_State* state, Sandbox& sandbox)
{
    luaL_checktype(state, 1, LUA_TTABLE);
    const lua_Integer first = luaL_checkinteger(state, 2);
    const lua_Integer last = luaL_checkinteger(state, 3);
    const lua_Integer to = luaL_checkinteger(state, 4);
    const int target = lua_isnoneornil(state, 5) ? 1 : 5;
    check_writable(state, target);
    const lua_Integer count = count_of(state, first, last, 1'000'000);
    luaL_argcheck(state, to <= std::numeric_limits<lua_Integer>::max() - count, 4, "destination wrap around");
    sandbox.charge(2 * static_cast<std::uint64_t>(count));
    const bool backwards = to > first && to <= last && lua_rawequal(state, 1, target) != 0;
    for (lua_Integer i = 0; i < count; ++i) {
        const lua_Integer step = backwards ? count - 1 - i : i;
        lua_rawgeti(state, 1, first + step);
        lua_rawseti(state, target, to + step);
    }
    lua_pushvalue(state, target);
    return 1;
}

int table_pack(lua_State* state, Sandbox& sandbox)
{
    const int count = lua_gettop(state);
    sandbox.charge(static_cast<std::uint64_t>(count));
    lua_createtable(state, count, 1);
    lua_insert(state, 1);
    for (int i = count; i >= 1; --i) lua_rawseti(state, 1, i);
    lua_pushinteger(state, count);
    lua_setfield(state, 1, "n");
    return 1;
}

int table_unpack(lua_State* state, Sandbox& sandbox)
{
    luaL_checktype(state, 1, LUA_TTABLE);
    const lua_Integer first = luaL_optinteger(state, 2, 1);
    const lua_Integer last = luaL_optinteger(state, 3, size_of(state, 1));
    const lua_Integer count = count_of(state, first, last, most_unpacked);
    sandbox.charge(static_cast<std::uint64_t>(count));
    luaL_checkstack(state, static_cast<int>(count), "too many results to unpack");
    for (lua_Integer i = 0; i < count; ++i) lua_rawgeti(state, 1, first + i);
    return static_cast<int>(count);
}

/// Whether element `a` of the copy (at index 3) goes in front of `b`; the comparison is argument 2, if any.
bool goes_before(lua_State* state, Sandbox& sandbox, lua_Integer a, lua_Integer b)
{
    sandbox.charge(8);
    if (lua_isnil(state, 2)) {
        lua_rawgeti(state, 3, a);
        lua_rawgeti(state, 3, b);
        if (lua_type(state, -1) == LUA_TSTRING) sandbox.charge(lua_rawlen(state, -1) / 16);
        const bool less = lua_compare(state, -2, -1, LUA_OPLT) != 0;
        lua_pop(state, 2);
        return less;
    }
    lua_pushvalue(state, 2);
    lua_rawgeti(state, 3, a);
    lua_rawgeti(state, 3, b);
    lua_call(state, 2, 1);
    const bool less = lua_toboolean(state, -1) != 0;
    lua_pop(state, 1);
    return less;
}

// Merging, so that whatever a comparison answers it is asked at most n log n times and never for what is not there.
int table_sort(lua_State* state, Sandbox& sandbox)
{
    check_writable(state, 1);
    if (!lua_isnoneornil(state, 2)) luaL_checktype(state, 2, LUA_TFUNCTION);
    lua_settop(state, 2);
    const auto size = static_cast<std::size_t>(size_of(state, 1));
    sandbox.reserve(size * 2 * sizeof(lua_Integer));
    sandbox.charge(4 * size);
    lua_createtable(state, static_cast<int>(std::min(size, std::size_t{1'000'000})), 0);
    std::vector<lua_Integer> order(size), merged(size);
    for (std::size_t i = 0; i < size; ++i) {
        order[i] = static_cast<lua_Integer>(i + 1);
        lua_rawgeti(state, 1, order[i]);
        lua_rawseti(state, 3, order[i]);
    }
    for (std::size_t width = 1; width < size; width *= 2) {
        for (std::size_t begin = 0; begin < size; begin += 2 * width) {
            const std::size_t middle = std::min(begin + width, size), end = std::min(begin + 2 * width, size);
            std::size_t left = begin, right = middle;
            for (std::size_t to = begin; to < end; ++to) {
                const bool from_right =
                    left == middle || (right < end && goes_before(state, sandbox, order[right], order[left]));
                merged[to] = from_right ? order[right++] : order[left++];
            }
        }
        order.swap(merged);
    }
    for (std::size_t i = 0; i < size; ++i) {
        lua_rawgeti(state, 3, order[i]);
        lua_rawseti(state, 1, static_cast<lua_Integer>(i + 1));
    }
    return 0;
}

/// Iterates: text, byte position of the character before -> position, code point.
int codes_step(lua_State* state, Sandbox& sandbox)
{
    const auto text = text_argument(state, 1);
    auto at = static_cast<std::size_t>(std::max<lua_Integer>(luaL_checkinteger(state, 2), 0));
    const std::size_t before = at;
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    sandbox.charge(at - before);
    if (at >= text.size()) return 0;
    lua_pushinteger(state, static_cast<lua_Integer>(at + 1));
    lua_pushvalue(state, lua_upvalueindex(1));  // utf8.codepoint
    lua_pushlstring(state, text.data() + at, std::min<std::size_t>(text.size() - at, 4));
    lua_call(state, 1, 1);
    return 2;
}

int utf8_codes(lua_State* state, Sandbox&)
{
    static_cast<void>(text_argument(state, 1));
    lua_pushvalue(state, lua_upvalueindex(1));
    lua_pushcclosure(state, &entry<codes_step>, 1);
    lua_pushvalue(state, 1);
    lua_pushinteger(state, 0);
    return 3;
}

/// Pushes a table with charged forms of the functions of that library, and with its other values.
void push_library(lua_State* state, lua_CFunction open, std::initializer_list<const char*> functions,
                  std::initializer_list<const char*> values)
{
    lua_pushcfunction(state, open);
    lua_call(state, 0, 1);
    const int original = lua_gettop(state);
    lua_newtable(state);
    for (const char* name : functions) {
        lua_getfield(state, original, name);
        const auto function = lua_tocfunction(state, -1);
        lua_pop(state, 1);
        push_charged(state, function);
        lua_setfield(state, -2, name);
    }
    for (const char* name : values) {
        lua_getfield(state, original, name);
        lua_setfield(state, -2, name);
    }
    lua_remove(state, original);
}

}  // namespace

void open_table(lua_State* state)
{
    lua_newtable(state);
    constexpr luaL_Reg own[] = {{"concat", &entry<table_concat>}, {"insert", &entry<table_insert>},
                                {"move", &entry<table_move>},     {"pack", &entry<table_pack>},
                                {"remove", &entry<table_remove>}, {"sort", &entry<table_sort>},
                                {"unpack", &entry<table_unpack>}, {nullptr, nullptr}};
    luaL_setfuncs(state, own, 0);
}

void open_utf8(lua_State* state)
{
    push_library(state, &luaopen_utf8, {"char", "codepoint", "len", "offset"}, {"charpattern"});
    lua_getfield(state, -1, "codepoint");
    lua_pushcclosure(state, &entry<utf8_codes>, 1);
    lua_setfield(state, -2, "codes");
}

// Without random: the same message gets the same answer.
void open_math(lua_State* state)
{
    push_library(state, &luaopen_math,
                 {"abs", "acos", "asin", "atan", "ceil", "cos",  "deg", "exp",       "floor", "fmod", "log",
                  "max", "min",  "modf", "rad",  "sin",  "sqrt", "tan", "tointeger", "type",  "ult"},
                 {"huge", "maxinteger", "mininteger", "pi"});
}

}  // namespace postern::script
