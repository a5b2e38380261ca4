#include "app/commands.hpp"
#include "policy/loader.hpp"

#include <fmt/format.h>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

struct CheckOptions {
    std::string directory;
    bool json = false;
};

void check(Context& context, const CheckOptions& options)
{
    policy::Loader loader(options.directory);
    const auto loaded = loader.load(0);
    const bool good = loaded.snapshot != nullptr;
    if (!good) context.exit_code = refused;
    if (options.json) {
        std::cout << policy::render_json(loaded.diagnostics) << "\n";
        return;
    }
    const auto text = policy::render(loaded.diagnostics, options.directory);
    std::cout << text << (text.empty() || text.ends_with('\n') ? "" : "\n");
    if (good)
        std::cout << fmt::format("{}: {} files are fine; {} organisations\n", options.directory, loaded.files,
                                 loaded.snapshot->organisations().size());
}

}  // namespace

void add_policy_commands(CLI::App& app, Context& context)
{
    auto options = std::make_shared<CheckOptions>();
    auto* command =
        app.add_subcommand("check", "whether a policy is fine: the same code that the engine loads it with");
    command->add_option("DIRECTORY", options->directory, "where node.yaml and the others are")->required();
    command->add_flag("--json", options->json, "print JSON");
    command->callback([&context, options] { check(context, *options); });
}

}  // namespace postern::app
