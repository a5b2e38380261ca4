// Lua's string library: functions that are linear in their input are Lua's own, charged for it; those that match
// patterns or make texts of any size are written here, bounded.
#include "script/sandbox.hpp"

#include <fmt/format.h>
#include <string.h>
#include <algorithm>
#include <optional>
#include <string>

#include <lualib.h>

namespace postern::script {

namespace {

/// Lua's way of counting from an end: 1 is the first byte, -1 the last; at least 1.
std::size_t start_of(lua_Integer at, std::size_t size) noexcept
{
    if (at > 0) return static_cast<std::size_t>(at);
    if (at == 0) return 1;
    const auto back = std::size_t{0} - static_cast<std::size_t>(at);
    return back > size ? 1 : size - back + 1;
}

/// Runs a match with the steps that the account has left, and charges those that it took.
bool found(Sandbox& sandbox,
           Pattern::Outcome (Pattern::*how)(std::string_view, std::size_t, std::uint64_t&, Match&) const,
           const Pattern& pattern, std::string_view subject, std::size_t at, Match& match)
{
    const std::uint64_t allowed = sandbox.left();
    std::uint64_t steps = allowed;
    const auto outcome = (pattern.*how)(subject, at, steps, match);
    sandbox.charge(allowed - steps + (outcome == Pattern::Outcome::out_of_steps ? 1 : 0));
    return outcome == Pattern::Outcome::found;
}

void push_capture(lua_State* state, Sandbox& sandbox, const Pattern& pattern, std::string_view subject,
                  const Match& match, std::size_t index)
{
    if (index >= pattern.captures()) {
        if (index != 0) fail(state, fmt::format("invalid capture index %{}", index + 1));
        sandbox.push(subject.substr(match.begin, match.end - match.begin));
        return;
    }
    const auto& capture = match.captures[index];
    if (capture.position)
        lua_pushinteger(state, static_cast<lua_Integer>(capture.begin + 1));
    else
        sandbox.push(subject.substr(capture.begin, capture.size));
}

/// All captures, or the whole match where the pattern has none and `whole` is wanted.
int push_captures(lua_State* state, Sandbox& sandbox, const Pattern& pattern, std::string_view subject,
                  const Match& match, bool whole)
{
    const std::size_t count = pattern.captures() == 0 && whole ? 1 : pattern.captures();
    luaL_checkstack(state, static_cast<int>(count), "too many captures");
    for (std::size_t i = 0; i < count; ++i) push_capture(state, sandbox, pattern, subject, match, i);
    return static_cast<int>(count);
}

bool is_plain(std::string_view pattern) noexcept
{
    return pattern.find_first_of("^$*+?.([%-") == pattern.npos;
}

int find_or_match(lua_State* state, Sandbox& sandbox, bool find)
{
    const auto subject = text_argument(state, 1);
    const auto text = text_argument(state, 2);
    const std::size_t from = start_of(luaL_optinteger(state, 3, 1), subject.size()) - 1;
    if (from > subject.size()) {
        lua_pushnil(state);
        return 1;
    }
    if (find && (lua_toboolean(state, 4) != 0 || is_plain(text))) {
        sandbox.charge((subject.size() + text.size()) / 4);
        // Linear, unlike the search of std::string.
        const void* at = text.empty() ? subject.data() + from
                                      : memmem(subject.data() + from, subject.size() - from, text.data(), text.size());
        if (at == nullptr) {
            lua_pushnil(state);
            return 1;
        }
        const auto begin = static_cast<lua_Integer>(static_cast<const char*>(at) - subject.data());
        lua_pushinteger(state, begin + 1);
        lua_pushinteger(state, begin + static_cast<lua_Integer>(text.size()));
        return 2;
    }
    const auto pattern = sandbox.pattern(text, true);
    Match match;
    if (!found(sandbox, &Pattern::search, *pattern, subject, from, match)) {
        lua_pushnil(state);
        return 1;
    }
    if (!find) return push_captures(state, sandbox, *pattern, subject, match, true);
    lua_pushinteger(state, static_cast<lua_Integer>(match.begin + 1));
    lua_pushinteger(state, static_cast<lua_Integer>(match.end));
    return 2 + push_captures(state, sandbox, *pattern, subject, match, false);
}

int string_find(lua_State* state, Sandbox& sandbox)
{
    return find_or_match(state, sandbox, true);
}

int string_match(lua_State* state, Sandbox& sandbox)
{
    return find_or_match(state, sandbox, false);
}

/// Upvalues: subject, pattern, where to go on, where the last match ended (-1: none yet).
int gmatch_step(lua_State* state, Sandbox& sandbox)
{
    const auto subject = text_argument(state, lua_upvalueindex(1));
    const auto pattern = sandbox.pattern(text_argument(state, lua_upvalueindex(2)), false);
    const auto last = lua_tointeger(state, lua_upvalueindex(4));
    Match match;
    for (auto at = static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(3))); at <= subject.size(); ++at) {
        sandbox.charge(1);
        if (!found(sandbox, &Pattern::match_at, *pattern, subject, at, match)) continue;
        if (static_cast<lua_Integer>(match.end) == last) continue;
        lua_pushinteger(state, static_cast<lua_Integer>(match.end));
        lua_pushvalue(state, -1);
        lua_replace(state, lua_upvalueindex(3));
        lua_replace(state, lua_upvalueindex(4));
        return push_captures(state, sandbox, *pattern, subject, match, true);
    }
    lua_pushinteger(state, static_cast<lua_Integer>(subject.size() + 1));
    lua_replace(state, lua_upvalueindex(3));
    return 0;
}

