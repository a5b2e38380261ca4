// Makes the scripts of a generation; what main() hands to the policy's loader.
#pragma once

#include "ports/alarms.hpp"
#include "ports/rates.hpp"
#include "ports/scripting.hpp"
#include "script/budget.hpp"

namespace postern::script {

/// Thread-safe. What it is given must outlive every generation that it makes.
class Maker final : public ports::ScriptMaker {
public:
    /// `alarms`: told of scripts that rest; may be null.
    Maker(ports::Rates& rates, const Clock& clock, ports::Alarms* alarms = nullptr, const Budgets& budgets = {})
        : rates_(rates), clock_(clock), alarms_(alarms), budgets_(budgets)
    {
    }
    [[nodiscard]] std::shared_ptr<const ports::Scripts> make(std::vector<ports::ScriptSource> sources,
                                                             ports::ScriptTables tables,
                                                             std::vector<ports::ScriptFault>& faults) const override;

private:
    ports::Rates& rates_;
    const Clock& clock_;
    ports::Alarms* alarms_;
    Budgets budgets_;
};

}  // namespace postern::script
