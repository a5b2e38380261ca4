// What a script sees of an event, and of times.
#include "base/text.hpp"
#include "script/values.hpp"
#include "vocabulary/events.hpp"
#include "vocabulary/fields.hpp"

#include <fmt/format.h>
#include <array>
#include <ctime>
#include <vector>

namespace postern::script {

namespace {

std::tm utc(Sandbox& sandbox)
{
    const std::time_t seconds =
        std::chrono::floor<std::chrono::seconds>(sandbox.facts().time).time_since_epoch().count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return parts;
}

template <int std::tm::*part, int add = 0>
int time_part(lua_State* state, Sandbox& sandbox)
{
    lua_pushinteger(state, utc(sandbox).*part + add);
    return 1;
}

int time_weekday(lua_State*, Sandbox& sandbox)
{
    sandbox.push(vocabulary::weekdays()[static_cast<std::size_t>((utc(sandbox).tm_wday + 6) % 7)]);
    return 1;
}

int time_iso(lua_State*, Sandbox& sandbox)
{
    sandbox.push(to_iso8601(sandbox.facts().time));
    return 1;
}

int time_epoch(lua_State* state, Sandbox& sandbox)
{
    lua_pushinteger(state, std::chrono::floor<std::chrono::seconds>(sandbox.facts().time).time_since_epoch().count());
    return 1;
}

int minutes_argument(lua_State* state, int index)
{
    const auto text = text_argument(state, index);
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() == 5 && text[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
        const int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
        if (hour < 24 && minute < 60) return hour * 60 + minute;
    }
    luaL_argerror(state, index, "a time of day such as \"18:30\" expected");
    return 0;
}

int time_between(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::time));
    const int from = minutes_argument(state, 2), to = minutes_argument(state, 3);
    const auto now = utc(sandbox);
    const int at = now.tm_hour * 60 + now.tm_min;
    return push_flag(state, from <= to ? at >= from && at < to : at >= from || at < to);
}

constexpr std::array time_table{
    Member{"day", "", "integer", "Day of the month.", &entry<time_part<&std::tm::tm_mday>>},
    Member{"epoch", "", "integer", "Seconds since 1970.", &entry<time_epoch>},
    Member{"hour", "", "integer", "0 to 23.", &entry<time_part<&std::tm::tm_hour>>},
    Member{"iso", "", "string", "2026-11-24T18:30:00.000000Z", &entry<time_iso>},
    Member{"minute", "", "integer", "0 to 59.", &entry<time_part<&std::tm::tm_min>>},
    Member{"month", "", "integer", "1 to 12.", &entry<time_part<&std::tm::tm_mon, 1>>},
    Member{"second", "", "integer", "0 to 59.", &entry<time_part<&std::tm::tm_sec>>},
    Member{"weekday", "", "string", "monday to sunday.", &entry<time_weekday>},
    Member{"year", "", "integer", "Such as 2026.", &entry<time_part<&std::tm::tm_year, 1900>>},
    Member{
        "between", "from: string, to: string", "boolean",
        "Whether the time of day is from \"20:00\" on and before \"06:00\"; over midnight where the second is earlier.",
        &entry<time_between>, true},
};

const vocabulary::Event& event_of(lua_State* state, Sandbox& sandbox)
{
    const auto* event = sandbox.facts().event;
    if (event == nullptr) fail(state, "there is an event for scripts of alerts.yaml alone");
    return *event;
}

int event_name(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(vocabulary::info(event_of(state, sandbox).id).name);
    return 1;
}

int event_severity(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(vocabulary::name_of(vocabulary::info(event_of(state, sandbox).id).severity));
    return 1;
}

int event_text(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(event_of(state, sandbox).text);
    return 1;
}

int event_object(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(event_of(state, sandbox).object);
    return 1;
}

int event_policy(lua_State* state, Sandbox&)
{
    push_object(state, Kind::policy);
    return 1;
}

int event_time(lua_State* state, Sandbox&)
{
    push_object(state, Kind::time);
    return 1;
}

int event_field(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::event));
    const auto& event = event_of(state, sandbox);
    const auto name = std::string(text_argument(state, 2));
    if (!vocabulary::carries(vocabulary::info(event.id), name)) {
        std::vector<std::string> known;
        for (const auto field : vocabulary::common_event_fields()) known.emplace_back(field);
        for (const auto field : vocabulary::info(event.id).fields) known.emplace_back(field);
        fail(state, fmt::format("the event {} carries no \"{}\"; it carries {}", vocabulary::info(event.id).name,
                                printable(name, 60), fmt::join(known, ", ")));
    }
    return push_optional(state, sandbox, event.field(name).value_or(""));
}

constexpr std::array event_table{
    Member{"name", "", "string", "Which event, as `on:` says it: virus_found.", &entry<event_name>},
    Member{"object", "", "string", "What it is about.", &entry<event_object>},
    Member{"policy", "", "postern.Policy", "The policy in force.", &entry<event_policy>},
    Member{"severity", "", "string", "notice, warning or critical.", &entry<event_severity>},
    Member{"text", "", "string", "What is wrong, what follows, what to do.", &entry<event_text>},
    Member{"time", "", "postern.Time", "When it happened.", &entry<event_time>},
    Member{"field", "name: string", "string?",
           "One of the fields that it carries: \"sender.organisation\". Nil where this one has none.",
           &entry<event_field>, true},
};

}  // namespace

std::span<const Member> time_members() noexcept
{
    return time_table;
}

std::span<const Member> event_members() noexcept
{
    return event_table;
}

}  // namespace postern::script
