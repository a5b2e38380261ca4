// The commands of `postern`, a function for each family. Each adds its subcommands, which run while the command line is
// parsed and leave their exit code in the context.
#pragma once

#include "control/client.hpp"
#include "policy/files.hpp"

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace postern::app {

inline constexpr int refused = 1;
inline constexpr int wrong_usage = 2;
inline constexpr int no_engine = 3;

struct Context {
    control::EngineAddress engine{.socket = "/run/postern/control", .remote = {}};
    int exit_code = 0;
};

/// status, health, reload, trace, directory import|export.
void add_engine_commands(CLI::App& app, Context& context);
/// apply, confirm, revert, rollback, generations list|show, get.
void add_generation_commands(CLI::App& app, Context& context);
/// queue list|show|retry|hold|release|remove|bounce.
void add_queue_commands(CLI::App& app, Context& context);
/// explain, test.
void add_rehearsal_commands(CLI::App& app, Context& context);
/// diff.
void add_difference_commands(CLI::App& app, Context& context);
/// The messages of a trace, each decided again under the generation that decided it.
void explain_traces(Context& context, const std::string& target, bool as_json);
/// firmware install|check|status|restart|rollback.
void add_firmware_commands(CLI::App& app, Context& context);
/// backup key|create|status|verify|restore.
void add_backup_commands(CLI::App& app, Context& context);
/// configuration sign.
void add_configuration_commands(CLI::App& app, Context& context);
/// quarantine list|show|release|delete.
void add_quarantine_commands(CLI::App& app, Context& context);
/// user, function, group, list, may.
void add_people_commands(CLI::App& app, Context& context);
/// user login|invite|password|..., case list|decide. After add_people_commands, whose `user` it adds to.
void add_login_commands(CLI::App& app, Context& context);
/// organisation list|show|outage|suspend|resume|done.
void add_organisation_commands(CLI::App& app, Context& context);
/// audit search|export|head|key|verify.
void add_audit_commands(CLI::App& app, Context& context);
/// check.
void add_policy_commands(CLI::App& app, Context& context);
/// lua.
void add_script_commands(CLI::App& app, Context& context);
/// alert list|show|test|acknowledge, maintenance announce|list|cancel.
void add_alert_commands(CLI::App& app, Context& context);
/// ca init|issue|list|revoke|refresh.
void add_authority_commands(CLI::App& app, Context& context);

/// The files of the policy in a directory; nothing, and said why, where some can't be read or are none of a policy's.
[[nodiscard]] std::optional<policy::FileSet> read_policy(Context& context, const std::string& directory, bool json);
/// Says why on standard error, and leaves the exit code.
void fail(Context& context, const std::string& why, int code = refused);
/// A file's bytes; nothing, and said why, where it can't be read.
[[nodiscard]] std::optional<std::string> content_of(Context& context, const std::string& path);
/// Asks the engine, for JSON; nothing, and said why, where it does not answer or refuses.
[[nodiscard]] std::optional<std::string> ask(Context& context, const std::string& method, const std::string& target,
                                             const std::string& body = {});
/// Sends a file in pieces, `?offset=` behind the target; false, and said why, where it is not taken.
[[nodiscard]] bool send_in_pieces(Context& context, const std::string& name, const std::string& target);
/// Prints what the engine answered: to standard output, or standard error where it refuses.
void print(Context& context, const Result<control::Answer>& answer, bool json);
/// Asks, and prints that.
void ask_and_print(Context& context, const std::string& method, const std::string& target, const std::string& body,
                   bool json);

}  // namespace postern::app
