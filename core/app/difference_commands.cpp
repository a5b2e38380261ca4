// postern diff and postern trace --explain: policies held against each other, and remembered mail decided again.
#include "app/commands.hpp"
#include "app/policies.hpp"
#include "gateway/explanation.hpp"
#include "gateway/replay.hpp"
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
    std::string before, after, since = "7 days", directory;
    bool replay = false, json = false;
};

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

std::optional<std::vector<gateway::RecordedMail>> remembered(Context& context, const std::string& since)
{
    const auto answer = ask_object(context, "/v1/trace?limit=100000&since=" + control::percent_encode(since));
    if (!answer) return std::nullopt;
    std::vector<gateway::RecordedMail> mails;
    const auto* messages = answer->if_contains("messages");
    if (messages && messages->is_array())
        for (const auto& message : messages->get_array())
            if (message.is_object())
                if (auto mail = gateway::read_recorded(message.get_object())) mails.push_back(std::move(*mail));
    return mails;
}

/// Both policies compiled, with mail that the engine remembers run through them.
std::optional<gateway::ReplayReport> replay(Context& context, const DiffOptions& options, NumberedFiles before,
                                            NumberedFiles after)
{
    const auto old_policy = load_policy(context, shown_name(options.before), std::move(before), options.json);
    if (!old_policy) return std::nullopt;
    const auto new_policy = load_policy(context, shown_name(options.after), std::move(after), options.json);
    if (!new_policy) return std::nullopt;
    const auto mails = remembered(context, options.since);
    if (!mails) return std::nullopt;
    std::vector<std::string> notes;
    const std::string directory = options.directory.empty() ? std::string("none") : options.directory;
    const auto old_people = who_is_listed(context, ".", directory, *old_policy->snapshot, notes);
    const auto new_people = who_is_listed(context, ".", directory, *new_policy->snapshot, notes);
    if (!old_people || !new_people) return std::nullopt;
    gateway::RehearsalDesk old_desk, new_desk;
    old_desk.policy = old_policy->snapshot;
    old_desk.people = old_people->index.get();
    old_desk.directory = old_people->live.get();
    new_desk.policy = new_policy->snapshot;
    new_desk.people = new_people->index.get();
    new_desk.directory = new_people->live.get();
    return gateway::replay_both(old_desk, new_desk, *mails);
}

void diff(Context& context, const DiffOptions& options)
{
    auto before = files_named(context, options.before, options.json);
    if (!before) return;
    auto after = files_named(context, options.after, options.json);
    if (!after) return;
    const auto changes = policy::difference(before->files, after->files);
    std::optional<gateway::ReplayReport> replayed;
    if (options.replay) {
        replayed = replay(context, options, std::move(*before), std::move(*after));
        if (!replayed) return;
    }
    if (options.json) {
        json::object answer{{"changes", policy::difference_json(changes)}};
        if (replayed) answer["replay"] = gateway::replay_json(*replayed);
        std::cout << json::serialize(answer) << "\n";
        return;
    }
    std::cout << (changes.empty() ? "nothing changes\n" : policy::difference_text(changes));
    if (replayed) std::cout << "\n" << gateway::replay_text(*replayed);
}

/// One remembered message under the generation that decided it.
void explain_one(Context& context, const json::object& trace, bool as_json, json::array& all)
{
    const auto mail = gateway::read_recorded(trace);
    if (!mail) {
        std::cerr << "postern: " << mail.error().describe() << "\n";
        return;
    }
    auto files = generation_files(context, std::to_string(mail->generation));
    if (!files) return;
    const auto policy =
        load_policy(context, fmt::format("generation {}", mail->generation), std::move(*files), as_json);
    if (!policy) return;
    std::vector<std::string> notes;
    const auto people = who_is_listed(context, ".", "live", *policy->snapshot, notes);
    if (!people) return;
    gateway::RehearsalDesk desk;
    desk.policy = policy->snapshot;
    desk.directory = people->live.get();
    auto replayed = gateway::replay(desk, *mail);
    if (as_json) {
        auto object = gateway::explanation_json(replayed);
        object["id"] = mail->id;
        json::array unknown;
        for (const auto& recipient : replayed.recipients)
            for (auto& clause : gateway::unknown_clauses(recipient)) unknown.emplace_back(std::move(clause));
        object["needs_content"] = std::move(unknown);
        all.push_back(std::move(object));
        return;
    }
    std::cout << "\ndecided again under generation " << mail->generation << "\n"
              << gateway::explanation_text(replayed,
                                           {.brief = false, .policy = fmt::format("generation {}", mail->generation)});
    for (const auto& recipient : replayed.recipients)
        for (const auto& clause : gateway::unknown_clauses(recipient))
            std::cout << fmt::format("  needs content that is not kept: {}\n", clause);
}

}  // namespace

void explain_traces(Context& context, const std::string& target, bool as_json)
{
    if (!as_json) ask_and_print(context, "GET", target, "", false);
    if (context.exit_code != 0) return;
    const auto answer = ask_object(context, target);
    const auto* messages = answer ? answer->if_contains("messages") : nullptr;
    if (!messages || !messages->is_array()) return;
    json::array all;
    for (const auto& message : messages->get_array())
        if (message.is_object()) explain_one(context, message.get_object(), as_json, all);
    if (as_json) {
        json::object both{{"messages", *messages}, {"explained", std::move(all)}};
        std::cout << json::serialize(both) << "\n";
    }
}

void add_difference_commands(CLI::App& app, Context& context)
{
    auto o = std::make_shared<DiffOptions>();
    auto* command = app.add_subcommand("diff", "what changes between two policies, and for whose mail");
    command->add_option("OLD", o->before, "a policy's directory, or the number of a generation")->required();
    command->add_option("NEW", o->after, "the same")->required();
    command->add_flag("--replay", o->replay, "run the mail that the engine remembers through both");
    command->add_option("--since", o->since, "how far back: a time or a duration (default: 7 days)");
    command->add_option("--directory", o->directory,
                        "who is listed, for --replay: a directory.yaml or `live` to ask the engine; where silent, "
                        "everybody who got mail is");
    command->add_flag("--json", o->json, "print JSON");
    command->footer(
        "Lines begin with + (added), - (removed), ~ (changed) or > (moved).\n"
        "Exit codes: 0 compared, whether or not anything differs; 1 a policy is not fit; 3 no engine answers.");
    command->callback([&context, o] { diff(context, *o); });
}

}  // namespace postern::app
