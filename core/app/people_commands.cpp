// user, function, group, list: entries of the directory, one at a time and many at once; who holds which role; may.
#include "app/commands.hpp"
#include "control/client.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <vector>

namespace postern::app {

namespace {

bool says_no(const std::string& answer, bool json)
{
    if (!json) return answer.starts_with("no:");
    boost::system::error_code failed;
    const auto value = boost::json::parse(answer, failed);
    return !failed && value.is_object() && value.get_object().contains("allowed") && value.at("allowed") == false;
}

namespace json = boost::json;

struct Options {
    std::string address, name, organisation, function, owner, non_secure, moved_to, status, like, limit, reason,
        version;
    std::string senders, role, file, domain, letters, ex_directory;
    std::vector<std::string> details, addresses, may;
    bool as_json = false, remove = false, dry_run = false, look_alike = false;
};
using OptionsPtr = std::shared_ptr<Options>;

/// A kind of entry, as the command line calls it.
struct Kind {
    const char* name;
    const char* help;
    bool has_function, has_owner, has_members, has_senders;
};
constexpr Kind kinds[] = {
    {"user", "people, their roles and logins", false, false, false, false},
    {"function", "desks: an address of a function, not of a person", true, true, false, false},
    {"group", "mailboxes that several people use, each with what they may", false, true, true, false},
    {"list", "addresses whose mail goes to each of their members", false, true, true, true}};

std::string with_query(std::string path, const std::vector<std::pair<std::string, std::string>>& parameters)
{
    char separator = '?';
    for (const auto& [name, value] : parameters) {
        if (value.empty()) continue;
        path += separator + name + "=" + control::percent_encode(value);
        separator = '&';
    }
    return path;
}

void put(json::object& object, const char* name, const std::string& value)
{
    if (!value.empty()) object[name] = value;
}

/// "telephone=+44 ..."; without a value it is taken away.
json::object details_of(const std::vector<std::string>& details)
{
    json::object object;
    for (const auto& detail : details) {
        const auto equals = detail.find('=');
        if (equals == std::string::npos || equals == 0)
            throw CLI::ValidationError("--detail",
                                       fmt::format("\"{}\" is not NAME=VALUE (NAME= takes it away)", detail));
        if (equals + 1 == detail.size())
            object[detail.substr(0, equals)] = nullptr;
        else
            object[detail.substr(0, equals)] = detail.substr(equals + 1);
    }
    return object;
}

json::value senders_of(const std::string& senders)
{
    if (senders.find('@') == std::string::npos) return json::value(senders);
    json::array addresses;
    std::istringstream words(senders);
    for (std::string word; std::getline(words, word, ',');) addresses.emplace_back(word);
    return addresses;
}

json::object fields_of(const Options& options)
{
    json::object set;
    put(set, "name", options.name);
    put(set, "function", options.function);
    put(set, "owner", options.owner);
    put(set, "non_secure", options.non_secure);
    put(set, "moved_to", options.moved_to);
    if (!options.ex_directory.empty()) set["ex_directory"] = options.ex_directory == "true";
    if (!options.details.empty()) set["details"] = details_of(options.details);
    if (!options.senders.empty()) set["senders"] = senders_of(options.senders);
    return set;
}

void order(Context& context, const Options& options, json::object order)
{
    order["address"] = options.address;
    put(order, "reason", options.reason);
    if (!options.version.empty()) order["version"] = std::strtoull(options.version.c_str(), nullptr, 10);
    ask_and_print(context, "POST", "/v1/entries", json::serialize(order), options.as_json);
}

void add_fields(CLI::App& command, Options& options, const Kind& kind)
{
    command.add_option("--name", options.name, "as the directory shows it");
    command.add_option("--non-secure", options.non_secure, "address outside, for alerts without content");
    command.add_option("--detail", options.details, "NAME=VALUE, such as telephone=01904 555 123; NAME= takes it away");
    command.add_option("--ex-directory", options.ex_directory, "true: reachable, but found by administrators only")
        ->check(CLI::IsMember({"true", "false"}));
    if (kind.has_function) command.add_option("--function", options.function, "what the desk does: custody, listing");
    if (kind.has_owner) command.add_option("--owner", options.owner, "address of who answers for it");
    if (kind.has_senders)
        command.add_option("--senders", options.senders,
                           "who may write to it: members, organisation, community, or addresses with commas between");
}

CLI::App* add_command(CLI::App& family, const OptionsPtr& options, const std::string& name, const std::string& help)
{
    auto* command = family.add_subcommand(name, help);
    command->add_option("ADDRESS", options->address, "in either form")->required();
    command->add_flag("--json", options->as_json, "print JSON");
    return command;
}

void add_looks(CLI::App& family, Context& context, const Kind& kind)
{
    auto listed = std::make_shared<Options>();
    auto* list = family.add_subcommand("list", "who there is, by beginnings of words");
    list->add_option("LIKE", listed->like, "beginnings of name, address, function; an address exactly");
    list->add_option("--organisation", listed->organisation, "id of an organisation");
    list->add_option("--status", listed->status, "invited, active, suspended or removed");
    list->add_option("--limit", listed->limit, "at most so many (50)");
    list->add_flag("--json", listed->as_json, "print JSON");
    list->callback([&context, listed, name = std::string(kind.name)] {
        const auto& o = *listed;
        ask_and_print(context, "GET",
                      with_query("/v1/entries", {{"kind", name},
                                                 {"like", o.like},
                                                 {"organisation", o.organisation},
                                                 {"status", o.status},
                                                 {"limit", o.limit}}),
                      "", o.as_json);
    });
    auto shown = std::make_shared<Options>();
    add_command(family, shown, "show", "one entry, as far as you may see it")->callback([&context, shown] {
        ask_and_print(context, "GET", "/v1/entries/" + control::percent_encode(shown->address), "", shown->as_json);
    });
}

void add_changes(CLI::App& family, Context& context, const Kind& kind)
{
    auto added = std::make_shared<Options>();
    auto* add = add_command(family, added, "add", "a new one");
    add_fields(*add, *added, kind);
    add->add_option("--organisation", added->organisation, "id; whose domain it is where absent");
    add->add_flag("--look-alike", added->look_alike,
                  "you are sure, although it looks like another; where the policy asks");
    add->callback([&context, added, name = std::string(kind.name)] {
        json::object said{{"create", true}, {"kind", name}};
        put(said, "organisation", added->organisation);
        if (added->look_alike) said["sure"] = true;
        auto set = fields_of(*added);
        if (!set.contains("name")) set["name"] = added->function.empty() ? added->address : added->function;
        said["set"] = std::move(set);
        order(context, *added, std::move(said));
    });

    auto edited = std::make_shared<Options>();
    auto* edit = add_command(family, edited, "edit", "change what is given");
    add_fields(*edit, *edited, kind);
    edit->add_option("--version", edited->version, "that you saw: refused where somebody changed it meanwhile");
    edit->callback([&context, edited] { order(context, *edited, {{"set", fields_of(*edited)}}); });

    const std::pair<const char*, const char*> statuses[] = {{"suspend", "suspended"}, {"activate", "active"}};
    for (const auto& [name, status] : statuses) {
        auto options = std::make_shared<Options>();
        auto* command = add_command(
            family, options, name,
            std::string(name) == "suspend" ? "no mail to or from it, until it is made active" : "mail passes again");
        command->add_option("--reason", options->reason, "kept on record");
        command->callback([&context, options, to = std::string(status)] {
            order(context, *options, {{"status", to}});
        });
    }
    auto removed = std::make_shared<Options>();
    auto* remove = add_command(family, removed, "remove", "its address stays known as one that was");
    remove->add_option("--moved-to", removed->moved_to, "told to whoever writes to it");
    remove->add_option("--reason", removed->reason, "kept on record");
    remove->callback([&context, removed] {
        json::object said{{"status", "removed"}};
        if (!removed->moved_to.empty()) said["set"] = json::object{{"moved_to", removed->moved_to}};
        order(context, *removed, std::move(said));
    });
}

void add_member(CLI::App& family, Context& context, const Kind& kind)
{
    auto options = std::make_shared<Options>();
    auto* member = add_command(family, options, "member", "put members in, change what they may, take them out");
    member->add_option("MEMBER", options->addresses, "addresses")->required();
    if (!kind.has_senders)
        member
            ->add_option(
                "--may", options->may,
                "any of read, write, mail; who is no member yet may read where absent, and others keep what they may")
            ->delimiter(',');
    member->add_flag("--remove", options->remove, "take them out");
    member->callback([&context, options, rights = !kind.has_senders] {
        json::array may;
        for (const auto& right : options->may) may.emplace_back(right);
        json::array all;
        for (const auto& address : options->addresses) {
            if (options->remove || !rights || may.empty())
                all.emplace_back(address);
            else
                all.push_back(json::object{{"address", address}, {"may", may}});
        }
        json::object members;
        members[options->remove ? "take" : "put"] = std::move(all);
        order(context, *options, {{"members", std::move(members)}});
    });
}

/// New, for its owner alone: there are passwords in it.
bool write_secret(const std::string& path, const std::string& text)
{
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return false;
    const bool whole = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
    close(file);
    return whole;
}

void bulk_add(Context& context, const Options& options)
{
    const auto text = content_of(context, options.file);
    if (!text) return;
    if (!options.dry_run && !options.letters.empty() && access(options.letters.c_str(), F_OK) == 0) {
        std::cerr << "postern: " << options.letters << " is there already; name a new file for the letters\n";
        context.exit_code = refused;
        return;
    }
    json::object said{{"organisation", options.organisation}, {"csv", *text}, {"dry_run", options.dry_run}};
    put(said, "domain", options.domain);
    if (options.as_json) return ask_and_print(context, "POST", "/v1/entries/bulk", json::serialize(said), true);
    const auto answer = control::ask(context.engine, "POST", "/v1/entries/bulk", json::serialize(said), false);
    if (!answer) {
        std::cerr << "postern: " << answer.error().describe() << "\n";
        context.exit_code = no_engine;
        return;
    }
    const auto object = json::parse(answer->body).as_object();
    if (!answer->good()) {
        context.exit_code = refused;
        if (const auto* error = object.if_contains("error"))
            std::cerr << "postern: " << error->as_string().c_str() << "\n";
        if (const auto* problems = object.if_contains("problems"))
            for (const auto& problem : problems->as_array())
                std::cerr << fmt::format("{}:{}: {}\n", options.file, problem.at("line").to_number<std::uint64_t>(),
                                         problem.at("what").as_string().c_str());
        std::cerr << "nobody was added\n";
        return;
    }
    const auto& invited = object.at("invited").as_array();
    if (!options.dry_run && !options.letters.empty() &&
        !write_secret(options.letters, object.at("letters").as_string().c_str())) {
        std::cerr << "postern: " << options.letters << " can't be written; the passwords are below\n";
        context.exit_code = refused;
    }
    const bool show = !options.dry_run && (options.letters.empty() || context.exit_code != 0);
    for (const auto& one : invited)
        std::cout << fmt::format("{:<50} {:<30} {}\n", one.at("address").as_string().c_str(),
                                 one.at("user_name").as_string().c_str(),
                                 show ? one.at("one_time_password").as_string().c_str() : "");
    std::cout << fmt::format("{} {} people\n", options.dry_run ? "would add" : "added", invited.size());
}

void add_bulk(CLI::App& family, Context& context)
{
    auto options = std::make_shared<Options>();
    auto* bulk = family.add_subcommand("bulk-add", "up to 500 people with user names and one-time passwords");
    bulk->add_option("FILE", options->file, "a name on each line, or CSV with name, non_secure and details")
        ->required();
    bulk->add_option("--organisation", options->organisation, "id of their organisation")->required();
    bulk->add_option("--domain", options->domain, "of their addresses; its first where absent");
    bulk->add_option("--letters", options->letters, "a new file: a page to print for each of them");
    bulk->add_flag("--dry-run", options->dry_run, "show what would be, and add nobody");
    bulk->add_flag("--json", options->as_json, "print JSON, passwords among it");
    bulk->callback([&context, options] { bulk_add(context, *options); });
}

void add_roles(CLI::App& family, Context& context)
{
    for (const bool take : {false, true}) {
        auto options = std::make_shared<Options>();
        auto* command = add_command(family, options, take ? "revoke" : "grant",
                                    take ? "take a role from a user" : "give a user a role");
        command->add_option("ROLE", options->role, "organisation_administrator, helpdesk, service_manager, ...")
            ->required();
        command->add_option("--organisation", options->organisation,
                            "of an organisation_administrator; the user's own");
        command->callback([&context, options, take] {
            json::object said{{"who", options->address}, {"role", options->role}, {"take", take}};
            put(said, "organisation", options->organisation);
            ask_and_print(context, "POST", "/v1/grants", json::serialize(said), options->as_json);
        });
    }
    auto options = std::make_shared<Options>();
    auto* grants = family.add_subcommand("grants", "who holds which role");
    grants->add_option("ADDRESS", options->address, "of one user");
    grants->add_flag("--json", options->as_json, "print JSON");
    grants->callback([&context, options] {
        ask_and_print(context, "GET", with_query("/v1/grants", {{"who", options->address}}), "", options->as_json);
    });
}

/// A subject-access request: a new file for its owner alone, or standard output.
void export_person(Context& context, const Options& options)
{
    const auto text = ask(context, "GET", "/v1/person/" + control::percent_encode(options.address));
    if (!text) return;
    if (options.file.empty()) {
        std::cout << *text << "\n";
    } else if (!write_secret(options.file, *text + "\n")) {
        std::cerr << "postern: " << options.file << " is there already, or can't be written\n";
        context.exit_code = refused;
    }
}

void add_person(CLI::App& family, Context& context)
{
    auto exported = std::make_shared<Options>();
    auto* out = family.add_subcommand("export", "all that is kept about a person, as JSON: a subject-access request");
    out->add_option("ADDRESS", exported->address, "in either form")->required();
    out->add_option("--out", exported->file, "a new file; standard output where absent");
    out->callback([&context, exported] { export_person(context, *exported); });
    auto forgotten = std::make_shared<Options>();
    auto* forget = add_command(family, forgotten, "forget", "delete what is kept about a person who was removed");
    forget->add_option("--reason", forgotten->reason, "kept on record")->required();
    forget->callback([&context, forgotten] {
        ask_and_print(context, "POST", "/v1/person/" + control::percent_encode(forgotten->address) + "/forget",
                      json::serialize(json::object{{"reason", forgotten->reason}}), forgotten->as_json);
    });
}

void add_may(CLI::App& app, Context& context)
{
    struct Question {
        std::string who, what, whom;
        bool as_json = false;
    };
    auto question = std::make_shared<Question>();
    auto* may = app.add_subcommand(
        "may", "whether somebody may do something, and which line says so; exit code 0 for yes, 1 for no");
    may->add_option("WHO", question->who, "an address, a user of the machine, a name in a certificate")->required();
    may->add_option("WHAT", question->what, "an act: add_user, reset_password, ...")->required();
    may->add_option("WHOM", question->whom, "an address, or the id of an organisation; the whole service where absent");
    may->add_flag("--json", question->as_json, "print JSON");
    may->callback([&context, question] {
        const auto target =
            with_query("/v1/may", {{"who", question->who}, {"what", question->what}, {"whom", question->whom}});
        const auto answer = control::ask(context.engine, "GET", target, "", !question->as_json);
        print(context, answer, question->as_json);
        // For scripts: "no" is an answer, and no success.
        if (answer && answer->good() && says_no(answer->body, question->as_json)) context.exit_code = refused;
    });
}

}  // namespace

void add_people_commands(CLI::App& app, Context& context)
{
    for (const auto& kind : kinds) {
        auto* family = app.add_subcommand(kind.name, kind.help);
        family->require_subcommand(1);
        add_looks(*family, context, kind);
        add_changes(*family, context, kind);
        if (kind.has_members) add_member(*family, context, kind);
        if (std::string_view(kind.name) == "user") {
            add_bulk(*family, context);
            add_roles(*family, context);
            add_person(*family, context);
        }
    }
    add_may(app, context);
}

}  // namespace postern::app
