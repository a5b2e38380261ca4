#include "script/maker.hpp"

#include "script/program.hpp"

namespace postern::script {

std::shared_ptr<const ports::Scripts> Maker::make(std::vector<ports::ScriptSource> sources, ports::ScriptTables tables,
                                                  std::vector<ports::ScriptFault>& faults) const
{
    auto program = std::make_shared<Program>(std::move(sources), std::move(tables), budgets_, rates_, clock_, alarms_);
    if (!program->load_all(faults)) return nullptr;
    return program;
}

}  // namespace postern::script
