#include "app/commands.hpp"
#include "control/client.hpp"

#include <boost/json.hpp>
#include <memory>

namespace postern::app {

namespace {

struct Options {
    std::string id, reason, from, to, organisation, older_than, limit;
    bool json = false;
};

void list(Context& context, const Options& options)
{
    std::string target = "/v1/quarantine";
    char separator = '?';
    const auto put = [&](const char* name, const std::string& value) {
        if (value.empty()) return;
        target += separator + std::string(name) + "=" + control::percent_encode(value);
        separator = '&';
    };
    put("from", options.from);
    put("to", options.to);
    put("organisation", options.organisation);
    put("older_than", options.older_than);
    put("limit", options.limit);
    ask_and_print(context, "GET", target, "", options.json);
}

void add_act(CLI::App& quarantine, Context& context, const std::string& name, const std::string& help)
{
    auto options = std::make_shared<Options>();
    auto* command = quarantine.add_subcommand(name, help);
    command->add_option("ID", options->id, "message id")->required();
    command->add_option("--reason", options->reason, "kept with the message");
    command->add_flag("--json", options->json, "print JSON");
    command->callback([&context, name, options] {
        boost::json::object order;
        if (!options->reason.empty()) order["reason"] = options->reason;
        ask_and_print(context, "POST", "/v1/quarantine/" + control::percent_encode(options->id) + "/" + name,
                      boost::json::serialize(order), options->json);
    });
}

}  // namespace

void add_quarantine_commands(CLI::App& app, Context& context)
{
    auto* quarantine = app.add_subcommand("quarantine", "mail that rules keep back for people to decide");
    quarantine->require_subcommand(1);

    auto listed = std::make_shared<Options>();
    auto* list_command = quarantine->add_subcommand("list", "what is in quarantine, oldest first, and why");
    list_command->add_option("--from", listed->from, "sender; * and ? match");
    list_command->add_option("--to", listed->to, "recipient; * and ? match");
    list_command->add_option("--organisation", listed->organisation, "id of the recipient's organisation");
    list_command->add_option("--older-than", listed->older_than, "received longer ago, such as \"2 hours\"");
    list_command->add_option("--limit", listed->limit, "at most so many (1000)");
    list_command->add_flag("--json", listed->json, "print JSON");
    list_command->callback([&context, listed] { list(context, *listed); });

    auto shown = std::make_shared<Options>();
    auto* show = quarantine->add_subcommand("show", "one message: recipients, reason, header, attachments");
    show->add_option("ID", shown->id, "message id")->required();
    show->add_flag("--json", shown->json, "print JSON");
    show->callback([&context, shown] {
        ask_and_print(context, "GET", "/v1/quarantine/" + control::percent_encode(shown->id), "", shown->json);
    });

    add_act(*quarantine, context, "release", "decide again but for the verdict that keeps it, and let it go on");
    add_act(*quarantine, context, "delete", "give it up; the sender gets a failure report");
}

}  // namespace postern::app
