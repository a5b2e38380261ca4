// How a field of an object is found, and what all kinds of objects share.
//
// What was once made (a decoded header, a list of parts) is kept in the object's own table for the rest of the call.
#include "script/values.hpp"

#include "base/text.hpp"
#include "mail/charset.hpp"
#include "vocabulary/fields.hpp"

#include <fmt/format.h>
#include <array>
#include <vector>

namespace postern::script {

namespace {

constexpr std::size_t most_header = 10'000;

constexpr std::array<const char*, 9> types{"postern.Message", "postern.Headers",      "postern.Connection",
                                           "postern.Party",   "postern.Organisation", "postern.Part",
                                           "postern.Policy",  "postern.Time",         "postern.Event"};

/// A function's own, since the spans are of other files.
const auto& table()
{
    static const std::array all{
        Class{"Message", "The message as one rule sees it, for one recipient.", message_members()},
        Class{"Headers", "The header section of the message; names without regard to case.", headers_members()},
        Class{"Connection", "How the message came in.", connection_members()},
        Class{"Party", "A sender or a recipient.", party_members()},
        Class{"Organisation", "A member of the community.", organisation_members()},
        Class{"Part", "One part of the message.", part_members()},
        Class{"Policy", "The policy in force for the message.", policy_members()},
        Class{"Time", "A time, in UTC.", time_members()},
        Class{"Event", "What scripts of alerts.yaml are asked about: an event.", event_members()},
    };
    return all;
}

std::string nearest_member(const Class& type, std::string_view name)
{
    std::vector<std::string> names;
    for (const auto& one : type.members) names.emplace_back(one.name);
    return nearest(name, names);
}

/// __index of every object. Upvalues: name -> method, or number of the field; number of the class.
int read_field(lua_State* state, Sandbox& sandbox)
{
    lua_settop(state, 2);
    if (lua_getiuservalue(state, 1, 1) == LUA_TTABLE) {
        lua_pushvalue(state, 2);
        if (lua_rawget(state, 3) != LUA_TNIL) return 1;
    }
    lua_settop(state, 2);
    const auto& type = table()[static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(2)))];
    lua_pushvalue(state, 2);
    const int found = lua_rawget(state, lua_upvalueindex(1));
    if (found == LUA_TFUNCTION) return 1;
    if (found != LUA_TNUMBER) {
        const auto name = lua_type(state, 2) == LUA_TSTRING ? printable(text_argument(state, 2), 60) : std::string("?");
        const auto near = nearest_member(type, name);
        fail(state, fmt::format("{} has no field \"{}\"{}", to_lower(type.name), name,
                                near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
    }
    const auto& member = type.members[static_cast<std::size_t>(lua_tointeger(state, 3))];
    lua_settop(state, 2);
    sandbox.charge(4);
    static_cast<void>(member.function(state));  // leaves the value on top
    if (const int kind = lua_type(state, -1); kind == LUA_TTABLE || kind == LUA_TUSERDATA || kind == LUA_TSTRING) {
        if (lua_getiuservalue(state, 1, 1) != LUA_TTABLE) {
            lua_pop(state, 1);
            lua_newtable(state);
            lua_pushvalue(state, -1);
            lua_setiuservalue(state, 1, 1);
        }
        lua_pushvalue(state, 2);
        lua_pushvalue(state, -3);
        lua_rawset(state, -3);
        lua_pop(state, 1);
    }
    return 1;
}

int refuse_assignment(lua_State* state, Sandbox&)
{
    fail(state, "what a script is shown of a message can't be set; edits are ordered by actions");
}

}  // namespace

void push_object(lua_State* state, Kind kind, std::size_t index)
{
    *static_cast<std::size_t*>(lua_newuserdatauv(state, sizeof(std::size_t), 1)) = index;
    luaL_setmetatable(state, types[static_cast<std::size_t>(kind)]);
}

std::size_t self(lua_State* state, Kind kind)
{
    return *static_cast<std::size_t*>(luaL_checkudata(state, 1, types[static_cast<std::size_t>(kind)]));
}

int push_optional(lua_State* state, Sandbox& sandbox, std::string_view text)
{
    if (text.empty())
        lua_pushnil(state);
    else
        sandbox.push(text);
    return 1;
}

int push_flag(lua_State* state, bool flag)
{
    lua_pushboolean(state, flag ? 1 : 0);
    return 1;
}

int push_number(lua_State* state, std::uint64_t number)
{
    lua_pushinteger(state, static_cast<lua_Integer>(number));
    return 1;
}

int push_nothing(lua_State* state)
{
    lua_pushnil(state);
    return 1;
}

int push_texts(lua_State* state, Sandbox& sandbox, const std::vector<std::string>& texts)
{
    return push_list(state, sandbox, texts.size(), [&](std::size_t i) { sandbox.push(texts[i]); });
}

int push_decoded(lua_State* state, Sandbox& sandbox, const mail::Field* field)
{
    if (field == nullptr) return push_nothing(state);
    sandbox.charge(field->value.size());
    sandbox.push(mail::decode_text(field->value, most_header));
    return 1;
}

const mail::Header& header_of(lua_State* state, Sandbox& sandbox)
{
    const auto& facts = sandbox.facts();
    if (facts.header == nullptr)
        fail(state, fmt::format("the message itself is not known at stage {}; rules of content.yaml see it",
                                vocabulary::stage_name(facts.stage)));
    return *facts.header;
}

std::span<const Class> classes() noexcept
{
    return table();
}

void open_values(lua_State* state)
{
    const auto& all = table();
    for (std::size_t i = 0; i < all.size(); ++i) {
        luaL_newmetatable(state, types[i]);
        lua_newtable(state);
        for (std::size_t k = 0; k < all[i].members.size(); ++k) {
            const auto& member = all[i].members[k];
            lua_pushlstring(state, member.name.data(), member.name.size());
            if (member.method)
                lua_pushcfunction(state, member.function);
            else
                lua_pushinteger(state, static_cast<lua_Integer>(k));
            lua_rawset(state, -3);
        }
        lua_pushinteger(state, static_cast<lua_Integer>(i));
        lua_pushcclosure(state, &entry<read_field>, 2);
        lua_setfield(state, -2, "__index");
        lua_pushcfunction(state, &entry<refuse_assignment>);
        lua_setfield(state, -2, "__newindex");
        lua_pushboolean(state, 0);
        lua_setfield(state, -2, "__metatable");
        lua_pop(state, 1);
    }
}

void push_subject(lua_State* state)
{
    push_object(state, Sandbox::of(state).facts().event != nullptr ? Kind::event : Kind::message);
}

}  // namespace postern::script
