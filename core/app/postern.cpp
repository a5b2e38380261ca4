// postern: the command line. Wiring only: what each command does lives in control/, policy/ and authority/.
//
// Exit codes: 0 done, 1 refused or not found (standard error says why), 2 wrong usage, 3 no engine answers.
#include "app/commands.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

int main(int count, char** arguments)
{
    CLI::App app{"postern - the command line of the Postern mail gateway"};
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 no engine answers.\n"
        "A running engine is asked by its control socket (node.yaml control: socket).");
    postern::app::Context context;
    app.add_option("--socket", context.socket,
                   "control socket of the engine (default: $POSTERN_SOCKET or /run/postern/control)");
    if (const char* named = std::getenv("POSTERN_SOCKET")) context.socket = named;

    postern::app::add_engine_commands(app, context);
    postern::app::add_queue_commands(app, context);
    postern::app::add_policy_commands(app, context);
    postern::app::add_authority_commands(app, context);

    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : postern::app::wrong_usage;
    }
    return context.exit_code;
}
