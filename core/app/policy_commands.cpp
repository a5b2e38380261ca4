#include "app/commands.hpp"
#include "control/file_sets.hpp"
#include "gateway/alert_addresses.hpp"
#include "gateway/policy_tests.hpp"
#include "gateway/rehearsed_people.hpp"
#include "policy/alert_coverage.hpp"
#include "policy/directory_file.hpp"
#include "policy/loader.hpp"
#include "policy/test_file.hpp"
#include "report/templates.hpp"
#include "script/maker.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

namespace postern::app {

namespace {

struct CheckOptions {
    std::string directory;
    bool json = false;
};

/// By the engine there, with its certificates and by its own tests.
void check_there(Context& context, const CheckOptions& options)
{
    const auto files = read_policy(context, options.directory, options.json);
    if (!files) return;
    const boost::json::object order{{"files", control::files_json(*files)}};
    ask_and_print(context, "POST", "/v1/check", boost::json::serialize(order), options.json);
}

/// Whether alerts.yaml tells people what they have to be told; whom it names, held against the directory.yaml that lies
/// there; without one only ways out are looked at.
void check_people(const CheckOptions& options, policy::Loader& loader, policy::Loaded& loaded)
{
    auto files = loader.file_set();
    if (!loaded.snapshot) return;
    const auto alerts = files.find("alerts.yaml");
    std::ranges::move(policy::check_alert_coverage(*loaded.snapshot, alerts == files.end() ? "" : alerts->second),
                      std::back_inserter(loaded.diagnostics));
    if (alerts == files.end()) return;
    const std::string bytes = alerts->second;
    std::vector<std::string> notes;
    std::optional<gateway::PeopleIndex> index;
    if (gateway::add_directory(files, std::filesystem::path(options.directory) / "directory.yaml")) {
        const auto directory = policy::parse_directory_file(files.at("directory.yaml"), "directory.yaml");
        if (!policy::has_errors(directory.diagnostics))
            index.emplace(*loaded.snapshot, gateway::people_of(directory.document));
    }
    gateway::RehearsedPeople people(loaded.snapshot, index ? &*index : nullptr, notes);
    std::ranges::move(gateway::check_alert_addresses(*loaded.snapshot, bytes, index ? &people : nullptr),
                      std::back_inserter(loaded.diagnostics));
}

/// Whether the policy's tests can be read; whether they pass is `postern test`.
void check_tests(policy::Loader& loader, policy::Loaded& loaded)
{
    for (const auto& [name, bytes] : loader.file_set())
        if (name.starts_with("tests/") && name.ends_with(".yaml"))
            static_cast<void>(policy::parse_tests_file(bytes, name, loaded.diagnostics));
}

void check(Context& context, const CheckOptions& options)
{
    if (context.engine.remote) return check_there(context, options);
    const SystemClock clock;
    ports::Rates rates(clock);
    const script::Maker scripts(rates, clock);
    policy::Loader loader(options.directory, &scripts);
    auto loaded = loader.load(0);
    check_people(options, loader, loaded);
    check_tests(loader, loaded);
    const auto templates = report::Templates::load((std::filesystem::path(options.directory) / "templates").string());
    const bool good = loaded.snapshot != nullptr && templates.has_value() && !policy::has_errors(loaded.diagnostics);
    if (!good) context.exit_code = refused;
    if (options.json) {
        if (!templates)
            loaded.diagnostics.push_back(
                {policy::Severity::error, "templates", 0, 0, 0, templates.error().describe(), "", ""});
        std::cout << policy::render_json(loaded.diagnostics) << "\n";
        return;
    }
    const auto text = policy::render(loaded.diagnostics, options.directory);
    std::cout << text << (text.empty() || text.ends_with('\n') ? "" : "\n");
    if (!templates) std::cout << templates.error().describe() << "\n";
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
