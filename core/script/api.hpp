// The one table of what scripts see: classes with their fields and methods, the helpers and the actions of `postern`.
//
// The sandbox registers by it, and the annotated stubs (lua/api/postern.lua) are made from it. Immutable; all threads.
#pragma once

#include "vocabulary/actions.hpp"

#include <lua.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::script {

class Sandbox;

struct Member {
    std::string_view name;
    /// Of a method or helper its parameters, as the stubs have them: "name: string, most?: integer". A field has none.
    std::string_view takes;
    std::string_view gives;  ///< type in the stubs; empty: nothing
    std::string_view description;
    lua_CFunction function;  ///< a field's takes the object at index 1 and pushes the value
    bool method = false;     ///< called with `:` (helpers: with `.`)
};

struct Class {
    std::string_view name;  ///< "Message": postern.Message in the stubs
    std::string_view description;
    std::span<const Member> members;
};

/// What a message is made of, in the order of the stubs.
[[nodiscard]] std::span<const Class> classes() noexcept;
/// What postern.table() gives.
[[nodiscard]] const Class& table_class() noexcept;
[[nodiscard]] std::span<const Member> helpers() noexcept;

struct Constructor {
    vocabulary::ActionId action;
    std::string_view takes;
    lua_CFunction function;
};
/// One for each action, in the order of vocabulary/actions.
[[nodiscard]] std::span<const Constructor> constructors() noexcept;

/// The text of lua/api/postern.lua.
[[nodiscard]] std::string stubs();

}  // namespace postern::script