int string_gmatch(lua_State* state, Sandbox& sandbox)
{
    const auto subject = text_argument(state, 1);
    static_cast<void>(sandbox.pattern(text_argument(state, 2), false));
    const std::size_t from = start_of(luaL_optinteger(state, 3, 1), subject.size()) - 1;
    lua_settop(state, 2);
    lua_pushinteger(state, static_cast<lua_Integer>(std::min(from, subject.size() + 1)));
    lua_pushinteger(state, -1);
    lua_pushcclosure(state, &entry<gmatch_step>, 4);
    return 1;
}

void append_replacement_text(lua_State* state, Sandbox& sandbox, const Pattern& pattern, std::string_view subject,
                             const Match& match, std::string_view text, std::string& result)
{
    sandbox.charge(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        const char next = ++i < text.size() ? text[i] : '\0';
        if (i < text.size() && next == '%') {
            result += '%';
        } else if (next == '0') {
            sandbox.charge((match.end - match.begin) / 4);
            result += subject.substr(match.begin, match.end - match.begin);
        } else if (next >= '1' && next <= '9') {
            push_capture(state, sandbox, pattern, subject, match, static_cast<std::size_t>(next - '1'));
            std::size_t size = 0;
            const char* bytes = lua_tolstring(state, -1, &size);
            result.append(bytes, size);
            lua_pop(state, 1);
        } else {
            fail(state, "invalid use of '%' in replacement string");
        }
    }
}

/// Appends what stands for one match; the replacement is argument 3.
void append_replacement(lua_State* state, Sandbox& sandbox, const Pattern& pattern, std::string_view subject,
                        const Match& match, std::string& result)
{
    switch (lua_type(state, 3)) {
        case LUA_TFUNCTION:
            lua_pushvalue(state, 3);
            lua_call(state, push_captures(state, sandbox, pattern, subject, match, true), 1);
            break;
        case LUA_TTABLE:
            push_capture(state, sandbox, pattern, subject, match, 0);
            lua_gettable(state, 3);
            break;
        default:
            append_replacement_text(state, sandbox, pattern, subject, match, text_argument(state, 3), result);
            return;
    }
    if (lua_toboolean(state, -1) == 0) {
        result += subject.substr(match.begin, match.end - match.begin);
    } else if (lua_isstring(state, -1) == 0) {
        fail(state, fmt::format("invalid replacement value (a {})", luaL_typename(state, -1)));
    } else {
        std::size_t size = 0;
        const char* bytes = lua_tolstring(state, -1, &size);
        sandbox.charge(size / 4);
        result.append(bytes, size);
    }
    lua_pop(state, 1);
}

