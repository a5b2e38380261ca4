// The commands of `postern`, a function for each family. Each adds its subcommands, which run while the command line is
// parsed and leave their exit code in the context.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace postern::app {

inline constexpr int refused = 1;
inline constexpr int wrong_usage = 2;
inline constexpr int no_engine = 3;

struct Context {
    std::string socket = "/run/postern/control";
    int exit_code = 0;
};

/// status, reload, trace, directory import.
void add_engine_commands(CLI::App& app, Context& context);
/// queue list|show|retry|hold|release|remove|bounce.
void add_queue_commands(CLI::App& app, Context& context);
/// check.
void add_policy_commands(CLI::App& app, Context& context);
/// ca init|issue|list|revoke|refresh.
void add_authority_commands(CLI::App& app, Context& context);

/// Asks the engine and prints its answer: to standard output, or standard error where it refuses.
void ask_and_print(Context& context, const std::string& method, const std::string& target, const std::string& body,
                   bool json);

}  // namespace postern::app
