#include "app/commands.hpp"
#include "app/feed_command.hpp"
#include "control/client.hpp"
#include "control/pieces.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <semaphore>
#include <sstream>
#include <thread>
#include <vector>

namespace postern::app {

void fail(Context& context, const std::string& why, int code)
{
    std::cerr << "postern: " << why << "\n";
    context.exit_code = code;
}

std::optional<std::string> content_of(Context& context, const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (file) return text.str();
    fail(context, path + ": can't be read");
    return std::nullopt;
}

void print(Context& context, const Result<control::Answer>& answer, bool json)
{
    if (!answer) {
        std::cerr << "postern: " << answer.error().describe() << "\n";
        context.exit_code = no_engine;
        return;
    }
    if (!answer->good()) context.exit_code = refused;
    (answer->good() || json ? std::cout : std::cerr) << answer->body;
}

void ask_and_print(Context& context, const std::string& method, const std::string& target, const std::string& body,
                   bool json)
{
    print(context, control::ask(context.engine, method, target, body, !json), json);
}

std::optional<std::string> ask(Context& context, const std::string& method, const std::string& target,
                               const std::string& body)
{
    auto answer = control::ask(context.engine, method, target, body, false);
    if (answer && answer->good()) return std::move(answer->body);
    context.exit_code = answer ? refused : no_engine;
    std::string why = answer ? answer->body : answer.error().describe() + "\n";
    boost::system::error_code failed;
    const auto value = boost::json::parse(why, failed);
    if (!failed && value.is_object() && value.get_object().contains("error"))
        why = std::string(value.get_object().at("error").as_string()) + "\n";
    std::cerr << "postern: " << why;
    return std::nullopt;
}

bool send_in_pieces(Context& context, const std::string& name, const std::string& target)
{
    std::ifstream file(name, std::ios::binary);
    if (!file) return fail(context, name + ": can't be read"), false;
    std::error_code failed;
    const auto size = std::filesystem::file_size(name, failed);
    if (failed) return fail(context, name + ": " + failed.message()), false;
    std::string piece(control::piece_limit, '\0');
    std::uint64_t offset = 0;
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0) {
        const auto got = static_cast<std::size_t>(file.gcount());
        if (!ask(context, "POST", fmt::format("{}?offset={}&size={}", target, offset, size), piece.substr(0, got)))
            return false;
        offset += got;
    }
    if (offset == 0) fail(context, name + ": is empty");
    return offset > 0;
}

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

std::string with_query(std::string path, const Parameters& parameters)
{
    char separator = '?';
    for (const auto& [name, value] : parameters) {
        if (value.empty()) continue;
        path += separator + name + "=" + control::percent_encode(value);
        separator = '&';
    }
    return path;
}

struct TraceOptions {
    std::string id, from, to, since, limit;
    bool explain = false, json = false;
};

struct HealthOptions {
    std::string patience;
    bool json = false;
};

struct ImportOptions {
    std::string file, organisation;
    bool dry_run = false, json = false, progress = false, look_alikes = false, removal = false;
};

struct ExportOptions {
    std::string out, format = "yaml", organisation;
};

/// Says on standard error how far the import is, as long as it lives.
class ShownProgress {
public:
    explicit ShownProgress(const control::EngineAddress& engine)
        : thread_([this, engine] {
              while (!ends_.try_acquire_for(std::chrono::milliseconds{500})) show(engine);
          })
    {
    }
    ShownProgress(const ShownProgress&) = delete;
    ShownProgress& operator=(const ShownProgress&) = delete;
    ~ShownProgress()
    {
        ends_.release();
        thread_.join();
    }

private:
    static void show(const control::EngineAddress& engine)
    {
        const auto answer = control::ask(engine, "GET", "/v1/directory/import", "", false);
        if (!answer || !answer->good()) return;
        boost::system::error_code failed;
        const auto seen = boost::json::parse(answer->body, failed);
        if (failed || seen.at("phase").as_string().empty()) return;
        std::cerr << seen.at("phase").as_string().c_str() << ": " << seen.at("done").to_number<std::uint64_t>()
                  << " of " << seen.at("total").to_number<std::uint64_t>() << "\n";
    }

    std::binary_semaphore ends_{0};
    std::thread thread_;
};

void export_directory(Context& context, const ExportOptions& options)
{
    const auto text =
        ask(context, "GET",
            with_query("/v1/directory/export", {{"format", options.format}, {"organisation", options.organisation}}));
    if (!text) return;
    if (options.out.empty()) {
        std::cout << *text;
        return;
    }
    std::ofstream file(options.out, std::ios::binary);
    file << *text;
    if (file.flush()) return;
    std::cerr << "postern: " << options.out << ": can't be written\n";
    context.exit_code = refused;
}

