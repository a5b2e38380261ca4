// What a script sees of a message's header section.
#include "base/text.hpp"
#include "script/values.hpp"

#include <array>

namespace postern::script {

namespace {

int headers_get(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    return push_decoded(state, sandbox, header_of(state, sandbox).find(text_argument(state, 2)));
}

int headers_raw(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    const auto* field = header_of(state, sandbox).find(text_argument(state, 2));
    if (field == nullptr)
        lua_pushnil(state);
    else
        sandbox.push(field->value);
    return 1;
}

template <class Push>
int push_fields(lua_State* state, Sandbox& sandbox, Push push)
{
    static_cast<void>(self(state, Kind::headers));
    const auto name = text_argument(state, 2);
    const auto& fields = header_of(state, sandbox).fields();
    sandbox.charge(fields.size());
    lua_newtable(state);
    lua_Integer count = 0;
    for (const auto& field : fields) {
        if (!iequals(field.name, name)) continue;
        push(field);
        lua_rawseti(state, -2, ++count);
    }
    return 1;
}

int headers_all(lua_State* state, Sandbox& sandbox)
{
    return push_fields(state, sandbox, [&](const mail::Field& field) { push_decoded(state, sandbox, &field); });
}

int headers_all_raw(lua_State* state, Sandbox& sandbox)
{
    return push_fields(state, sandbox, [&](const mail::Field& field) { sandbox.push(field.value); });
}

int headers_has(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    return push_flag(state, header_of(state, sandbox).find(text_argument(state, 2)) != nullptr);
}

int headers_names(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    const auto& fields = header_of(state, sandbox).fields();
    return push_list(state, sandbox, fields.size(), [&](std::size_t i) { sandbox.push(fields[i].name); });
}

int headers_addresses(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    const auto name = text_argument(state, 2);
    lua_newtable(state);
    lua_Integer count = 0;
    for (const auto& field : header_of(state, sandbox).fields()) {
        if (!iequals(field.name, name)) continue;
        sandbox.charge(64 + field.value.size() * 16);
        for (const auto& place : mail::find_addresses(field.value).places) {
            sandbox.push(place.address.text());
            lua_rawseti(state, -2, ++count);
        }
    }
    return 1;
}

constexpr std::array headers_table{
    Member{"get", "name: string", "string?", "The first field of that name, decoded and on one line.",
           &entry<headers_get>, true},
    Member{"all", "name: string", "string[]", "All fields of that name, decoded, in order.", &entry<headers_all>, true},
    Member{"raw", "name: string", "string?", "The first field of that name as it came, folding kept.",
           &entry<headers_raw>, true},
    Member{"all_raw", "name: string", "string[]", "All fields of that name as they came.", &entry<headers_all_raw>,
           true},
    Member{"has", "name: string", "boolean", "Whether there is a field of that name.", &entry<headers_has>, true},
    Member{"names", "", "string[]", "The names of all fields, as written, in order.", &entry<headers_names>, true},
    Member{"addresses", "name: string", "string[]", "The addresses in all fields of that name, such as From.",
           &entry<headers_addresses>, true},
};

}  // namespace

std::span<const Member> headers_members() noexcept
{
    return headers_table;
}

}  // namespace postern::script
