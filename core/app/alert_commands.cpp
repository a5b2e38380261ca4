#include "app/commands.hpp"
#include "control/client.hpp"

#include <boost/json.hpp>
#include <memory>
#include <vector>

namespace postern::app {

namespace {

struct AlertOptions {
    std::string id, comment, rule, limit;
    std::vector<std::string> to;
    bool open = false, json = false;
};

struct WindowOptions {
    std::string id, from, to, text, at_before, intake;
    bool json = false;
};

void add_alert_commands_to(CLI::App& alert, Context& context)
{
    auto listed = std::make_shared<AlertOptions>();
    auto* list = alert.add_subcommand("list", "what the rules of alerts.yaml told, newest first");
    list->add_flag("--open", listed->open, "only what nobody has acknowledged");
    list->add_option("--limit", listed->limit, "at most so many (100)");
    list->add_flag("--json", listed->json, "print JSON");
    list->callback([&context, listed] {
        std::string target = std::string("/v1/alerts?open=") + (listed->open ? "true" : "false");
        if (!listed->limit.empty()) target += "&limit=" + control::percent_encode(listed->limit);
        ask_and_print(context, "GET", target, "", listed->json);
    });

    auto shown = std::make_shared<AlertOptions>();
    auto* show = alert.add_subcommand("show", "one alert: its event, who was told on which way, what became of it");
    show->add_option("ID", shown->id, "alert id")->required();
    show->add_flag("--json", shown->json, "print JSON");
    show->callback([&context, shown] {
        ask_and_print(context, "GET", "/v1/alerts/" + control::percent_encode(shown->id), "", shown->json);
    });

    auto tested = std::make_shared<AlertOptions>();
    auto* test = alert.add_subcommand("test", "send a rule's alert as a test");
    test->add_option("RULE", tested->rule, "name of a rule in alerts.yaml")->required();
    test->add_option("--to", tested->to, "mail to this address instead of the rule's people");
    test->add_flag("--json", tested->json, "print JSON");
    test->callback([&context, tested] {
        boost::json::object body{{"rule", tested->rule}};
        if (!tested->to.empty()) body["to"] = boost::json::array(tested->to.begin(), tested->to.end());
        ask_and_print(context, "POST", "/v1/alerts/test", boost::json::serialize(body), tested->json);
    });

    auto taken = std::make_shared<AlertOptions>();
    auto* acknowledge = alert.add_subcommand("acknowledge", "say that somebody looks after it: it no longer escalates");
    acknowledge->add_option("ID", taken->id, "alert id")->required();
    acknowledge->add_option("--comment", taken->comment, "kept with the alert");
    acknowledge->add_flag("--json", taken->json, "print JSON");
    acknowledge->callback([&context, taken] {
        const boost::json::object body{{"id", taken->id}, {"comment", taken->comment}};
        ask_and_print(context, "POST", "/v1/alerts/acknowledge", boost::json::serialize(body), taken->json);
    });
}

void add_maintenance_commands_to(CLI::App& maintenance, Context& context)
{
    auto announced = std::make_shared<WindowOptions>();
    auto* announce = maintenance.add_subcommand("announce", "plan a window and tell members' people of it");
    announce->add_option("--from", announced->from, "beginning, in UTC: 2026-12-01T06:00:00Z")->required();
    announce->add_option("--to", announced->to, "end, in UTC")->required();
    announce->add_option("--text", announced->text, "what people are told")->required();
    announce->add_option("--at-before", announced->at_before,
                         "when they are told: 7d,1d,1h (as alerts.yaml says where absent)");
    announce->add_option("--intake", announced->intake,
                         "carry_on or defer: what happens to new mail meanwhile (as alerts.yaml says where absent)");
    announce->add_flag("--json", announced->json, "print JSON");
    announce->callback([&context, announced] {
        boost::json::object body{{"from", announced->from}, {"to", announced->to}, {"text", announced->text}};
        if (!announced->at_before.empty()) body["at_before"] = announced->at_before;
        if (!announced->intake.empty()) body["intake"] = announced->intake;
        ask_and_print(context, "POST", "/v1/maintenance", boost::json::serialize(body), announced->json);
    });

    auto listed = std::make_shared<WindowOptions>();
    auto* list = maintenance.add_subcommand("list", "windows that are planned, or were");
    list->add_flag("--json", listed->json, "print JSON");
    list->callback([&context, listed] { ask_and_print(context, "GET", "/v1/maintenance", "", listed->json); });

    auto cancelled = std::make_shared<WindowOptions>();
    auto* cancel = maintenance.add_subcommand("cancel", "a window that will not be; who was told of it is told so");
    cancel->add_option("ID", cancelled->id, "as list shows it")->required();
    cancel->add_flag("--json", cancelled->json, "print JSON");
    cancel->callback([&context, cancelled] {
        const boost::json::object body{{"id", cancelled->id}};
        ask_and_print(context, "POST", "/v1/maintenance/cancel", boost::json::serialize(body), cancelled->json);
    });
}

}  // namespace

void add_alert_commands(CLI::App& app, Context& context)
{
    auto* alert = app.add_subcommand("alert", "what people were told, and what nobody has looked after yet");
    alert->require_subcommand(1);
    add_alert_commands_to(*alert, context);
    auto* maintenance = app.add_subcommand("maintenance", "windows in which the service is worked on");
    maintenance->require_subcommand(1);
    add_maintenance_commands_to(*maintenance, context);
}

}  // namespace postern::app
