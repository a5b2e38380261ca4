// The scripts of one generation: sources, tables, and the states that run them.
//
// Immutable but for the pool of states and the breaker, which have locks; any thread. A state is taken for one call
// and given back; there are as many as threads ever called at one time.
#pragma once

#include "ports/alarms.hpp"
#include "ports/rates.hpp"
#include "ports/scripting.hpp"
#include "script/breaker.hpp"
#include "script/budget.hpp"
#include "script/word_table.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace postern::script {

class Sandbox;

class Program final : public ports::Scripts {
public:
    Program(std::vector<ports::ScriptSource> sources, ports::ScriptTables tables, const Budgets& budgets,
            ports::Rates& rates, const Clock& clock, ports::Alarms* alarms);
    ~Program() override;

    /// Loads every script once; true if none is at fault.
    [[nodiscard]] bool load_all(std::vector<ports::ScriptFault>& faults);

    [[nodiscard]] bool has(std::string_view file) const noexcept override;
    [[nodiscard]] ports::ScriptAnswer run(const ports::ScriptCall& call, const vocabulary::Facts& facts) const override;

    /// Null if there is none of that name.
    [[nodiscard]] const std::string* source(std::string_view file) const noexcept;
    [[nodiscard]] std::vector<std::string> files() const;
    [[nodiscard]] const WordTable* table(std::string_view name) const noexcept;
    [[nodiscard]] std::vector<std::string> table_names() const;
    [[nodiscard]] const Budgets& budgets() const noexcept { return budgets_; }
    [[nodiscard]] ports::Rates& rates() const noexcept { return rates_; }
    /// How many states wait for a call now.
    [[nodiscard]] std::size_t idle_states() const;

private:
    [[nodiscard]] std::unique_ptr<Sandbox> take_state() const;
    void give_back(std::unique_ptr<Sandbox> state) const;

    std::map<std::string, std::string, std::less<>> sources_;
    std::map<std::string, WordTable, std::less<>> tables_;
    std::set<std::string, std::less<>> rules_;  ///< scripts that return a function
    Budgets budgets_;
    ports::Rates& rates_;
    mutable Breaker breaker_;
    mutable std::mutex mutex_;
    mutable std::vector<std::unique_ptr<Sandbox>> idle_;
};

}  // namespace postern::script
