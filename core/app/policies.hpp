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

#include <cstdint>
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

/// A policy's files, and the number of the generation that they are; 0: of none.
struct NumberedFiles {
    policy::FileSet files;
    std::uint64_t generation = 0;
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
[[nodiscard]] std::optional<LoadedPolicy> load_policy(Context& context, const std::string& name, NumberedFiles files,
                                                      bool json);

/// Whether a name means a generation of the engine's: its number, or "current".
[[nodiscard]] bool is_generation(const std::string& name);
/// A generation's files from the engine's archive; nothing, and said why, if there are none.
[[nodiscard]] std::optional<NumberedFiles> generation_files(Context& context, const std::string& generation);
/// A directory's files, or those of a generation. `json`: as load_policy.
[[nodiscard]] std::optional<NumberedFiles> files_named(Context& context, const std::string& name, bool json);
/// What messages call it: "generation 7", or the directory.
[[nodiscard]] std::string shown_name(const std::string& name);

/// Exactly one of the two, or neither: then nobody is asked.
struct Listed {
    std::unique_ptr<gateway::PeopleIndex> index;
    std::unique_ptr<ports::People> live;
};
/// `which`: a file, "live", "none", or empty: for a directory its directory.yaml, for a generation "live". Nothing, and
/// said why, where that can't be read.
[[nodiscard]] std::optional<Listed> who_is_listed(Context& context, const std::string& directory,
                                                  const std::string& which, const policy::Snapshot& policy,
                                                  std::vector<std::string>& notes);

/// A scanner process for what the policy's rules ask about attachments; null where they ask nothing.
[[nodiscard]] std::unique_ptr<ports::Inspector> scanner_for(const policy::Snapshot& policy,
                                                            std::vector<std::string>& notes);

}  // namespace postern::app