void import_directory(Context& context, const ImportOptions& options)
{
    const auto text = content_of(context, options.file);
    if (!text) return;
    const auto target = with_query("/v1/directory/import", {{"name", options.file},
                                                            {"organisation", options.organisation},
                                                            {"dry_run", options.dry_run ? "1" : ""},
                                                            {"remove", options.removal ? "1" : ""},
                                                            {"sure", options.look_alikes ? "1" : ""}});
    std::optional<ShownProgress> shown;
    if (options.progress || isatty(STDERR_FILENO) != 0) shown.emplace(context.engine);
    ask_and_print(context, "POST", target, *text, options.json);
}

void add_plain(CLI::App& app, Context& context, const std::string& name, const std::string& help,
               const std::string& method, const std::string& target)
{
    auto* command = app.add_subcommand(name, help);
    auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "print JSON");
    command->callback([&context, method, target, json] { ask_and_print(context, method, target, "", *json); });
}

}  // namespace

void add_engine_commands(CLI::App& app, Context& context)
{
    add_plain(app, context, "status", "how the engine is doing: generation, queue, next hops, alarms", "GET",
              "/v1/status");
    auto health_options = std::make_shared<HealthOptions>();
    auto* health = app.add_subcommand(
        "health", "whether policy and signatures are loaded and a message to itself comes back; exit code 0 if so");
    health->add_option("--patience", health_options->patience,
                       "how long the message may take, such as 30s (30 seconds)");
    health->add_flag("--json", health_options->json, "print JSON");
    health->callback([&context, health_options] {
        ask_and_print(context, "GET", with_query("/v1/health", {{"patience", health_options->patience}}), "",
                      health_options->json);
    });
    add_plain(app, context, "reload", "read the policy anew; it goes live whole or not at all", "POST", "/v1/reload");

    auto trace_options = std::make_shared<TraceOptions>();
    auto* trace =
        app.add_subcommand("trace", "what became of messages: received, each attempt, the outcome per recipient");
    trace->add_option("ID", trace_options->id, "message id, or a Message-ID header");
    trace->add_option("--from", trace_options->from, "sender, as the community knows it; * and ? match");
    trace->add_option("--to", trace_options->to, "recipient, as the community knows it; * and ? match");
    trace->add_option("--since", trace_options->since, "a time (2026-11-23T10:00:00Z) or a duration (\"2 hours\")");
    trace->add_option("--limit", trace_options->limit, "at most so many messages, newest first (100)");
    trace->add_flag("--explain", trace_options->explain,
                    "decide again under the generation that decided it, rule by rule, from what the ledger kept");
    trace->add_flag("--json", trace_options->json, "print JSON");
    trace->callback([&context, trace_options] {
        const auto& o = *trace_options;
        const auto target = with_query(
            "/v1/trace", {{"id", o.id}, {"from", o.from}, {"to", o.to}, {"since", o.since}, {"limit", o.limit}});
        if (o.explain)
            explain_traces(context, target, o.json);
        else
            ask_and_print(context, "GET", target, "", o.json);
    });

    auto* directory = app.add_subcommand("directory", "the people and desks of the community");
    directory->require_subcommand(1);
    auto import_options = std::make_shared<ImportOptions>();
    auto* importing = directory->add_subcommand("import", "make the directory what a file says, all or nothing");
    importing->add_option("FILE", import_options->file, "directory.yaml, or a file that ends in .csv")->required();
    importing->add_option("--organisation", import_options->organisation, "of rows in CSV that name none");
    importing->add_flag("--progress", import_options->progress, "say how far it is; so on a terminal");
    importing->add_flag("--look-alikes", import_options->look_alikes,
                        "you are sure of new addresses that look like others; where the policy asks");
    importing->add_flag("--remove", import_options->removal,
                        "who is in the directory and not in the file is removed from the organisations that it names");
    importing->add_flag("--dry-run", import_options->dry_run, "show the difference and change nothing");
    importing->add_flag("--json", import_options->json, "print JSON");
    importing->callback([&context, import_options] { import_directory(context, *import_options); });

    auto export_options = std::make_shared<ExportOptions>();
    auto* exported = directory->add_subcommand("export", "what an import would read");
    exported->add_option("--format", export_options->format, "yaml or csv")->check(CLI::IsMember({"yaml", "csv"}));
    exported->add_option("--organisation", export_options->organisation, "id; all where absent");
    exported->add_option("--out", export_options->out, "a file; standard output where absent");
    exported->callback([&context, export_options] { export_directory(context, *export_options); });
    add_feed_command(*directory, context);
}

}  // namespace postern::app
