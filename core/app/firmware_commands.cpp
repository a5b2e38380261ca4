#include "app/commands.hpp"
#include "control/client.hpp"

#include <boost/json.hpp>
#include <iostream>
#include <memory>
#include <string>

namespace postern::app {

namespace {

void add_order(CLI::App& firmware, Context& context, const std::string& name, const std::string& help)
{
    firmware.add_subcommand(name, help)->callback([&context, name] {
        ask_and_print(context, "POST", "/v1/firmware/" + name, "", false);
    });
}

}  // namespace

void add_firmware_commands(CLI::App& app, Context& context)
{
    auto* firmware = app.add_subcommand("firmware", "the appliance's version: update it, or go back");
    firmware->require_subcommand(1);
    auto file = std::make_shared<std::string>();
    auto* install = firmware->add_subcommand(
        "install", "send an update and install it into the slot that is not running, while mail flows");
    install->add_option("FILE", *file, "postern_VERSION.update, as image/build makes it")->required();
    install->callback([&context, file] {
        if (send_in_pieces(context, *file, "/v1/firmware/upload"))
            ask_and_print(context, "POST", "/v1/firmware/install", "", false);
    });
    auto json = std::make_shared<bool>(false);
    auto* status = firmware->add_subcommand("status", "which version runs, and what became of the last order");
    status->add_flag("--json", *json, "print JSON");
    status->callback([&context, json] { ask_and_print(context, "GET", "/v1/firmware", "", *json); });
    auto check_json = std::make_shared<bool>(false);
    auto* check =
        firmware->add_subcommand("check", "ask the declared place of updates for a newer version; installs nothing");
    check->add_flag("--json", *check_json, "print JSON");
    check->callback([&context, check_json] { ask_and_print(context, "GET", "/v1/firmware/check", "", *check_json); });
    add_order(*firmware, context, "restart", "start again: with the version that was installed last");
    add_order(*firmware, context, "rollback", "start again with the version before");
}

}  // namespace postern::app
