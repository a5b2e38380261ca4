// postern: the command line. Wiring only: what each command does lives in control/, policy/ and authority/.
//
// Exit codes: 0 done, 1 refused or not found (standard error says why), 2 wrong usage, 3 no engine answers.
#include "app/commands.hpp"
#include "app/gateway_choice.hpp"

#include <CLI/CLI.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <exception>
#include <iostream>

int main(int count, char** arguments)
{
    CLI::App app{"postern - the command line of the Postern mail gateway"};
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 no engine answers.\n"
        "A running engine is asked by its control socket (node.yaml control: socket), or with --at from elsewhere\n"
        "(node.yaml control: remote). ~/.config/postern/GATEWAY.yaml may hold address, key, certificate and "
        "authority.");
    postern::app::Context context;
    app.add_option("--socket", context.engine.socket, "control socket of the engine")
        ->envname("POSTERN_SOCKET")
        ->capture_default_str();
    postern::app::GatewayOptions gateway;
    auto* at = app.add_option("--at", gateway.at, "GATEWAY[:PORT]: the engine there, by mutual TLS (port 8443)");
    at->envname("POSTERN_AT");
    app.add_option("--key", gateway.key, "PEM: your key, for --at")->envname("POSTERN_KEY");
    app.add_option("--certificate", gateway.certificate, "PEM: your certificate, for --at")
        ->envname("POSTERN_CERTIFICATE");
    app.add_option("--authority", gateway.authority,
                   "PEM: who vouches for the gateway, for --at; the system's where absent")
        ->envname("POSTERN_AUTHORITY");
    app.add_option("--for", context.engine.acting_for, "ADDRESS: in the name of a person of the directory");
    // Commands run while the line is parsed, after the options before them.
    app.parse_complete_callback([&] {
        if (gateway.at.empty() && at->count() > 0)  // a variable that is not set must not mean this machine
            throw CLI::ValidationError("--at", "names no gateway");
        if (gateway.at.empty()) return;
        auto chosen = postern::app::choose_gateway(gateway, postern::app::gateways_folder());
        if (!chosen) throw CLI::ValidationError("--at", chosen.error().describe());
        context.engine.remote = std::move(*chosen);
    });

    postern::app::add_engine_commands(app, context);
    postern::app::add_generation_commands(app, context);
    postern::app::add_queue_commands(app, context);
    postern::app::add_quarantine_commands(app, context);
    postern::app::add_firmware_commands(app, context);
    postern::app::add_backup_commands(app, context);
    postern::app::add_configuration_commands(app, context);
    postern::app::add_people_commands(app, context);
    postern::app::add_login_commands(app, context);
    postern::app::add_organisation_commands(app, context);
    postern::app::add_audit_commands(app, context);
    postern::app::add_policy_commands(app, context);
    postern::app::add_rehearsal_commands(app, context);
    postern::app::add_difference_commands(app, context);
    postern::app::add_script_commands(app, context);
    postern::app::add_alert_commands(app, context);
    postern::app::add_authority_commands(app, context);

    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : postern::app::wrong_usage;
    } catch (const boost::system::system_error& problem) {
        std::cerr << "postern: the answer of the gateway can't be read: " << problem.what() << "\n";
        return postern::app::refused;
    } catch (const std::exception& problem) {
        std::cerr << "postern: " << problem.what() << "\n";
        return postern::app::refused;
    }
    return context.exit_code;
}
