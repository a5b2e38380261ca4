#include "app/commands.hpp"
#include "authority/authority.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

struct Options {
    std::string folder, name = "Postern community", valid_for, out = ".", use = "both", which, reason = "unspecified";
    std::vector<std::string> names;
    bool json = false;
};

const SystemClock system_clock;

void fail(Context& context, const Fault& fault)
{
    std::cerr << "postern ca: " << fault.describe() << "\n";
    context.exit_code = refused;
}

std::optional<Duration> validity(Context& context, const std::string& text, Duration otherwise)
{
    if (text.empty()) return otherwise;
    const auto parsed = vocabulary::parse_duration(text);
    if (parsed) return *parsed;
    fail(context, parsed.error());
    return std::nullopt;
}

boost::json::object as_json(const authority::Certificate& certificate)
{
    return {{"serial", certificate.serial},
            {"names", boost::json::value_from(certificate.names)},
            {"use", authority::name_of(certificate.use)},
            {"not_before", to_iso8601(certificate.not_before)},
            {"not_after", to_iso8601(certificate.not_after)},
            {"sha256", certificate.sha256},
            {"status", authority::name_of(authority::standing(certificate, system_clock.now()))},
            {"reason", certificate.reason}};
}

void print(const authority::Certificate& certificate)
{
    std::cout << fmt::format("{}  {:8}  until {}  {}\n", certificate.serial,
                             authority::name_of(authority::standing(certificate, system_clock.now())),
                             to_iso8601(certificate.not_after).substr(0, 10), fmt::join(certificate.names, ", "));
}

void init(Context& context, const Options& options)
{
    const auto valid_for = validity(context, options.valid_for, std::chrono::days{3650});
    if (!valid_for) return;
    const auto made = authority::Authority::init(options.folder, options.name, *valid_for, system_clock);
    if (!made) return fail(context, made.error());
    std::cout << fmt::format(
        "{} holds the authority \"{}\". Keep ca.key safe. node.yaml names {} under certificates: members.\n",
        options.folder, options.name, made->bundle().string());
}

void issue(Context& context, const Options& options)
{
    auto opened = authority::Authority::open(options.folder, system_clock);
    if (!opened) return fail(context, opened.error());
    const auto valid_for = validity(context, options.valid_for, std::chrono::days{825});
    if (!valid_for) return;
    const auto use = authority::use_named(options.use);
    if (!use) return fail(context, fault(Retry::never, "--use is client, server or both"));
    std::error_code failed;  // issue() says what is wrong with the folder
    std::filesystem::create_directories(options.out, failed);
    const auto issued = opened->issue({options.names, *use, *valid_for, options.out});
    if (!issued) return fail(context, issued.error());
    if (options.json)
        std::cout << boost::json::serialize(as_json(issued->certificate)) << "\n";
    else
        std::cout << fmt::format("{}\n{}\nSHA-256 {}\n", issued->chain.string(), issued->key.string(),
                                 issued->certificate.sha256);
}

void list(Context& context, const Options& options)
{
    auto opened = authority::Authority::open(options.folder, system_clock);
    if (!opened) return fail(context, opened.error());
    boost::json::array all;
    for (const auto& certificate : opened->list()) {
        if (options.json)
            all.push_back(as_json(certificate));
        else
            print(certificate);
    }
    if (options.json) std::cout << boost::json::serialize(all) << "\n";
}

void revoke(Context& context, const Options& options)
{
    auto opened = authority::Authority::open(options.folder, system_clock);
    if (!opened) return fail(context, opened.error());
    const auto revoked = opened->revoke(options.which, options.reason);
    if (!revoked) return fail(context, revoked.error());
    for (const auto& certificate : *revoked) print(certificate);
    std::cout << fmt::format("The engine sees it within seconds if node.yaml names {}.\n", opened->bundle().string());
}

void refresh(Context& context, const Options& options)
{
    auto opened = authority::Authority::open(options.folder, system_clock);
    if (!opened) return fail(context, opened.error());
    if (auto done = opened->refresh(); !done) return fail(context, done.error());
    std::cout << fmt::format("the revocation list holds until {}\n", to_iso8601(opened->refresh_before()));
}

using Act = void (*)(Context&, const Options&);

CLI::App* add(CLI::App& ca, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help, Act act)
{
    auto* command = ca.add_subcommand(name, help);
    command->callback([&context, options, act] { act(context, *options); });
    return command;
}

}  // namespace

void add_authority_commands(CLI::App& app, Context& context)
{
    auto* ca = app.add_subcommand("ca", "the community's small authority for members' certificates");
    ca->require_subcommand(1);
    auto options = std::make_shared<Options>();
    const auto with_folder = [&options](CLI::App* command) {
        command->add_option("--ca", options->folder, "folder of the authority")->required();
        return command;
    };
    auto* init_command = add(*ca, context, options, "init", "make an authority in a new folder", init);
    init_command->add_option("FOLDER", options->folder, "where it will live")->required();
    init_command->add_option("--name", options->name, "what its certificate calls it");
    init_command->add_option("--valid-for", options->valid_for, "such as \"10 years\"");

    auto* issue_command =
        with_folder(add(*ca, context, options, "issue", "a key and a certificate for a member's server", issue));
    issue_command->add_option("--name", options->names, "DNS name; several times for several")->required();
    issue_command->add_option("--out", options->out, "folder for NAME.pem and NAME.key");
    issue_command->add_option("--use", options->use, "client, server or both");
    issue_command->add_option("--valid-for", options->valid_for, "such as \"825 days\"");
    issue_command->add_flag("--json", options->json, "print JSON");

    auto* list_command = with_folder(add(*ca, context, options, "list", "all certificates that were issued", list));
    list_command->add_flag("--json", options->json, "print JSON");

    auto* revoke_command =
        with_folder(add(*ca, context, options, "revoke", "end a certificate before its time", revoke));
    revoke_command->add_option("WHICH", options->which, "serial, or a name it bears")->required();
    revoke_command->add_option("--reason", options->reason, fmt::format("{}", fmt::join(authority::reasons(), ", ")));

    with_folder(add(*ca, context, options, "refresh", "sign the revocation list anew; due every 30 days", refresh));
}

}  // namespace postern::app
