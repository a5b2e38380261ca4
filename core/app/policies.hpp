// Policies as the commands that rehearse need them: loaded from a directory or from the engine's archive, with who is
// listed and who looks inside attachments. Blocking; what is wrong is said on standard error.
#pragma once

#include "app/commands.hpp"
#include "gateway/rehearsed_people.hpp"
#include "policy/files.hpp"
#include "policy/snapshot.hpp"
#include "ports/inspector.hpp"

#include "ports/rates.hpp"
#include "script/maker.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::app {

/// What the scripts of a policy need that no engine runs.
struct ScriptBench {
    SystemClock clock;
    ports::Rates rates{clock};
    script::Maker maker{rates, clock};
};

struct LoadedPolicy {
    std::shared_ptr<const ScriptBench> scripts;  ///< outlives the snapshot
    policy::SnapshotPtr snapshot;
    policy::FileSet files;  ///< that it was made of
};
/// The policy in a directory; nothing, and said why, if it is not fit. `json`: what is wrong goes to standard output as
/// `postern check --json` prints it.
[[nodiscard]] std::optional<LoadedPolicy> load_policy(Context& context, const std::string& directory, bool json);
/// The same of files that lie nowhere, as if they lay in the directory; `name` is what messages call them.
[[nodiscard]] std::optional<LoadedPolicy> load_policy(Context& context, const std::string& name, policy::FileSet files,
                                                      bool json);

/// Exactly one of the two, or neither: then nobody is asked.
struct Listed {
    std::unique_ptr<gateway::PeopleIndex> index;
    std::unique_ptr<ports::People> live;
};
/// `which`: a file, "live", "none", or empty for the policy's own directory.yaml. Nothing, and said why, where that
/// can't be read.
[[nodiscard]] std::optional<Listed> who_is_listed(Context& context, const std::string& directory,
                                                  const std::string& which, const policy::Snapshot& policy,
                                                  std::vector<std::string>& notes);

/// A scanner process for what the policy's rules ask about attachments; null where they ask nothing.
[[nodiscard]] std::unique_ptr<ports::Inspector> scanner_for(const policy::Snapshot& policy,
                                                            std::vector<std::string>& notes);

}  // namespace postern::app
