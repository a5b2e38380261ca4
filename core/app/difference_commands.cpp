// postern diff: two policies held against each other.
#include "app/commands.hpp"
#include "control/file_sets.hpp"
#include "policy/difference.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

namespace json = boost::json;

struct DiffOptions {
    std::string before, after;
    bool json = false;
};

void fail(Context& context, const std::string& why)
{
    std::cerr << "postern: " << why << "\n";
    context.exit_code = refused;
}

bool is_generation(const std::string& name)
{
    return name == "current" ||
           (!name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }));
}

/// The engine's answer as JSON; nothing, and said why, where there is none.
std::optional<json::object> ask_object(Context& context, const std::string& target)
{
    const auto answer = ask(context, "GET", target);
    if (!answer) return std::nullopt;
    boost::system::error_code failed;
    auto value = json::parse(*answer, failed);
    if (!failed && value.is_object()) return std::move(value.get_object());
    fail(context, "the engine's answer can't be read");
    return std::nullopt;
}

/// A generation's files from the engine's archive.
std::optional<policy::FileSet> archived(Context& context, const std::string& generation)
{
    const auto answer = ask_object(context, fmt::format("/v1/generations/{}/files", generation));
    if (!answer) return std::nullopt;
    const auto* files = answer->if_contains("files");
    auto set = files ? control::files_of(*files) : Result<policy::FileSet>(fault(Retry::never, "no files came"));
    if (set) return std::move(*set);
    fail(context, set.error().describe());
    return std::nullopt;
}

/// A directory's files, or those of a generation.
std::optional<policy::FileSet> files_named(Context& context, const std::string& name, bool as_json)
{
    return is_generation(name) ? archived(context, name) : read_policy(context, name, as_json);
}

void diff(Context& context, const DiffOptions& options)
{
    const auto before = files_named(context, options.before, options.json);
    if (!before) return;
    const auto after = files_named(context, options.after, options.json);
    if (!after) return;
    const auto changes = policy::difference(*before, *after);
    if (options.json) {
        json::object answer{{"changes", policy::difference_json(changes)}};
        std::cout << json::serialize(answer) << "\n";
        return;
    }
    std::cout << (changes.empty() ? "nothing changes\n" : policy::difference_text(changes));
}

}  // namespace

void add_difference_commands(CLI::App& app, Context& context)
{
    auto o = std::make_shared<DiffOptions>();
    auto* command = app.add_subcommand("diff", "what changes between two policies, in words");
    command->add_option("OLD", o->before, "a policy's directory, or the number of a generation")->required();
    command->add_option("NEW", o->after, "the same")->required();
    command->add_flag("--json", o->json, "print JSON");
    command->footer(
        "Lines begin with + (added), - (removed), ~ (changed) or > (moved).\n"
        "Exit codes: 0 compared, whether or not anything differs; 1 a policy is not fit; 3 no engine answers.");
    command->callback([&context, o] { diff(context, *o); });
}

}  // namespace postern::app
