#include "app/commands.hpp"
#include "control/client.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

namespace postern::app {

namespace {

constexpr std::size_t piece_size = std::size_t{8} << 20;

/// Sends the file in pieces. False, with what was said on standard error, where it is not taken.
bool send_update(Context& context, const std::string& name)
{
    std::ifstream file(name, std::ios::binary);
    if (!file) {
        std::cerr << "postern: " << name << ": can't be read\n";
        context.exit_code = refused;
        return false;
    }
    std::string piece(piece_size, '\0');
    std::uint64_t offset = 0;
    while (file.read(piece.data(), static_cast<std::streamsize>(piece_size)), file.gcount() > 0) {
        const auto got = static_cast<std::size_t>(file.gcount());
        const auto target = fmt::format("/v1/firmware/upload?offset={}", offset);
        if (!ask(context, "POST", target, piece.substr(0, got))) return false;
        offset += got;
    }
    if (offset > 0) return true;
    std::cerr << "postern: " << name << ": is empty\n";
    context.exit_code = refused;
    return false;
}

void add_order(CLI::App& firmware, Context& context, const std::string& name, const std::string& help)
{
    firmware.add_subcommand(name, help)->callback(
        [&context, name] { ask_and_print(context, "POST", "/v1/firmware/" + name, "", false); });
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
        if (send_update(context, *file)) ask_and_print(context, "POST", "/v1/firmware/install", "", false);
    });
    auto json = std::make_shared<bool>(false);
    auto* status = firmware->add_subcommand("status", "which version runs, and what became of the last order");
    status->add_flag("--json", *json, "print JSON");
    status->callback([&context, json] { ask_and_print(context, "GET", "/v1/firmware", "", *json); });
    add_order(*firmware, context, "restart", "start again: with the version that was installed last");
    add_order(*firmware, context, "rollback", "start again with the version before");
}

}  // namespace postern::app
