// The annotated stubs that editors read (LuaLS), from the table that the sandbox registers by.
#include "script/api.hpp"

#include <fmt/format.h>
#include <string>

namespace postern::script {

namespace {

constexpr std::string_view opening = R"(---@meta postern
-- What scripts of a policy see. For editors (Lua language server); nothing of this is run.
--
-- Made from the engine's own table: a test compares the two. A rule's script returns a function:
--
--     ---@param message postern.Message
--     ---@return boolean|postern.Action|postern.Action[]|nil
--     return function(message) ... end
--
-- A script of alerts.yaml is asked about an event instead: `---@param event postern.Event`.
--
-- true or false: whether the rule's own effect applies; nil is false. One action or a list of actions: what is ordered
-- for this recipient; the rule's `may` must name them. Lua 5.4 without io, os, load, debug, package, coroutine and
-- random; `require "name"` loads lua/name.lua of the same policy. Nothing is kept between messages.
)";

/// "name: string, most?: integer" -> its parameters; commas within braces or parentheses don't count.
std::vector<std::string_view> parameters(std::string_view takes)
{
    std::vector<std::string_view> list;
    std::size_t begin = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= takes.size(); ++i) {
        const char c = i < takes.size() ? takes[i] : ',';
        if (c == '{' || c == '(') ++depth;
        if (c == '}' || c == ')') --depth;
        if (c != ',' || depth > 0) continue;
        if (i > begin) list.push_back(takes.substr(begin, i - begin));
        begin = i + 2;
    }
    return list;
}

std::string function_text(std::string_view whole_name, std::string_view takes, std::string_view gives,
                          std::string_view description)
{
    std::string text = fmt::format("\n---{}\n", description);
    std::string names;
    for (const auto parameter : parameters(takes)) {
        const auto colon = parameter.find(": ");
        text += fmt::format("---@param {} {}\n", parameter.substr(0, colon), parameter.substr(colon + 2));
        const auto name = parameter.substr(0, parameter.find_first_of("?:"));
        names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    }
    if (!gives.empty()) text += fmt::format("---@return {}\n", gives);
    return text + fmt::format("function {}({}) end\n", whole_name, names);
}

std::string class_text(const Class& type)
{
    std::string text = fmt::format("\n---{}\n---@class postern.{}\n", type.description, type.name);
    for (const auto& member : type.members)
        if (!member.method) text += fmt::format("---@field {} {} {}\n", member.name, member.gives, member.description);
    text += fmt::format("local {} = {{}}\n", type.name);
    for (const auto& member : type.members)
        if (member.method)
            text += function_text(fmt::format("{}:{}", type.name, member.name), member.takes, member.gives,
                                  member.description);
    return text;
}

}  // namespace

std::string stubs()
{
    std::string text(opening);
    for (const auto& type : classes()) text += class_text(type);
    text += class_text(table_class());
    text += "\n---An action, as a script returns it.\n---@class postern.Action\n";
    text += "\n---Actions and helpers.\n---@class postern\npostern = {}\n";
    for (const auto& helper : helpers())
        text += function_text(fmt::format("postern.{}", helper.name), helper.takes, helper.gives, helper.description);
    for (const auto& constructor : constructors()) {
        const auto& action = vocabulary::info(constructor.action);
        std::string files;
        for (const auto file : action.files) files += fmt::format("{}{}", files.empty() ? "" : ", ", file_name(file));
        text += function_text(fmt::format("postern.{}", action.name), constructor.takes, "postern.Action",
                              fmt::format("{} ({})", action.description, files));
    }
    return text;
}

}  // namespace postern::script
