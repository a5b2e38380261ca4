#include "app/commands.hpp"
#include "control/client.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

struct Selection {
    std::vector<std::string> ids;
    std::string from, to, organisation, older_than, limit, reason;
    bool held = false, all = false, json = false;
};

void add_filters(CLI::App& command, Selection& selection)
{
    command.add_option("ID", selection.ids, "message ids");
    command.add_option("--from", selection.from, "sender; * and ? match");
    command.add_option("--to", selection.to, "recipient; * and ? match");
    command.add_option("--organisation", selection.organisation, "id of the recipient's organisation");
    command.add_option("--older-than", selection.older_than, "received longer ago, such as \"2 hours\"");
    command.add_flag("--held", selection.held, "only what is held");
    command.add_flag("--json", selection.json, "print JSON");
}

boost::json::object as_json(const Selection& selection)
{
    boost::json::object filter;
    const auto put = [&filter](const char* name, const std::string& value) {
        if (!value.empty()) filter[name] = value;
    };
    put("id", fmt::format("{}", fmt::join(selection.ids, ",")));
    put("from", selection.from);
    put("to", selection.to);
    put("organisation", selection.organisation);
    put("older_than", selection.older_than);
    put("limit", selection.limit);
    if (selection.held) filter["held"] = "true";
    return filter;
}

void list(Context& context, const Selection& selection)
{
    std::string target = "/v1/queue";
    char separator = '?';
    for (const auto& [name, value] : as_json(selection)) {
        target += separator + std::string(name) + "=" + control::percent_encode(std::string(value.as_string()));
        separator = '&';
    }
    ask_and_print(context, "GET", target, "", selection.json);
}

void act(Context& context, const std::string& what, const Selection& selection)
{
    auto order = as_json(selection);
    if (selection.all) order["all"] = true;
    if (!selection.reason.empty()) order["reason"] = selection.reason;
    ask_and_print(context, "POST", "/v1/queue/" + what, boost::json::serialize(order), selection.json);
}

void add_act(CLI::App& queue, Context& context, const std::string& name, const std::string& help,
             const std::string& reason)
{
    auto selection = std::make_shared<Selection>();
    selection->reason = reason;
    auto* command = queue.add_subcommand(name, help);
    add_filters(*command, *selection);
    command->add_flag("--all", selection->all, "everything in the queue");
    if (!reason.empty())
        command->add_option("--reason", selection->reason, "kept with the message and told where somebody is told");
    command->callback([&context, name, selection] { act(context, name, *selection); });
}

}  // namespace

void add_queue_commands(CLI::App& app, Context& context)
{
    auto* queue = app.add_subcommand("queue", "what waits to be delivered");
    queue->require_subcommand(1);

    auto listed = std::make_shared<Selection>();
    auto* list_command = queue->add_subcommand("list", "what waits, oldest first, with the last reply");
    add_filters(*list_command, *listed);
    list_command->add_option("--limit", listed->limit, "at most so many (1000)");
    list_command->callback([&context, listed] { list(context, *listed); });

    auto shown = std::make_shared<Selection>();
    auto* show = queue->add_subcommand("show", "everything about one message, but its content");
    show->add_option("ID", shown->ids, "message id")->required()->expected(1);
    show->add_flag("--json", shown->json, "print JSON");
    show->callback([&context, shown] {
        ask_and_print(context, "GET", "/v1/queue/" + control::percent_encode(shown->ids.front()), "", shown->json);
    });

    add_act(*queue, context, "retry", "try now", "");
    add_act(*queue, context, "hold", "try no more until released", "held by an administrator");
    add_act(*queue, context, "release", "let what is held go on", "");
    add_act(*queue, context, "remove", "take out of the queue; nobody is told", "");
    add_act(*queue, context, "bounce", "give up now; the sender gets a failure report",
            "550 5.0.0 Returned by an administrator of the service");
}

}  // namespace postern::app
