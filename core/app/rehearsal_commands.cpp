// postern explain and postern test: what a policy would do with a message.
#include "app/commands.hpp"
#include "app/policies.hpp"
#include "gateway/explanation.hpp"
#include "gateway/made_message.hpp"
#include "gateway/policy_tests.hpp"
#include "mail/header.hpp"
#include "mail/mime.hpp"
#include "policy/parse.hpp"
#include "vocabulary/findings.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

namespace postern::app {

namespace {

struct ExplainOptions {
    std::string message, from, connects_from, at, policy = "current", directory;
    std::vector<std::string> to, viruses, unscannable;
    bool first_contact = false, known_contact = false, brief = false, json = false;
};

struct TestOptions {
    std::string policy, filter, directory;
    bool json = false;
};

/// The message's bytes, from a file or standard input.
Result<std::string> read_message(const std::string& name)
{
    if (name == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(name, unknown)) return fault(Retry::never, name + ": is no file");
    std::ifstream file(name, std::ios::binary);
    if (!file) return fault(Retry::never, fmt::format("{}: can't be read", name));
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<mail::Address> addresses_in(const mail::Header& header, std::string_view name)
{
    std::vector<mail::Address> found;
    for (const auto& field : header.fields())
        if (field.name.size() == name.size() && header.find(name) != nullptr &&
            std::ranges::equal(field.name, name, [](char a, char b) { return std::tolower(a) == std::tolower(b); }))
            for (auto& place : mail::find_addresses(field.value).places) found.push_back(std::move(place.address));
    return found;
}

/// Fills in what was not said from the message's own fields, and says so.
Result<void> guess(const ExplainOptions& options, gateway::RehearsedMail& mail, std::vector<std::string>& notes)
{
    const auto header = mail::Header::parse(*mail.content);
    if (!header) return std::unexpected(header.error());
    if (options.from.empty()) {
        auto from = addresses_in(*header, "From");
        if (from.empty()) return fault(Retry::never, "the message has no From field; say --from ADDRESS (or \"<>\")");
        mail.from = std::move(from.front());
        notes.push_back(fmt::format("--from was not given: <{}> stands in the From field", mail.from->text()));
    }
    if (!options.to.empty()) return {};
    for (const char* name : {"To", "Cc"})
        for (auto& address : addresses_in(*header, name)) mail.to.push_back(std::move(address));
    if (mail.to.empty()) return fault(Retry::never, "the message names no recipient; say --to ADDRESS");
    notes.push_back("--to was not given: the recipients are those in To and Cc");
    return {};
}

Result<gateway::RehearsedMail> mail_of(const ExplainOptions& options, std::vector<std::string>& notes)
{
    gateway::RehearsedMail mail;
    auto bytes = read_message(options.message);
    if (!bytes) return std::unexpected(bytes.error());
    mail.content = std::make_shared<const std::string>(gateway::as_carried(*bytes));
    mail.connects_from = options.connects_from;
    if (!options.from.empty() && options.from != "<>") {
        auto from = mail::Address::parse(options.from);
        if (!from) return fault(Retry::never, fmt::format("--from: \"{}\" is no address", options.from));
        mail.from = std::move(*from);
    }
    for (const auto& text : options.to) {
        auto to = mail::Address::parse(text);
        if (!to) return fault(Retry::never, fmt::format("--to: \"{}\" is no address", text));
        mail.to.push_back(std::move(*to));
    }
    mail.at = SystemClock().now();
    if (!options.at.empty()) {
        const auto at = policy::parse_instant(options.at);
        if (!at) return fault(Retry::never, fmt::format("--at: {}", at.error().detail()));
        mail.at = *at;
    }
    if (options.first_contact || options.known_contact) mail.first_contact = options.first_contact;
    if (auto guessed = guess(options, mail, notes); !guessed) return std::unexpected(guessed.error());
    return mail;
}

/// Viruses are not looked for: the scanner finds what the command line says, or nothing.
Result<vocabulary::Inspection> findings_of(const ExplainOptions& options, const policy::Snapshot& policy,
                                           std::vector<std::string>& notes)
{
    vocabulary::Inspection findings;
    findings.signatures = "the command line";
    for (const auto& signature : options.viruses) findings.viruses.push_back({signature, 0});
    for (const auto& reason : options.unscannable) {
        if (!vocabulary::find_obstacle(reason))
            return fault(Retry::never, fmt::format("--unscannable: \"{}\" is no reason; reasons are {}", reason,
                                                   fmt::join(vocabulary::obstacle_names, ", ")));
        findings.unscannable.push_back(reason);
    }
    if (policy.needs().viruses && options.viruses.empty() && options.unscannable.empty())
        notes.emplace_back("viruses were not looked for: none is taken to be found (--virus, --unscannable)");
    return findings;
}

void explain(Context& context, const ExplainOptions& options)
{
    std::vector<std::string> notes;
    auto mail = mail_of(options, notes);
    if (!mail) return fail(context, mail.error().describe());
    auto files = files_named(context, options.policy, options.json);
    if (!files) return;
    const auto name = shown_name(options.policy);
    const auto loaded = is_generation(options.policy) ? load_policy(context, name, std::move(*files), options.json)
                                                      : load_policy(context, options.policy, options.json);
    if (!loaded) return;
    const auto& policy = loaded->snapshot;
    gateway::RehearsalDesk desk;
    desk.policy = policy;
    const auto people = who_is_listed(context, options.policy, options.directory, *policy, notes);
    if (!people) return;
    desk.people = people->index.get();
    desk.directory = people->live.get();
    const auto inspector = scanner_for(*policy, notes);
    desk.inspector = inspector.get();
    auto findings = findings_of(options, *policy, notes);
    if (!findings) return fail(context, findings.error().describe());
    desk.findings = std::move(*findings);
    auto rehearsed = gateway::rehearse(desk, *mail);
    rehearsed.notes.insert(rehearsed.notes.begin(), notes.begin(), notes.end());
    if (options.json)
        std::cout << boost::json::serialize(gateway::explanation_json(rehearsed)) << "\n";
    else
        std::cout << gateway::explanation_text(rehearsed, {.brief = options.brief, .policy = name});
}

void test(Context& context, const TestOptions& options)
{
    auto loaded = load_policy(context, options.policy, options.json);
    if (!loaded) return;
    std::unique_ptr<ports::People> live;
    if (options.directory.empty()) {
        gateway::add_directory(loaded->files, std::filesystem::path(options.policy) / "directory.yaml");
    } else if (options.directory == "live") {
        std::vector<std::string> notes;
        live = std::move(who_is_listed(context, options.policy, "live", *loaded->snapshot, notes)->live);
    } else if (options.directory != "none" && !gateway::add_directory(loaded->files, options.directory)) {
        return fail(context, options.directory + ": can't be read");
    }
    const auto report = gateway::run_policy_tests(loaded->snapshot, loaded->files,
                                                  {.filter = options.filter, .now = {}, .directory = live.get()});
    if (!options.filter.empty() && report.outcomes.empty() && report.good())
        return fail(context, fmt::format("no test's name or file matches \"{}\"", options.filter));
    if (!report.good()) context.exit_code = refused;
    if (options.json)
        std::cout << boost::json::serialize(gateway::report_json(report)) << "\n";
    else
        std::cout << gateway::report_text(report, options.policy);
}

void add_explain(CLI::App& app, Context& context)
{
    auto o = std::make_shared<ExplainOptions>();
    auto* command = app.add_subcommand(
        "explain", "what the policy does with a message, rule by rule; nothing is sent, stored or counted");
    command->add_option("MESSAGE", o->message, "the message's file (.eml), or - for standard input")->required();
    command->add_option("--from", o->from, "envelope sender, or \"<>\"; where silent, what stands in From");
    command->add_option("--to", o->to, "recipient; may be said several times; where silent, To and Cc");
    command->add_option("--connects-from", o->connects_from,
                        "organisation whose server brings it; where silent, the sender's");
    command->add_option("--at", o->at, "when, in UTC: 2026-12-01T06:00:00Z; where silent, now");
    command->add_option("--policy", o->policy,
                        "a policy's directory, or the number of a generation; where silent, the policy in force");
    command->add_option("--directory", o->directory,
                        "who is listed: a directory.yaml, `live` to ask the engine, or `none`; where silent, a "
                        "directory's own directory.yaml if there is one, for a generation `live`");
    auto* first = command->add_flag("--first-contact", o->first_contact, "the recipients never heard of this sender");
    command->add_flag("--known-contact", o->known_contact, "they did")->excludes(first);
    command->add_option("--virus", o->viruses, "as if the scanner found this virus: the name of its signature");
    command->add_option("--unscannable", o->unscannable,
                        "as if the scanner could not look into it to the end: encrypted, broken, macros, depth, files, "
                        "size or time");
    command->add_flag("--brief", o->brief, "of rules that did not hold, only the clause that decided");
    command->add_flag("--json", o->json, "print JSON");
    command->footer(
        "Every rule that was considered is printed, each clause with its place, the value it saw and whether it held.\n"
        "Exit codes: 0 explained, whatever the verdict; 1 the policy or the message can't be read; 3 no engine "
        "answers.");
    command->callback([&context, o] { explain(context, *o); });
}

}  // namespace

void add_rehearsal_commands(CLI::App& app, Context& context)
{
    add_explain(app, context);
    auto o = std::make_shared<TestOptions>();
    auto* command = app.add_subcommand("test", "run a policy's own tests (tests/*.yaml) and name rules without one");
    command->add_option("DIRECTORY", o->policy, "the policy's directory")->required();
    command->add_option("--directory", o->directory,
                        "who is listed where a test does not say: a directory.yaml, `live` to ask the engine, or "
                        "`none`; where silent, the policy's directory.yaml if there is one");
    command->add_option("--filter", o->filter, "only tests whose name or file matches; * and ? match");
    command->add_flag("--json", o->json, "print JSON");
    command->footer("Exit codes: 0 all pass, 1 one fails or the policy or a test is not fit.");
    command->callback([&context, o] { test(context, *o); });
}

}  // namespace postern::app