int string_gsub(lua_State* state, Sandbox& sandbox)
{
    const auto subject = text_argument(state, 1);
    const auto pattern = sandbox.pattern(text_argument(state, 2), true);
    const int type = lua_type(state, 3);
    luaL_argexpected(state, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE,
                     3, "string/function/table");
    const lua_Integer most = luaL_optinteger(state, 4, static_cast<lua_Integer>(subject.size() + 1));
    const std::size_t most_bytes = sandbox.program().budgets().memory;
    std::string result;
    std::optional<std::size_t> last;
    lua_Integer count = 0;
    std::size_t at = 0;
    while (count < most) {
        sandbox.charge(1);
        Match match;
        if (found(sandbox, &Pattern::match_at, *pattern, subject, at, match) && match.end != last) {
            ++count;
            append_replacement(state, sandbox, *pattern, subject, match, result);
            if (result.size() > most_bytes)
                sandbox.kill(fmt::format("more than {} of memory", vocabulary::print_size(most_bytes)));
            at = match.end;
            last = at;
        } else if (at < subject.size()) {
            result += subject[at++];
        } else {
            break;
        }
        if (pattern->anchored()) break;
    }
    if (at < subject.size()) result += subject.substr(at);
    sandbox.push(result);
    lua_pushinteger(state, count);
    return 2;
}

int string_rep(lua_State* state, Sandbox& sandbox)
{
    const auto text = text_argument(state, 1);
    const lua_Integer count = luaL_checkinteger(state, 2);
    std::size_t separator_size = 0;
    const char* separator_bytes = luaL_optlstring(state, 3, "", &separator_size);
    const std::string_view separator(separator_bytes, separator_size);
    if (count <= 0 || text.size() + separator.size() == 0) {
        lua_pushliteral(state, "");
        return 1;
    }
    const auto times = static_cast<std::size_t>(count);
    const auto most = sandbox.program().budgets().memory;
    if (times > most || text.size() + separator.size() > most / times)
        sandbox.kill(fmt::format("more than {} of memory", vocabulary::print_size(most)));
    const std::size_t total = times * text.size() + (times - 1) * separator.size();
    sandbox.reserve(2 * total);
    sandbox.charge(times / 4);
    std::string result;
    result.reserve(total);
    for (std::size_t i = 0; i < times; ++i) {
        if (i > 0) result += separator;
        result += text;
    }
    lua_pushlstring(state, result.data(), result.size());
    return 1;
}

/// Lua's own, after what would print an address is gone.
int string_format(lua_State* state, Sandbox& sandbox)
{
    const auto format = text_argument(state, 1);
    for (std::size_t i = 0; i + 1 < format.size(); ++i) {
        if (format[i] != '%') continue;
        ++i;
        while (i < format.size() && std::string_view("-+ #0123456789.").find(format[i]) != std::string_view::npos) ++i;
        if (i < format.size() && format[i] == 'p') fail(state, "string.format: %p is not for scripts");
    }
    std::uint64_t bytes = format.size();
    const int count = lua_gettop(state);
    for (int i = 2; i <= count; ++i) {
        const int type = lua_type(state, i);
        if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN && type != LUA_TNIL) {
            push_text_of(state, i);
            lua_replace(state, i);
        }
        if (lua_type(state, i) == LUA_TSTRING) bytes += 4 * lua_rawlen(state, i);  // %q
    }
    sandbox.reserve(bytes);
    return lua_tocfunction(state, lua_upvalueindex(1))(state);
}

}  // namespace

void open_string(lua_State* state)
{
    lua_pushcfunction(state, &luaopen_string);
    lua_call(state, 0, 1);
    const int original = lua_gettop(state);
    lua_newtable(state);
    for (const char* name : {"byte", "char", "len", "lower", "reverse", "sub", "upper"}) {
        lua_getfield(state, original, name);
        const auto function = lua_tocfunction(state, -1);
        lua_pop(state, 1);
        push_charged(state, function);
        lua_setfield(state, -2, name);
    }
    lua_getfield(state, original, "format");
    lua_pushcclosure(state, &entry<string_format>, 1);
    lua_setfield(state, -2, "format");
    constexpr luaL_Reg own[] = {{"find", &entry<string_find>}, {"gmatch", &entry<string_gmatch>},
                                {"gsub", &entry<string_gsub>}, {"match", &entry<string_match>},
                                {"rep", &entry<string_rep>},   {nullptr, nullptr}};
    luaL_setfuncs(state, own, 0);
    lua_remove(state, original);

    // text:find(...) finds these functions, and nobody finds the metatable.
    lua_pushliteral(state, "");
    lua_newtable(state);
    lua_pushvalue(state, -3);
    lua_setfield(state, -2, "__index");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_setmetatable(state, -2);
    lua_pop(state, 1);
}

}  // namespace postern::script
