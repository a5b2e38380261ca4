// What a rule in Lua costs more than the same rule in YAML.
//
// script_bench [CALLS]: prints microseconds a decision, for the rule "marked SECRET is quarantined" and for one that
// searches the text for words of a table; exits with 1 where Lua costs more than 20 microseconds more than YAML.
#include "policy/condition.hpp"
#include "policy/yaml_reader.hpp"
#include "script/maker.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

using namespace postern;

namespace {

constexpr double allowed = 20;  // microseconds

/// Median of several rounds, in microseconds a call.
template <class Work>
double measured(std::size_t calls, Work work)
{
    std::vector<double> rounds;
    for (int round = 0; round < 7; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < calls; ++i) work();
        const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
        rounds.push_back(spent.count() / static_cast<double>(calls));
    }
    std::ranges::sort(rounds);
    return rounds[rounds.size() / 2];
}

constexpr const char* marking = R"(return function(message)
  local marking = message.headers:get("X-Protective-Marking")
  if marking and marking:find("SECRET") and message.sender.organisation:has_role("cleared") then
    return postern.quarantine { reason = "marked above this service's level" }
  end
  return postern.add_header("X-Checked", "marking")
end)";

constexpr const char* words = R"(return function(message)
  return postern.table("words"):find(message.subject .. "\n" .. message:text()) ~= nil
end)";

ports::ScriptSource source(const char* file, const char* bytes)
{
    ports::ScriptSource made;
    made.file = file;
    made.bytes = bytes;
    return made;
}

}  // namespace

int main(int count, char** arguments)
{
    const std::size_t calls = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 20'000;
    std::string content =
        "Subject: Listing of a case\r\nX-Protective-Marking: SECRET\r\nContent-Type: text/plain\r\n\r\n";
    for (int i = 0; i < 60; ++i) content += "A line of an ordinary letter between two offices, as most are.\r\n";
    const auto header = mail::Header::parse(content).value();
    const auto structure = mail::read_structure(content, true);
    vocabulary::Organisation organisation;
    organisation.id = "greenstone";
    organisation.roles = {"court", "cleared"};
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::message;
    facts.sender_organisation = facts.recipient_organisation = &organisation;
    facts.size = content.size();
    facts.content = content;
    facts.header = &header;
    facts.structure = &structure;

    policy::Diagnostics diagnostics;
    policy::Source yaml("bench.yaml", "{ header.X-Protective-Marking: '*SECRET*', sender.organisation.role: cleared }",
                        diagnostics);
    const auto tree = policy::read_yaml(yaml);
    const auto when = policy::read_condition(yaml, &*tree, vocabulary::Stage::message);
    bool held = diagnostics.empty();
    const double in_yaml = measured(calls, [&] { held = held && policy::evaluate(when, facts) == policy::Truth::yes; });

    const SystemClock clock;
    ports::Rates rates(clock);
    const script::Maker maker(rates, clock);
    ports::ScriptTables tables;
    for (int i = 0; i < 1'000; ++i) tables["words"][fmt::format("secret word {}", i)] = "x";
    std::vector<ports::ScriptSource> sources;
    sources.push_back(source("marking.lua", marking));
    sources.push_back(source("words.lua", words));
    std::vector<ports::ScriptFault> faults;
    const auto scripts = maker.make(std::move(sources), std::move(tables), faults);
    if (scripts == nullptr) return 1;
    ports::ScriptCall call;
    call.file = "marking.lua";
    call.rule = "content.yaml:1 bench";
    call.may = vocabulary::actions_of(call.where);
    const double in_lua = measured(calls, [&] { held = held && scripts->run(call, facts).orders.size() == 1; });
    call.file = "words.lua";
    const double in_text =
        measured(calls / 10, [&] { held = held && scripts->run(call, facts).holds == std::optional<bool>(false); });

    fmt::print("marking in YAML      {:8.2f} microseconds\n", in_yaml);
    fmt::print("marking in Lua       {:8.2f} microseconds, {:.2f} more\n", in_lua, in_lua - in_yaml);
    fmt::print("words in 4 KiB text  {:8.2f} microseconds (1,000 words)\n", in_text);
    if (!held) fmt::print("a rule did not answer as it should\n");
    return held && in_lua - in_yaml <= allowed ? 0 : 1;
}
