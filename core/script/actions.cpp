// postern.reject(...) and the others: one constructor for each action of the vocabulary, which checks what it is given
// and says what it expects.
#include "base/text.hpp"
#include "mail/charset.hpp"
#include "script/api.hpp"
#include "script/sandbox.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <optional>

namespace postern::script {

namespace {

using vocabulary::ActionId;
using vocabulary::Order;

constexpr std::size_t longest_reply = 400, longest_text = 2'000, longest_name = 100;
constexpr lua_Integer most_addresses = 50;

/// As one line of UTF-8 without controls, cut between characters.
std::string one_line(std::string_view text, std::size_t longest)
{
    std::string line;
    mail::append_utf8(line, text.substr(0, longest * 2));
    std::erase_if(line, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
    std::ranges::replace(line, '\t', ' ');
    std::size_t size = std::min(line.size(), longest);
    while (size < line.size() && size > 0 && (static_cast<unsigned char>(line[size]) & 0xC0) == 0x80) --size;
    line.resize(size);
    return line;
}

/// The text at that index of the stack, of argument `what`; a Lua error where it is none or empty.
std::string text_at(lua_State* state, int index, std::string_view action, std::string_view what, std::size_t longest)
{
    if (lua_type(state, index) != LUA_TSTRING)
        fail(state, fmt::format("postern.{}: {} expected, got {}", action, what, luaL_typename(state, index)));
    auto text = one_line(text_argument(state, index), longest);
    if (trim(text).empty()) fail(state, fmt::format("postern.{}: {} is empty", action, what));
    return text;
}

void check_count(lua_State* state, std::string_view action, int most)
{
    if (lua_gettop(state) > most)
        fail(state,
             fmt::format("postern.{} takes {}, got {} arguments", action,
                         most == 0 ? std::string("nothing") : fmt::format("at most {}", most), lua_gettop(state)));
}

/// Only these keys may stand in the table at index 1.
void check_keys(lua_State* state, std::string_view action, std::initializer_list<std::string_view> known)
{
    lua_pushnil(state);
    while (lua_next(state, 1) != 0) {
        lua_pop(state, 1);
        const auto key = lua_type(state, -1) == LUA_TSTRING ? std::string(text_argument(state, -1)) : std::string("?");
        if (std::ranges::find(known, std::string_view(key)) == known.end())
            fail(state, fmt::format("postern.{} knows no \"{}\"; it takes {}", action, printable(key, 60),
                                    fmt::join(known, ", ")));
    }
}

std::string_view name(ActionId action) noexcept
{
    return vocabulary::info(action).name;
}

template <ActionId action>
int make_plain(lua_State* state, Sandbox& sandbox)
{
    check_count(state, name(action), 0);
    sandbox.push_order({.action = action});
    return 1;
}

template <ActionId action>
int make_coded(lua_State* state, Sandbox& sandbox)
{
    check_count(state, name(action), 1);
    Order order{.action = action};
    if (action == ActionId::refuse && lua_isnoneornil(state, 1)) {
        sandbox.push_order(std::move(order));
        return 1;
    }
    const auto text =
        text_at(state, 1, name(action), "a text such as \"5.7.1 Programs are not carried\"", longest_reply);
    auto coded = vocabulary::parse_coded_text(action, text);
    if (!coded) fail(state, fmt::format("postern.{}: {}", name(action), coded.error().detail()));
    order.status = coded->status;
    order.digits = coded->digits;
    order.text = std::move(coded->text);
    sandbox.push_order(std::move(order));
    return 1;
}

Duration duration_at(lua_State* state, int index, std::string_view action)
{
    if (lua_type(state, index) != LUA_TSTRING)
        fail(state, fmt::format("postern.{}: `lasts` is a duration such as \"30 days\"", action));
    const auto duration = vocabulary::parse_duration(text_argument(state, index));
    if (!duration) fail(state, fmt::format("postern.{}: `lasts`: {}", action, duration.error().detail()));
    return *duration;
}

/// quarantine and hold: a reason, or { reason = ..., lasts = ... }.
template <ActionId action>
int make_stay(lua_State* state, Sandbox& sandbox)
{
    check_count(state, name(action), 1);
    Order order{.action = action};
    if (lua_type(state, 1) != LUA_TTABLE) {
        order.text =
            text_at(state, 1, name(action), "a reason, or { reason = ..., lasts = \"30 days\" },", longest_text);
    } else {
        check_keys(state, name(action), {"reason", "lasts", "for"});
        lua_getfield(state, 1, "reason");
        order.text = text_at(state, -1, name(action), "a reason", longest_text);
        for (const char* key : {"lasts", "for"})
            if (lua_getfield(state, 1, key) != LUA_TNIL) order.lasts = duration_at(state, -1, name(action));
    }
    sandbox.push_order(std::move(order));
    return 1;
}

mail::Address address_at(lua_State* state, int index, std::string_view action)
{
    if (lua_type(state, index) != LUA_TSTRING)
        fail(state, fmt::format("postern.{}: an address such as \"duty@crowncourt.example\" expected, got {}", action,
                                luaL_typename(state, index)));
    auto address = mail::Address::parse(text_argument(state, index));
    if (!address)
        fail(state, fmt::format("postern.{}: \"{}\" is no address: {}", action,
                                printable(text_argument(state, index), 80), address.error().detail()));
    return std::move(*address);
}

int make_redirect(lua_State* state, Sandbox& sandbox)
{
    check_count(state, "redirect", 1);
    Order order{.action = ActionId::redirect};
    order.addresses.push_back(address_at(state, 1, "redirect"));
    sandbox.push_order(std::move(order));
    return 1;
}

/// One address or a list of them.
int make_add_recipient(lua_State* state, Sandbox& sandbox)
{
    check_count(state, "add_recipient", 1);
    Order order{.action = ActionId::add_recipient};
    if (lua_type(state, 1) != LUA_TTABLE) {
        order.addresses.push_back(address_at(state, 1, "add_recipient"));
    } else {
        const auto count = static_cast<lua_Integer>(lua_rawlen(state, 1));
        if (count == 0 || count > most_addresses)
            fail(state,
                 fmt::format("postern.add_recipient: 1 to {} addresses expected, got {}", most_addresses, count));
        for (lua_Integer i = 1; i <= count; ++i) {
            lua_rawgeti(state, 1, i);
            order.addresses.push_back(address_at(state, -1, "add_recipient"));
            lua_pop(state, 1);
        }
    }
    sandbox.push_order(std::move(order));
    return 1;
}

template <ActionId action>
int make_text(lua_State* state, Sandbox& sandbox)
{
    check_count(state, name(action), 1);
    Order order{.action = action};
    order.text = text_at(state, 1, name(action), action == ActionId::tag_subject ? "a prefix" : "a text", longest_text);
    sandbox.push_order(std::move(order));
    return 1;
}

/// RFC 5322 section 3.6.8.
std::string field_name_at(lua_State* state, int index, std::string_view action)
{
    if (lua_type(state, index) != LUA_TSTRING)
        fail(state, fmt::format("postern.{}: a header field's name such as \"X-Checked\" expected, got {}", action,
                                luaL_typename(state, index)));
    const auto written = text_argument(state, index);
    const bool good = !written.empty() && written.size() <= longest_name &&
                      std::ranges::all_of(written, [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
    if (!good)
        fail(state, fmt::format("postern.{}: \"{}\" is no name of a header field", action, printable(written, 60)));
    return std::string(written);
}

template <ActionId action>
int make_header(lua_State* state, Sandbox& sandbox)
{
    check_count(state, name(action), action == ActionId::remove_header ? 1 : 2);
    Order order{.action = action};
    order.name = field_name_at(state, 1, name(action));
    if (action != ActionId::remove_header) order.text = text_at(state, 2, name(action), "a value", longest_text);
    sandbox.push_order(std::move(order));
    return 1;
}

int make_set_limit(lua_State* state, Sandbox& sandbox)
{
    check_count(state, "set_limit", 1);
    Order order{.action = ActionId::set_limit};
    if (lua_isinteger(state, 1) != 0) {
        const auto bytes = lua_tointeger(state, 1);
        luaL_argcheck(state, bytes > 0, 1, "bytes, or a size such as \"4 MiB\", expected");
        order.size = static_cast<std::uint64_t>(bytes);
    } else {
        const auto text = text_at(state, 1, "set_limit", "bytes, or a size such as \"4 MiB\",", longest_name);
        const auto size = vocabulary::parse_size(text);
        if (!size) fail(state, fmt::format("postern.set_limit: {}", size.error().detail()));
        order.size = *size;
    }
    sandbox.push_order(std::move(order));
    return 1;
}

void add_told(lua_State* state, int index, Order& order)
{
    if (lua_type(state, index) != LUA_TSTRING)
        fail(state, fmt::format("postern.notify: `to` is {}, an address, or a list of these",
                                fmt::join(vocabulary::notify_words(), ", ")));
    const auto word = text_argument(state, index);
    if (std::ranges::find(vocabulary::notify_words(), word) == vocabulary::notify_words().end())
        static_cast<void>(address_at(state, index, "notify"));
    order.to.emplace_back(word);
}

/// { to = "sender" | { ... }, text = ... }
int make_notify(lua_State* state, Sandbox& sandbox)
{
    check_count(state, "notify", 1);
    if (lua_type(state, 1) != LUA_TTABLE)
        fail(state, fmt::format("postern.notify: {{ to = \"sender\", text = \"...\" }} expected, got {}",
                                luaL_typename(state, 1)));
    check_keys(state, "notify", {"to", "text"});
    Order order{.action = ActionId::notify};
    lua_getfield(state, 1, "text");
    order.text = text_at(state, -1, "notify", "`text`", longest_text);
    if (lua_getfield(state, 1, "to") != LUA_TTABLE) {
        add_told(state, -1, order);
    } else {
        const auto count = static_cast<lua_Integer>(lua_rawlen(state, -1));
        if (count == 0 || count > most_addresses) fail(state, "postern.notify: `to` names nobody, or too many");
        const int list = lua_gettop(state);
        for (lua_Integer i = 1; i <= count; ++i) {
            lua_rawgeti(state, list, i);
            add_told(state, -1, order);
            lua_settop(state, list);
        }
    }
    sandbox.push_order(std::move(order));
    return 1;
}

using enum ActionId;

constexpr std::array table{
    Constructor{accept, "", &entry<make_plain<accept>>},
    Constructor{reject, "text: string", &entry<make_coded<reject>>},
    Constructor{defer, "text: string", &entry<make_coded<defer>>},
    Constructor{quarantine, "reason: string|{ reason: string, lasts?: string }", &entry<make_stay<quarantine>>},
    Constructor{hold, "reason: string|{ reason: string, lasts?: string }", &entry<make_stay<hold>>},
    Constructor{redirect, "address: string", &entry<make_redirect>},
    Constructor{add_recipient, "address: string|string[]", &entry<make_add_recipient>},
    Constructor{tag_subject, "prefix: string", &entry<make_text<tag_subject>>},
    Constructor{add_header, "name: string, value: string", &entry<make_header<add_header>>},
    Constructor{replace_header, "name: string, value: string", &entry<make_header<replace_header>>},
    Constructor{remove_header, "name: string", &entry<make_header<remove_header>>},
    Constructor{set_limit, "size: string|integer", &entry<make_set_limit>},
    Constructor{notify, "what: { to: string|string[], text: string }", &entry<make_notify>},
    Constructor{annotate, "text: string", &entry<make_text<annotate>>},
    Constructor{allow, "", &entry<make_plain<allow>>},
    Constructor{refuse, "text?: string", &entry<make_coded<refuse>>},
};

}  // namespace

std::span<const Constructor> constructors() noexcept
{
    return table;
}

}  // namespace postern::script
