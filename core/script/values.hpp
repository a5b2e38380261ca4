// What all objects of scripts share: an object is a kind and an index and holds nothing of the engine; facts of the
// call are asked only when a field is read. Private to this room.
//
// Used by the thread that runs the sandbox. What a function here refuses is a Lua error of the script's line.
#pragma once

#include "script/api.hpp"
#include "script/sandbox.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::script {

enum class Kind : std::size_t { message, headers, connection, party, organisation, part, policy, time, event };

/// Who: index of a party and of its organisation.
constexpr std::size_t sender = 0, recipient = 1;

void push_object(lua_State* state, Kind kind, std::size_t index = 0);
/// The index of the object at argument 1; a Lua error where that is none of this kind.
[[nodiscard]] std::size_t self(lua_State* state, Kind kind);

// Each leaves one value on the stack and returns 1, as a field's function does.
int push_nothing(lua_State* state);
/// Nil where the text is empty.
int push_optional(lua_State* state, Sandbox& sandbox, std::string_view text);
int push_flag(lua_State* state, bool flag);
int push_number(lua_State* state, std::uint64_t number);
/// The field's value, decoded and on one line; nil where there is no field.
int push_decoded(lua_State* state, Sandbox& sandbox, const mail::Field* field);
int push_texts(lua_State* state, Sandbox& sandbox, const std::vector<std::string>& texts);

/// A list made of what `push` leaves on the stack for each index.
template <class Push>
int push_list(lua_State* state, Sandbox& sandbox, std::size_t size, Push push)
{
    sandbox.charge(size);
    lua_createtable(state, static_cast<int>(size), 0);
    for (std::size_t i = 0; i < size; ++i) {
        push(i);
        lua_rawseti(state, -2, static_cast<lua_Integer>(i + 1));
    }
    return 1;
}

/// The message's header section; a Lua error at a stage that does not know it.
[[nodiscard]] const mail::Header& header_of(lua_State* state, Sandbox& sandbox);

// The fields and methods of each kind, in the order of the stubs.
[[nodiscard]] std::span<const Member> message_members() noexcept;
[[nodiscard]] std::span<const Member> headers_members() noexcept;
[[nodiscard]] std::span<const Member> connection_members() noexcept;
[[nodiscard]] std::span<const Member> party_members() noexcept;
[[nodiscard]] std::span<const Member> organisation_members() noexcept;
[[nodiscard]] std::span<const Member> part_members() noexcept;
[[nodiscard]] std::span<const Member> policy_members() noexcept;
[[nodiscard]] std::span<const Member> time_members() noexcept;
[[nodiscard]] std::span<const Member> event_members() noexcept;

}  // namespace postern::script
