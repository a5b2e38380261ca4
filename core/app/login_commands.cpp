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
    std::string about, until;
    bool as_json = false, grant = false, refuse = false, all = false, goes_on = false, by_mail = false;
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

/// The helper types what the person says; the gateway says yes or no to all of it together. `what`: reset, or unlock,
/// where who looks after this person is asked nothing.
void help(Context& context, const Options& options, const char* what)
{
    const auto asked = ask(context, "GET", login_of(options, what));
    if (!asked) return;
    const auto parsed = json::parse(*asked);
    json::object answers;
    for (const auto& question : parsed.at("questions").as_array()) {
        const std::string text(question.as_string());
        answers[text] = open_line(text);
    }
    post(context, login_of(options, what), {{"answers", std::move(answers)}}, options);
}

void set_facts(Context& context, const Options& options)
{
    auto body = credentials(options);
    const auto asked = ask(context, "GET", "/v1/login/questions");
    if (!asked) return;
    const auto parsed = json::parse(*asked);
    json::object facts;
    for (const auto& question : parsed.at("questions").as_array()) {
        const std::string text(question.as_string());
        if (auto answer = open_line(text + " (empty: not this one)"); !answer.empty()) facts[text] = std::move(answer);
    }
    body["facts"] = std::move(facts);
    post(context, "/v1/login/facts", body, options);
}

void set_second_factor(Context& context, const Options& options)
{
    auto body = credentials(options);
    if (const auto code = open_line("code of the factor that is there (empty: none):"); !code.empty())
        body["code"] = code;
    if (options.by_mail) {
        const auto sent = ask(context, "POST", "/v1/login/code", json::serialize(body));
        if (!sent) return;
        if (const auto* code = body.if_contains("code")) body["old_code"] = *code;
        body["code"] = open_line("the code that was mailed:");
        return post(context, "/v1/login/confirm-mail", body, options);
    }
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
    auto* check =
        add(user, checked, "check", "whether a password, and a code, are right; read from standard input", "USER");
    check->add_flag("--session", checked->goes_on, "begin a session, and print its token");
    check->callback([&context, checked] {
        auto body = credentials(*checked);
        if (const auto code = open_line("code (empty: none):"); !code.empty()) body["code"] = code;
        if (checked->goes_on) body["session"] = true;
        post(context, "/v1/login", body, *checked);
    });
    auto mailed = std::make_shared<Options>();
    add(user, mailed, "mail-code", "mail a code of the second factor; the password is read from standard input", "USER")
        ->callback([&context, mailed] { post(context, "/v1/login/code", credentials(*mailed), *mailed); });
    auto outside = std::make_shared<Options>();
    add(user, outside, "mail-address-code",
        "mail a code to your new address outside, to confirm it; the password is read from standard input", "USER")
        ->callback([&context, outside] {
            auto body = credentials(*outside);
            if (const auto code = open_line("code of the second factor (empty: none):"); !code.empty())
                body["code"] = code;
            post(context, "/v1/login/address-code", body, *outside);
        });
    auto confirmed = std::make_shared<Options>();
    add(user, confirmed, "confirm-address", "confirm your new address outside with the code that was mailed there",
        "USER")
        ->callback([&context, confirmed] {
            auto body = credentials(*confirmed);
            body["address_code"] = open_line("the code that was mailed to the address outside:");
            if (const auto code = open_line("code of the second factor (empty: none):"); !code.empty())
                body["code"] = code;
            post(context, "/v1/login/confirm-address", body, *confirmed);
        });
    for (const bool ends : {false, true}) {
        auto session = std::make_shared<Options>();
        auto* command = user.add_subcommand(ends ? "end-session" : "session",
                                            ends ? "end a session; its token is read from standard input"
                                                 : "whose session this is, and how long it goes on; its token is read "
                                                   "from standard input");
        command->add_flag("--json", session->as_json, "print JSON");
        command->callback([&context, session, ends] {
            post(context, ends ? "/v1/session/end" : "/v1/session", {{"token", secret("token")}}, *session);
        });
    }
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
    auto* set_up =
        add(user, factor, "second-factor", "set up codes of an authenticator program (TOTP), or by mail", "USER");
    set_up->add_flag("--mail", factor->by_mail, "codes by mail, where the policy has them");
    set_up->callback([&context, factor] { set_second_factor(context, *factor); });
}

/// Somebody's mailbox in another's hands for a time: absence, death, investigation.
void add_access_commands(CLI::App& app, Context& context)
{
    auto* access = app.add_subcommand("access", "exceptional access to somebody's mailbox; two people where declared");
    access->require_subcommand(1);
    auto asked = std::make_shared<Options>();
    auto* ask_for = access->add_subcommand("ask", "ask for it, or give it where one person may");
    ask_for->add_option("MAILBOX", asked->about, "whose mailbox")->required();
    ask_for->add_option("--to", asked->who, "who is to have it")->required();
    ask_for->add_option("--until", asked->until,
                        "its end, such as 2026-12-01T06:00:00Z; until taken away where absent");
    ask_for->add_option("--reason", asked->reason, "kept on record")->required();
    ask_for->add_flag("--json", asked->as_json, "print JSON");
    ask_for->callback([&context, asked] {
        post(context, "/v1/accesses",
             {{"about", asked->about}, {"who", asked->who}, {"until", asked->until}, {"reason", asked->reason}},
             *asked);
    });
    auto listed = std::make_shared<Options>();
    auto* list = access->add_subcommand("list", "who has access to which mailbox");
    list->add_option("MAILBOX", listed->about, "to this one alone");
    list->add_flag("--all", listed->all, "those that have ended too");
    list->add_flag("--json", listed->as_json, "print JSON");
    list->callback([&context, listed] {
        std::string target = "/v1/accesses";
        if (!listed->about.empty()) target += "?about=" + control::percent_encode(listed->about);
        if (listed->all) target += listed->about.empty() ? "?all=1" : "&all=1";
        ask_and_print(context, "GET", target, "", listed->as_json);
    });
    auto over = std::make_shared<Options>();
    auto* end = access->add_subcommand("end", "take an access away");
    end->add_option("NUMBER", over->number, "of the access")->required();
    end->add_flag("--json", over->as_json, "print JSON");
    end->callback([&context, over] {
        post(context, "/v1/accesses/" + control::percent_encode(over->number) + "/end", {}, *over);
    });
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
    add(user, unlocked, "unlock", "take the lock of a login away; the helpdesk is asked for answers", "USER")
        ->callback([&context, unlocked] { help(context, *unlocked, "unlock"); });
    auto ended = std::make_shared<Options>();
    add(user, ended, "end-sessions", "end all sessions of a login", "ADDRESS")->callback([&context, ended] {
        post(context, login_of(*ended, "end-sessions"), {}, *ended);
    });
    auto reset = std::make_shared<Options>();
    add(user, reset, "reset-password", "a one-time password, when the answers to what is asked are right", "USER")
        ->callback([&context, reset] { help(context, *reset, "reset"); });
    auto factor = std::make_shared<Options>();
    auto* reset_factor = add(user, factor, "reset-second-factor", "take a second factor away; two people", "ADDRESS");
    reset_factor->add_option("--reason", factor->reason, "kept on record")->required();
    reset_factor->callback([&context, factor] {
        post(context, login_of(*factor, "factor"), {{"reason", factor->reason}}, *factor);
    });

    add_access_commands(app, context);
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
