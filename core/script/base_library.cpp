// The globals of scripts: Lua's basic functions without those that reach out of the sandbox, and the libraries.
#include "base/text.hpp"
#include "script/sandbox.hpp"

#include <fmt/format.h>
#include <array>

#include <lualib.h>

namespace postern::script {

namespace {

/// What other Lua has and scripts here have not, and what to do instead.
struct Missing {
    std::string_view name;
    std::string_view instead;
};
constexpr std::array missing{
    Missing{"print", "use postern.log(text)"},
    Missing{"os", "the time is message.time"},
    Missing{"io", "words and texts are looked up by postern.table(name)"},
    Missing{"load", "modules are loaded by require(name)"},
    Missing{"loadstring", "modules are loaded by require(name)"},
    Missing{"dofile", "modules are loaded by require(name)"},
    Missing{"loadfile", "modules are loaded by require(name)"},
    Missing{"package", "modules are loaded by require(name)"},
    Missing{"debug", "`postern lua` shows what a script does"},
    Missing{"coroutine", "a script runs from its beginning to its end"},
    Missing{"collectgarbage", "memory is given back after each call"},
    Missing{"rawset", "assign to the table"},
    Missing{"_G", "nothing is kept in globals; use local"},
};

int absent_global(lua_State* state, Sandbox&)
{
    if (lua_type(state, 2) == LUA_TSTRING) {
        const auto name = text_argument(state, 2);
        for (const auto& one : missing)
            if (one.name == name) fail(state, fmt::format("scripts have no {}: {}", one.name, one.instead));
    }
    lua_pushnil(state);
    return 1;
}

int refuse_write(lua_State* state, Sandbox&)
{
    const std::string what = lua_tostring(state, lua_upvalueindex(1));
    const auto key = lua_type(state, 2) == LUA_TSTRING ? printable(text_argument(state, 2), 60) : std::string("?");
    if (what == "globals")
        fail(state, fmt::format("\"{0}\" is no local variable: write `local {0}` in front of its first use; nothing is "
                                "kept between messages",
                                key));
    fail(state, fmt::format("{}.{} can't be set: {} can only be read", what, key, what));
}

int base_next(lua_State* state, Sandbox& sandbox)
{
    sandbox.charge_blind();  // a table that was emptied is searched from end to end
    luaL_checktype(state, 1, LUA_TTABLE);
    lua_settop(state, 2);
    if (lua_next(state, 1) != 0) return 2;
    lua_pushnil(state);
    return 1;
}

int base_pairs(lua_State* state, Sandbox&)
{
    luaL_checkany(state, 1);
    if (luaL_getmetafield(state, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(state, 1);
        lua_call(state, 1, 3);
        return 3;
    }
    luaL_checktype(state, 1, LUA_TTABLE);
    lua_pushcfunction(state, &entry<base_next>);
    lua_pushvalue(state, 1);
    lua_pushnil(state);
    return 3;
}

/// A budget that was used up is nobody's to catch: neither pcall nor a handler may swallow it.
void pass_on(Sandbox& sandbox, int status)
{
    if (sandbox.killed()) throw Killed{};
    if (status == LUA_ERRMEM) sandbox.kill("more memory than there is");
}

int base_pcall(lua_State* state, Sandbox& sandbox)
{
    luaL_checkany(state, 1);
    const int status = lua_pcall(state, lua_gettop(state) - 1, LUA_MULTRET, 0);
    pass_on(sandbox, status);
    luaL_checkstack(state, 1, "too many results");
    lua_pushboolean(state, status == LUA_OK ? 1 : 0);
    lua_insert(state, 1);
    return lua_gettop(state);
}

int base_xpcall(lua_State* state, Sandbox& sandbox)
{
    luaL_checktype(state, 2, LUA_TFUNCTION);
    const int arguments = lua_gettop(state) - 2;
    lua_pushvalue(state, 1);
    lua_pushvalue(state, 2);
    lua_replace(state, 1);  // the handler stands below the call
    lua_replace(state, 2);
    const int status = lua_pcall(state, arguments, LUA_MULTRET, 1);
    pass_on(sandbox, status);
    lua_pushboolean(state, status == LUA_OK ? 1 : 0);
    lua_replace(state, 1);
    return lua_gettop(state);
}

int base_setmetatable(lua_State* state, Sandbox&)
{
    luaL_checktype(state, 1, LUA_TTABLE);
    luaL_argexpected(state, lua_isnoneornil(state, 2) || lua_istable(state, 2), 2, "nil or table");
    lua_settop(state, 2);
    if (luaL_getmetafield(state, 1, "__metatable") != LUA_TNIL) fail(state, "cannot change a protected metatable");
    if (lua_istable(state, 2)) {
        for (const char* name : {"__gc", "__mode"}) {
            lua_pushstring(state, name);
            if (lua_rawget(state, 2) != LUA_TNIL) fail(state, fmt::format("setmetatable: {} is not for scripts", name));
            lua_pop(state, 1);
        }
    }
    lua_setmetatable(state, 1);
    return 1;
}

int base_tostring(lua_State* state, Sandbox&)
{
    luaL_checkany(state, 1);
    push_text_of(state, 1);
    return 1;
}

int base_require(lua_State* state, Sandbox& sandbox)
{
    const std::string name(text_argument(state, 1));
    sandbox.require(name);
    return 1;
}

/// Charges for the sizes of its arguments, then calls the function of Lua's library that is its upvalue.
int charged(lua_State* state, Sandbox& sandbox)
{
    std::uint64_t bytes = 0;
    const int count = lua_gettop(state);
    for (int i = 1; i <= count; ++i)
        if (lua_type(state, i) == LUA_TSTRING) bytes += lua_rawlen(state, i);
    sandbox.charge(bytes / 4 + static_cast<std::uint64_t>(count));
    return lua_tocfunction(state, lua_upvalueindex(1))(state);
}

void set_function(lua_State* state, const char* name, lua_CFunction function)
{
    lua_pushcfunction(state, function);
    lua_setfield(state, -2, name);
}

}  // namespace

void push_charged(lua_State* state, lua_CFunction original)
{
    lua_pushcfunction(state, original);
    lua_pushcclosure(state, &entry<charged>, 1);
}

void push_text_of(lua_State* state, int index)
{
    index = lua_absindex(state, index);
    if (luaL_getmetafield(state, index, "__tostring") != LUA_TNIL) {
        lua_pushvalue(state, index);
        lua_call(state, 1, 1);
        if (lua_type(state, -1) != LUA_TSTRING) fail(state, "'__tostring' must return a string");
        return;
    }
    switch (lua_type(state, index)) {
        case LUA_TSTRING:
        case LUA_TNUMBER:
        case LUA_TBOOLEAN:
        case LUA_TNIL:
            luaL_tolstring(state, index, nullptr);
            return;
        default:
            // No address: that would differ between two calls with the same message.
            if (luaL_getmetafield(state, index, "__name") == LUA_TSTRING) return;
            lua_pushstring(state, luaL_typename(state, index));
    }
}

void make_read_only(lua_State* state, const char* name)
{
    lua_newtable(state);  // the view
    lua_newtable(state);  // its metatable
    lua_pushvalue(state, -3);
    lua_setfield(state, -2, "__index");
    lua_pushstring(state, name);
    lua_pushcclosure(state, &entry<refuse_write>, 1);
    lua_setfield(state, -2, "__newindex");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_setmetatable(state, -2);
    lua_remove(state, -2);
}

void open_base(lua_State* state)
{
    lua_newtable(state);
    const int globals = lua_gettop(state);
    lua_pushcfunction(state, &luaopen_base);
    lua_call(state, 0, 1);
    for (const char* name :
         {"assert", "error", "getmetatable", "ipairs", "rawequal", "rawget", "rawlen", "select", "tonumber", "type"}) {
        lua_getfield(state, -1, name);
        push_charged(state, lua_tocfunction(state, -1));
        lua_setfield(state, globals, name);
        lua_pop(state, 1);
    }
    lua_settop(state, globals);
    set_function(state, "next", &entry<base_next>);
    set_function(state, "pairs", &entry<base_pairs>);
    set_function(state, "pcall", &entry<base_pcall>);
    set_function(state, "require", &entry<base_require>);
    set_function(state, "setmetatable", &entry<base_setmetatable>);
    set_function(state, "tostring", &entry<base_tostring>);
    set_function(state, "xpcall", &entry<base_xpcall>);
    lua_pushliteral(state, LUA_VERSION);
    lua_setfield(state, -2, "_VERSION");

    struct Library {
        const char* name;
        void (*open)(lua_State*);
    };
    for (const auto& library :
         {Library{"string", &open_string}, Library{"table", &open_table}, Library{"utf8", &open_utf8},
          Library{"math", &open_math}, Library{"postern", &open_postern}}) {
        library.open(state);
        make_read_only(state, library.name);
        lua_setfield(state, globals, library.name);
    }
    lua_newtable(state);
    lua_pushcfunction(state, &entry<absent_global>);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, globals);
    make_read_only(state, "globals");
}

}  // namespace postern::script
