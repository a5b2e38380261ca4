// audit: what people did. verify needs no gateway: an export, heads that left the machine, and the public key.
#include "app/commands.hpp"
#include "directory/audit_chain.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <memory>

namespace postern::app {

namespace {

struct Options {
    std::string actor, act, target, organisation, outcome, since, until, limit, out, file, heads, key;
    bool as_json = false, now = false;
};

void search(Context& context, const Options& o)
{
    std::string target = "/v1/audit";
    char separator = '?';
    const std::pair<const char*, const std::string*> parameters[] = {
        {"actor", &o.actor},     {"act", &o.act},     {"target", &o.target}, {"organisation", &o.organisation},
        {"outcome", &o.outcome}, {"since", &o.since}, {"until", &o.until},   {"limit", &o.limit}};
    for (const auto& [name, value] : parameters) {
        if (value->empty()) continue;
        target += separator + std::string(name) + "=" + control::percent_encode(*value);
        separator = '&';
    }
    ask_and_print(context, "GET", target, "", o.as_json);
}

void write_export(Context& context, const Options& o)
{
    const auto text = ask(context, "GET", "/v1/audit/export");
    if (!text) return;
    if (o.out.empty()) {
        std::cout << *text;
        return;
    }
    std::ofstream file(o.out, std::ios::binary);
    file << *text;
    if (file.flush()) return;
    std::cerr << "postern: " << o.out << ": can't be written\n";
    context.exit_code = refused;
}

std::optional<std::string> public_key(Context& context, const Options& o)
{
    if (!o.key.empty()) return content_of(context, o.key);
    const auto answer = ask(context, "GET", "/v1/audit/key");
    if (!answer) return std::nullopt;
    return std::string(boost::json::parse(*answer).at("public_key").as_string());
}

void verify(Context& context, const Options& o)
{
    const auto exported = o.file.empty() ? ask(context, "GET", "/v1/audit/export") : content_of(context, o.file);
    if (!exported) return;
    const auto key = public_key(context, o);
    if (!key) return;
    std::string heads;
    if (!o.heads.empty()) {
        const auto read = content_of(context, o.heads);
        if (!read) return;
        heads = *read;
    }
    const auto check = directory::verify_export(*exported, heads, *key);
    if (o.as_json) {
        boost::json::array problems;
        for (const auto& problem : check.problems) problems.emplace_back(problem);
        std::cout << boost::json::serialize(boost::json::object{{"records", check.records},
                                                                {"first", check.first},
                                                                {"last", check.last},
                                                                {"heads", check.heads},
                                                                {"problems", std::move(problems)}})
                  << "\n";
    } else {
        for (const auto& problem : check.problems) std::cerr << problem << "\n";
        if (check.problems.empty())
            std::cout << fmt::format("{} records, {} to {}, hold; {} signed heads fit\n", check.records, check.first,
                                     check.last, check.heads);
        if (check.problems.empty() && check.heads == 0)
            std::cout << "no head was given: who owns the machine could have made all of it anew; give --heads FILE, "
                         "such as the log kept elsewhere\n";
    }
    if (!check.problems.empty()) context.exit_code = refused;
}

}  // namespace

void add_audit_commands(CLI::App& app, Context& context)
{
    auto* audit =
        app.add_subcommand("audit", "what people did, were denied and tried, in a chain that can be verified");
    audit->require_subcommand(1);

    auto searched = std::make_shared<Options>();
    auto* find = audit->add_subcommand("search", "records, newest first");
    find->add_option("--actor", searched->actor, "who did it");
    find->add_option("--act", searched->act, "what: add_user, reset_password, login, ...");
    find->add_option("--target", searched->target, "to whom or what");
    find->add_option("--organisation", searched->organisation, "id of the target's organisation");
    find->add_option("--outcome", searched->outcome, "done, denied or failed");
    find->add_option("--since", searched->since, "a time (2026-11-23T10:00:00Z) or a duration (\"2 hours\")");
    find->add_option("--until", searched->until, "the same");
    find->add_option("--limit", searched->limit, "at most so many (200)");
    find->add_flag("--json", searched->as_json, "print JSON");
    find->callback([&context, searched] { search(context, *searched); });

    auto exported = std::make_shared<Options>();
    auto* out = audit->add_subcommand("export", "the whole chain, a record in JSON on each line");
    out->add_option("--out", exported->out, "a file; standard output where absent");
    out->callback([&context, exported] { write_export(context, *exported); });

    auto headed = std::make_shared<Options>();
    auto* head =
        audit->add_subcommand("head", "the end of the chain now, signed: keep it where this machine can't reach");
    head->add_flag("--json", headed->as_json, "print JSON");
    head->callback([&context, headed] { ask_and_print(context, "GET", "/v1/audit/head", "", headed->as_json); });

    auto aged = std::make_shared<Options>();
    auto* retention =
        audit->add_subcommand("retention", "how long records are kept, and how many are over; the hour deletes those");
    retention->add_flag("--now", aged->now, "delete them now");
    retention->add_flag("--json", aged->as_json, "print JSON");
    retention->callback([&context, aged] {
        ask_and_print(context, aged->now ? "POST" : "GET", "/v1/audit/retention", "", aged->as_json);
    });

    auto keyed = std::make_shared<Options>();
    auto* key = audit->add_subcommand("key", "the public key that heads are verified by");
    key->add_flag("--json", keyed->as_json, "print JSON");
    key->callback([&context, keyed] { ask_and_print(context, "GET", "/v1/audit/key", "", keyed->as_json); });

    auto verified = std::make_shared<Options>();
    auto* check = audit->add_subcommand("verify", "whether records were changed, taken out or cut off");
    check->add_option("EXPORT", verified->file, "a file of audit export; the gateway is asked where absent");
    check->add_option("--heads", verified->heads, "a file with signed heads: a log, a mail, a note");
    check->add_option("--public-key", verified->key, "a file of audit key; the gateway is asked where absent");
    check->add_flag("--json", verified->as_json, "print JSON");
    check->callback([&context, verified] { verify(context, *verified); });
}

}  // namespace postern::app
