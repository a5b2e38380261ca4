// user login, invite, password, facts, second-factor, reset-password ...; case. Secrets are read from standard input, a
// line each, and never from the command line, where everybody on the machine could see them.
#include "app/commands.hpp"
#include "control/client.hpp"

#include <termios.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

namespace json = boost::json;

struct Options {
    std::string who, reason, number;
    bool as_json = false, grant = false, refuse = false, all = false;
};
using OptionsPtr = std::shared_ptr<Options>;

/// One line of standard input, without showing it where it is typed.
std::string secret(const char* prompt)
{
    const bool terminal = isatty(STDIN_FILENO) != 0;
    termios before{};
    if (terminal) {
        std::cerr << prompt << ": ";
        tcgetattr(STDIN_FILENO, &before);
        termios hidden = before;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
    }
    std::string line;
    std::getline(std::cin, line);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        std::cerr << "\n";
    }
    return line;
}

std::string open_line(const std::string& prompt)
{
    if (isatty(STDIN_FILENO) != 0) std::cerr << prompt << " ";
    std::string line;
    std::getline(std::cin, line);
    return line;
}

json::object credentials(const Options& options)
{
    return {{"user_name", options.who}, {"password", secret("password")}};
}

void post(Context& context, const std::string& target, const json::object& body, const Options& options)
{
    ask_and_print(context, "POST", target, json::serialize(body), options.as_json);
}

std::string login_of(const Options& options, const std::string& what = {})
{
    return "/v1/logins/" + control::percent_encode(options.who) + (what.empty() ? "" : "/" + what);
}

CLI::App* add(CLI::App& family, const OptionsPtr& options, const char* name, const char* help, const char* who)
{
    auto* command = family.add_subcommand(name, help);
    command->add_option(who, options->who, who[0] == 'U' ? "the user name, or the address" : "in either form")
        ->required();
    command->add_flag("--json", options->as_json, "print JSON");
    return command;
}

/// The helper types what the person says; the gateway says yes or no to all of it together.
void reset_password(Context& context, const Options& options)
{
    const auto asked = ask(context, "GET", login_of(options, "reset"));
    if (!asked) return;
    const auto parsed = json::parse(*asked);
    json::object answers;
    for (const auto& question : parsed.at("questions").as_array()) {
        const std::string text(question.as_string());
        answers[text] = open_line(text);
    }
    post(context, login_of(options, "reset"), {{"answers", std::move(answers)}}, options);
}

void set_facts(Context& context, const Options& options)
{
    auto body = credentials(options);
    json::object facts;
    for (;;) {
        const auto question = open_line("question (empty: no more):");
        if (question.empty()) break;
        facts[question] = open_line("answer:");
    }
    body["facts"] = std::move(facts);
    post(context, "/v1/login/facts", body, options);
}

void set_second_factor(Context& context, const Options& options)
{
    auto body = credentials(options);
    if (const auto code = open_line("code of the factor that is there (empty: none):"); !code.empty())
        body["code"] = code;
    const auto begun = ask(context, "POST", "/v1/login/factor", json::serialize(body));
    if (!begun) return;
    const auto factor = json::parse(*begun);
    std::cerr << factor.at("uri").as_string().c_str() << "\n";
    body["secret"] = factor.at("secret");
    if (const auto* code = body.if_contains("code")) body["old_code"] = *code;
    body["code"] = open_line("its code now:");
    post(context, "/v1/login/confirm", body, options);
}

void add_own(CLI::App& user, Context& context)
{
    auto checked = std::make_shared<Options>();
    add(user, checked, "check", "whether a password, and a code, are right; read from standard input", "USER")
        ->callback([&context, checked] {
            auto body = credentials(*checked);
            if (const auto code = open_line("code (empty: none):"); !code.empty()) body["code"] = code;
            post(context, "/v1/login", body, *checked);
        });
    auto changed = std::make_shared<Options>();
    add(user, changed, "password", "a new password; old and new are read from standard input", "USER")
        ->callback([&context, changed] {
            auto body = credentials(*changed);
            body["new"] = secret("new password");
            if (const auto code = open_line("code (empty: none):"); !code.empty()) body["code"] = code;
            post(context, "/v1/login/password", body, *changed);
        });
    auto facts = std::make_shared<Options>();
    add(user, facts, "facts", "questions and answers by which the helpdesk can know the user later", "USER")
        ->callback([&context, facts] { set_facts(context, *facts); });
    auto factor = std::make_shared<Options>();
    add(user, factor, "second-factor", "set up codes of an authenticator program (TOTP)", "USER")
        ->callback([&context, factor] { set_second_factor(context, *factor); });
}

}  // namespace

void add_login_commands(CLI::App& app, Context& context)
{
    auto& user = *app.get_subcommand("user");
    add_own(user, context);

    auto seen = std::make_shared<Options>();
    add(user, seen, "login", "how a login is: locked, how old its password, second factor", "ADDRESS")
        ->callback([&context, seen] { ask_and_print(context, "GET", login_of(*seen), "", seen->as_json); });
    auto invited = std::make_shared<Options>();
    add(user, invited, "invite", "a login with a one-time password, for who has none", "ADDRESS")
        ->callback([&context, invited] { post(context, login_of(*invited, "invite"), {}, *invited); });
    auto unlocked = std::make_shared<Options>();
    add(user, unlocked, "unlock", "take the lock of a login away", "ADDRESS")->callback([&context, unlocked] {
        post(context, login_of(*unlocked, "unlock"), {}, *unlocked);
    });
    auto reset = std::make_shared<Options>();
    add(user, reset, "reset-password", "a one-time password, when the answers to what is asked are right", "ADDRESS")
        ->callback([&context, reset] { reset_password(context, *reset); });
    auto factor = std::make_shared<Options>();
    auto* reset_factor = add(user, factor, "reset-second-factor", "take a second factor away; two people", "ADDRESS");
    reset_factor->add_option("--reason", factor->reason, "kept on record")->required();
    reset_factor->callback([&context, factor] {
        post(context, login_of(*factor, "factor"), {{"reason", factor->reason}}, *factor);
    });

    auto* cases = app.add_subcommand("case", "what people have to decide: resets that could not be confirmed, ...");
    cases->require_subcommand(1);
    auto listed = std::make_shared<Options>();
    auto* list = cases->add_subcommand("list", "open ones, newest first");
    list->add_flag("--all", listed->all, "closed ones too");
    list->add_flag("--json", listed->as_json, "print JSON");
    list->callback([&context, listed] {
        ask_and_print(context, "GET", listed->all ? "/v1/cases?all=1" : "/v1/cases", "", listed->as_json);
    });
    auto decided = std::make_shared<Options>();
    auto* decide = cases->add_subcommand("decide", "grant what a case asks for, or refuse it");
    decide->add_option("NUMBER", decided->number, "of the case")->required();
    auto* grant = decide->add_flag("--grant", decided->grant, "do it");
    decide->add_flag("--refuse", decided->refuse, "close it without")->excludes(grant);
    decide->add_option("--reason", decided->reason, "kept on record");
    decide->add_flag("--json", decided->as_json, "print JSON");
    decide->callback([&context, decided] {
        if (decided->grant == decided->refuse) throw CLI::ValidationError("case decide", "say --grant or --refuse");
        post(context, "/v1/cases/" + control::percent_encode(decided->number),
             {{"grant", decided->grant}, {"reason", decided->reason}}, *decided);
    });
}

}  // namespace postern::app
