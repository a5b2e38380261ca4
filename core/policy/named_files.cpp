#include "policy/named_files.hpp"

#include "policy/compiled_snapshot.hpp"

namespace postern::policy {

const std::vector<std::string>& named_files(const Snapshot& policy)
{
    return dynamic_cast<const CompiledSnapshot&>(policy).compiled().named_files;
}

}  // namespace postern::policy
