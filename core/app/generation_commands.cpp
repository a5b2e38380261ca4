#include "app/commands.hpp"
#include "app/policies.hpp"
#include "control/client.hpp"
#include "control/file_sets.hpp"
#include "policy/loader.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Options {
    std::string directory, generation = "current", file, trial, comment, out;
    std::vector<std::string> lifts;
    bool overwrite = false, json = false;
};

json::object order_of(const Options& options)
{
    json::object order;
    if (!options.trial.empty()) order["try"] = options.trial;
    if (!options.comment.empty()) order["comment"] = options.comment;
    if (options.overwrite) order["overwrite"] = true;
    if (!options.lifts.empty()) order["lift"] = json::value_from(options.lifts);
    return order;
}

void apply(Context& context, const Options& options)
{
    auto files = read_policy(context, options.directory, options.json);
    if (!files) return;
    auto order = order_of(options);
    order["files"] = control::files_json(*files);
    ask_and_print(context, "POST", "/v1/apply", json::serialize(order), options.json);
}

void rollback(Context& context, const Options& options)
{
    ask_and_print(context, "POST",
                  fmt::format("/v1/generations/{}/rollback", control::percent_encode(options.generation)),
                  json::serialize(order_of(options)), options.json);
}

void show(Context& context, const Options& options)
{
    const auto which = "/v1/generations/" + control::percent_encode(options.generation);
    if (options.file.empty()) return ask_and_print(context, "GET", which, "", options.json);
    ask_and_print(context, "GET", which + "/files?name=" + control::percent_encode(options.file), "", options.json);
}

void get(Context& context, const Options& options)
{
    const fs::path out = options.out;
    std::error_code none;
    if (fs::exists(out, none) && !fs::is_empty(out, none) && !options.overwrite)
        return fail(context,
                    fmt::format("{} is there and not empty; name another folder, or add --overwrite", out.string()));
    const auto files = generation_files(context, options.generation);
    if (!files) return;
    try {
        for (const auto& [name, bytes] : files->files) {
            fs::create_directories((out / name).parent_path());
            std::ofstream file(out / name, std::ios::binary);
            file << bytes;
            file.close();
            if (!file) return fail(context, fmt::format("{} can't be written", (out / name).string()));
        }
    } catch (const fs::filesystem_error& error) {
        return fail(context, error.what());
    }
    std::cout << fmt::format("{}: {} files\n", out.string(), files->files.size());
}

using Act = void (*)(Context&, const Options&);

CLI::App* add(CLI::App& app, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help, Act act)
{
    auto* command = app.add_subcommand(name, help);
    command->add_flag("--json", options->json, "print JSON");
    command->callback([&context, options, act] { act(context, *options); });
    return command;
}

void add_order_options(CLI::App& command, Options& options)
{
    command.add_option("--try", options.trial,
                       "go back by itself after this time, such as 60s, unless `postern confirm` comes");
    command.add_option("--lift", options.lifts, "an organisation whose suspension it may end; repeatable");
    command.add_option("--comment", options.comment, "kept with the generation, for whoever lists them");
}

void add_overwrite(CLI::App& command, Options& options)
{
    command.add_flag("--overwrite", options.overwrite, "even where the engine's directory holds changes not in force");
}

void add_generations(CLI::App& app, Context& context)
{
    auto options = std::make_shared<Options>();
    auto* list = add(app, context, options, "generations", "every policy that was in force: when, by whom, how",
                     [](Context& c, const Options& o) { ask_and_print(c, "GET", "/v1/generations", "", o.json); });
    list->require_subcommand(0, 1);
    auto* one = list->add_subcommand("show", "the files of one, or one of its files");
    one->add_option("N", options->generation, "its number, or \"current\"")->required();
    one->add_option("FILE", options->file, "print this file, such as limits.yaml");
    one->add_flag("--json", options->json, "print JSON");
    list->callback([&context, options, list, one] {
        if (list->got_subcommand(one)) return show(context, *options);
        ask_and_print(context, "GET", "/v1/generations", "", options->json);
    });
}

}  // namespace

std::optional<policy::FileSet> read_policy(Context& context, const std::string& directory, bool json)
{
    policy::Loader loader(directory);
    policy::Diagnostics wrong;
    static_cast<void>(loader.look(&wrong));
    if (!policy::has_errors(wrong)) return loader.file_set();
    context.exit_code = refused;
    if (json)
        std::cout << policy::render_json(wrong) << "\n";
    else
        std::cerr << policy::render(wrong, directory) << "\nnothing was sent\n";
    return std::nullopt;
}

void add_generation_commands(CLI::App& app, Context& context)
{
    auto apply_options = std::make_shared<Options>();
    auto* apply_command =
        add(app, context, apply_options, "apply",
            "put a directory's policy in force, on trial or for good; the engine's own directory follows", apply);
    apply_command->add_option("DIRECTORY", apply_options->directory, "where node.yaml and the others are")->required();
    add_order_options(*apply_command, *apply_options);
    add_overwrite(*apply_command, *apply_options);

    auto confirm_options = std::make_shared<Options>();
    auto* confirm = add(app, context, confirm_options, "confirm", "keep the generation that is on trial",
                        [](Context& c, const Options& o) {
                            ask_and_print(c, "POST", "/v1/confirm", json::serialize(order_of(o)), o.json);
                        });
    add_overwrite(*confirm, *confirm_options);
    add(app, context, std::make_shared<Options>(), "revert", "take back the generation that is on trial",
        [](Context& c, const Options& o) { ask_and_print(c, "POST", "/v1/revert", "", o.json); });

    auto rollback_options = std::make_shared<Options>();
    auto* rollback_command = add(app, context, rollback_options, "rollback",
                                 "put an earlier generation's files in force again, under a new number", rollback);
    rollback_command->add_option("N", rollback_options->generation, "number of the generation")->required();
    add_order_options(*rollback_command, *rollback_options);
    add_overwrite(*rollback_command, *rollback_options);

    add_generations(app, context);

    auto get_options = std::make_shared<Options>();
    auto* get_command = app.add_subcommand("get", "write a generation's files to a folder");
    get_command->add_option("N", get_options->generation, "its number; the one in force where absent");
    get_command->add_option("--out", get_options->out, "the folder")->required();
    get_command->add_flag("--overwrite", get_options->overwrite, "even if it is there and not empty");
    get_command->callback([&context, get_options] { get(context, *get_options); });
}

}  // namespace postern::app
