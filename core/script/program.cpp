#include "script/program.hpp"

#include "script/sandbox.hpp"

#include <algorithm>
#include <charconv>

namespace postern::script {

namespace {

/// "marking.lua:12: what" in its parts; line 0 where none is named.
ports::ScriptFault fault_of(const std::string& file, const std::string& error)
{
    ports::ScriptFault fault{file, 0, error, "`postern lua MESSAGE.eml SCRIPT.lua` runs one script on one message"};
    const auto colon = error.find(':');
    if (colon == error.npos || !error.substr(0, colon).ends_with(".lua")) return fault;
    const char* const end = error.data() + error.size();
    std::size_t line = 0;
    const auto [behind, problem] = std::from_chars(error.data() + colon + 1, end, line);
    if (problem != std::errc{} || behind == end || *behind != ':') return fault;
    fault.file = error.substr(0, colon);
    fault.line = line;
    fault.what.assign(behind + 1, end);
    if (fault.what.starts_with(' ')) fault.what.erase(0, 1);
    return fault;
}

}  // namespace

Program::Program(std::vector<ports::ScriptSource> sources, ports::ScriptTables tables, const Budgets& budgets,
                 ports::Rates& rates, const Clock& clock, ports::Alarms* alarms)
    : budgets_(budgets), rates_(rates), breaker_(clock, alarms)
{
    for (auto& source : sources) sources_.insert_or_assign(std::move(source.file), std::move(source.bytes));
    for (auto& [name, words] : tables) tables_.emplace(name, WordTable(std::move(words)));
}

Program::~Program() = default;

bool Program::load_all(std::vector<ports::ScriptFault>& faults)
{
    const auto before = faults.size();
    for (const auto& [file, bytes] : sources_) {
        // A state for each: what one script does to its state while it loads must not be the next one's trouble.
        Sandbox scratch(*this);
        const auto loaded = scratch.load(file);
        if (!loaded.error.empty()) {
            auto found = fault_of(file, loaded.error);
            // A broken module is named once, and not again by each script that requires it.
            const bool known = std::ranges::any_of(faults, [&](const ports::ScriptFault& other) {
                return other.file == found.file && other.line == found.line && other.what == found.what;
            });
            if (!known) faults.push_back(std::move(found));
        } else if (loaded.returns == "function") {
            rules_.insert(file);
        } else if (loaded.returns != "table") {
            faults.push_back({file, 0, "the script returns " + loaded.returns + " where a function is due",
                              "end a rule's script with `return function(message) ... end`, a module for require() "
                              "with `return { ... }`"});
        }
    }
    return faults.size() == before;
}

bool Program::has(std::string_view file) const noexcept
{
    return rules_.contains(file);
}

ports::ScriptAnswer Program::run(const ports::ScriptCall& call, const vocabulary::Facts& facts) const
{
    const std::string_view organisation =
        facts.sender_organisation == nullptr ? std::string_view{} : std::string_view(facts.sender_organisation->id);
    ports::ScriptAnswer answer;
    if (!call.rehearsal) {
        answer.error = breaker_.resting(call.file, organisation);
        if (!answer.error.empty()) return answer;
    }
    auto state = take_state();
    answer = state->run(call, facts);
    const bool over = state->killed();
    if (over)
        state.reset();
    else
        give_back(std::move(state));
    if (call.rehearsal) return answer;
    breaker_.record(call.file, organisation, over);
    if (!over) breaker_.note(call.file, answer.error);
    return answer;
}

const std::string* Program::source(std::string_view file) const noexcept
{
    const auto found = sources_.find(file);
    return found == sources_.end() ? nullptr : &found->second;
}

std::vector<std::string> Program::files() const
{
    std::vector<std::string> names;
    for (const auto& [name, bytes] : sources_) names.push_back(name);
    return names;
}

const WordTable* Program::table(std::string_view name) const noexcept
{
    const auto found = tables_.find(name);
    return found == tables_.end() ? nullptr : &found->second;
}

std::vector<std::string> Program::table_names() const
{
    std::vector<std::string> names;
    for (const auto& [name, words] : tables_) names.push_back(name);
    return names;
}

std::size_t Program::idle_states() const
{
    const std::scoped_lock lock(mutex_);
    return idle_.size();
}

std::unique_ptr<Sandbox> Program::take_state() const
{
    {
        const std::scoped_lock lock(mutex_);
        if (!idle_.empty()) {
            auto state = std::move(idle_.back());
            idle_.pop_back();
            return state;
        }
    }
    return std::make_unique<Sandbox>(*this);
}

void Program::give_back(std::unique_ptr<Sandbox> state) const
{
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(state));
}

}  // namespace postern::script
