// directory feed: the directory for other systems, and what an LDAP server lacks of it.
#include "app/feed_command.hpp"

#include "directory/feed.hpp"

#include <fstream>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

struct FeedOptions {
    std::string format = "json", organisation, base, changes_from, out;
};

std::string target_of(const FeedOptions& options)
{
    std::string target = "/v1/directory/feed?format=" + options.format;
    if (!options.organisation.empty()) target += "&organisation=" + control::percent_encode(options.organisation);
    if (!options.base.empty()) target += "&base=" + control::percent_encode(options.base);
    return target;
}

void print(Context& context, const FeedOptions& options, const std::string& text)
{
    if (options.out.empty()) {
        std::cout << text;
        return;
    }
    std::ofstream file(options.out, std::ios::binary);
    file << text;
    if (!file.flush()) fail(context, options.out + ": can't be written");
}

void feed(Context& context, const FeedOptions& options)
{
    const bool changes = !options.changes_from.empty();
    if ((changes || !options.base.empty()) && options.format != "ldif")
        return fail(context, "--base and --changes-from are for --format ldif", wrong_usage);
    std::optional<std::string> server;
    if (changes && !(server = content_of(context, options.changes_from))) return;
    const auto text = ask(context, "GET", target_of(options));
    if (!text) return;
    if (!changes) return print(context, options, *text);
    const auto difference = directory::ldif_changes(*server, *text);
    if (!difference) return fail(context, difference.error().describe() + "; nothing is changed");
    print(context, options, *difference);
}

}  // namespace

void add_feed_command(CLI::App& directory, Context& context)
{
    auto options = std::make_shared<FeedOptions>();
    auto* command =
        directory.add_subcommand("feed", "the directory for other systems: what everybody may see, and no more");
    command->add_option("--format", options->format, "json, csv or ldif")
        ->check(CLI::IsMember({"json", "csv", "ldif"}));
    command->add_option("--organisation", options->organisation, "id; all where absent");
    command->add_option("--base", options->base, "LDIF below this name; the community's, dc=cjsm,dc=net, where absent");
    command->add_option("--changes-from", options->changes_from,
                        "what ldapsearch prints: only what differs, for ldapmodify");
    command->add_option("--out", options->out, "a file; standard output where absent");
    command->callback([&context, options] { feed(context, *options); });
}

}  // namespace postern::app
