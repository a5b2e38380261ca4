// organisation: what each is and has to do; outages and sanctions.
#include "app/commands.hpp"
#include "control/client.hpp"

#include <boost/json.hpp>
#include <memory>

namespace postern::app {

namespace {

struct Options {
    std::string id, until, reason, task;
    bool as_json = false;
};
using OptionsPtr = std::shared_ptr<Options>;

CLI::App* add(CLI::App& family, const OptionsPtr& options, const char* name, const char* help)
{
    auto* command = family.add_subcommand(name, help);
    command->add_option("ORGANISATION", options->id, "its id")->required();
    command->add_flag("--json", options->as_json, "print JSON");
    return command;
}

void post(Context& context, const Options& options, const char* what, boost::json::object body)
{
    if (!options.until.empty()) body["until"] = options.until;
    if (!options.reason.empty()) body["reason"] = options.reason;
    if (!options.task.empty()) body["task"] = options.task;
    ask_and_print(context, "POST", "/v1/organisations/" + control::percent_encode(options.id) + "/" + what,
                  boost::json::serialize(body), options.as_json);
}

}  // namespace

void add_organisation_commands(CLI::App& app, Context& context)
{
    auto* family = app.add_subcommand("organisation", "the members of the community, and what each has to do");
    family->require_subcommand(1);
    auto listed = std::make_shared<Options>();
    auto* list = family->add_subcommand("list", "all of them");
    list->add_flag("--json", listed->as_json, "print JSON");
    list->callback([&context, listed] { ask_and_print(context, "GET", "/v1/organisations", "", listed->as_json); });

    auto shown = std::make_shared<Options>();
    add(*family, shown, "show", "one, with its tasks of this year")->callback([&context, shown] {
        ask_and_print(context, "GET", "/v1/organisations/" + control::percent_encode(shown->id), "", shown->as_json);
    });

    auto outage = std::make_shared<Options>();
    auto* announce = add(*family, outage, "outage", "mail for it is held until then, and senders are told");
    announce->add_option("--until", outage->until, "its end, such as 2026-12-01T06:00:00Z")->required();
    announce->add_option("--reason", outage->reason, "told to senders");
    announce->callback([&context, outage] { post(context, *outage, "suspend", {{"kind", "outage"}}); });

    auto sanction = std::make_shared<Options>();
    auto* suspend = add(*family, sanction, "suspend", "a sanction of the service: mail from and for it is refused");
    suspend->add_option("--until", sanction->until, "its end; until it is lifted where absent");
    suspend->add_option("--reason", sanction->reason, "kept on record");
    suspend->callback([&context, sanction] { post(context, *sanction, "suspend", {{"kind", "sanction"}}); });

    auto resumed = std::make_shared<Options>();
    add(*family, resumed, "resume", "end an outage or a sanction")->callback([&context, resumed] {
        post(context, *resumed, "resume", {});
    });

    auto done = std::make_shared<Options>();
    auto* task = add(*family, done, "done", "a yearly task is done");
    task->add_option("TASK", done->task, "terms, users or groups")->required();
    task->callback([&context, done] { post(context, *done, "done", {}); });
}

}  // namespace postern::app
