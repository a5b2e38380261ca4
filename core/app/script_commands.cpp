#include "app/commands.hpp"
#include "base/text.hpp"
#include "policy/loader.hpp"
#include "policy/parse.hpp"
#include "ports/rates.hpp"
#include "script/maker.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace postern::app {

namespace {

namespace fs = std::filesystem;

struct LuaOptions {
    std::string message;
    std::string script;
    std::string from;
    std::string to;
    std::string policy;
    std::string at;
    bool json = false;
};

std::string read_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file.good() || fs::is_directory(path)) throw std::runtime_error(path + ": can't be read");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Mail files on disk often end their lines in LF; mail itself never does.
std::string with_crlf(const std::string& text)
{
    std::string lines;
    lines.reserve(text.size() + text.size() / 32);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) lines += '\r';
        lines += text[i];
    }
    return lines;
}

/// Keeps what the policy's loader would have compiled: its modules and tables serve the script under test as well.
class Keeping final : public ports::ScriptMaker {
public:
    explicit Keeping(const script::Maker& maker) : maker_(maker) {}
    [[nodiscard]] std::shared_ptr<const ports::Scripts> make(std::vector<ports::ScriptSource> sources,
                                                             ports::ScriptTables tables,
                                                             std::vector<ports::ScriptFault>& faults) const override
    {
        kept_sources = sources;
        kept_tables = tables;
        return maker_.make(std::move(sources), std::move(tables), faults);
    }
    mutable std::vector<ports::ScriptSource> kept_sources;
    mutable ports::ScriptTables kept_tables;

private:
    const script::Maker& maker_;
};

/// The other scripts of the folder, for require().
std::vector<ports::ScriptSource> neighbours(const fs::path& folder)
{
    std::vector<ports::ScriptSource> sources;
    for (const auto& file : fs::directory_iterator(folder.empty() ? fs::path(".") : folder)) {
        if (file.path().extension() != ".lua" || !file.is_regular_file()) continue;
        ports::ScriptSource source;
        source.file = file.path().filename().string();
        source.bytes = read_file(file.path().string());
        sources.push_back(std::move(source));
    }
    return sources;
}

std::optional<mail::Address> address_from(const std::string& given, const mail::Header& header, std::string_view field)
{
    if (!given.empty()) {
        auto address = mail::Address::parse(given);
        if (!address) throw std::runtime_error(given + " is no address: " + address.error().detail());
        return std::move(*address);
    }
    const auto* found = header.find(field);
    if (found == nullptr) return {};
    auto list = mail::find_addresses(found->value);
    if (list.places.empty()) return {};
    return std::move(list.places.front().address);
}

/// A party as the script sees it: inside the community, with its organisation where the policy has one.
struct Party {
    std::optional<mail::Address> address;
    const vocabulary::Organisation* organisation = nullptr;

    void find(const policy::Snapshot& snapshot)
    {
        if (!address) return;
        const auto owner = snapshot.owner_of(address->domain());
        if (!owner) return;
        organisation = owner->organisation;
        if (owner->domain != nullptr && !owner->inside) address = address->at(owner->domain->secure);
    }
};

void print_text(const std::string& file, const ports::ScriptAnswer& answer)
{
    for (const auto& line : answer.said) std::cout << "says      " << line << "\n";
    if (!answer.error.empty()) {
        std::cout << "fails     " << answer.error << "\n";
    } else if (answer.holds) {
        std::cout << "returns   " << (*answer.holds ? "true: the rule's own effect applies" : "false: nothing applies")
                  << "\n";
    } else if (answer.orders.empty()) {
        std::cout << "orders    nothing\n";
    }
    for (const auto& order : answer.orders) std::cout << "orders    " << vocabulary::describe(order) << "\n";
    std::cout << fmt::format("{} took {} microseconds and {} instructions\n", file, answer.took.count(),
                             answer.instructions);
}

void print_json(const std::string& file, const ports::ScriptAnswer& answer)
{
    boost::json::object out{{"script", file}};
    if (answer.holds) out["holds"] = *answer.holds;
    boost::json::array orders, said;
    for (const auto& order : answer.orders)
        orders.push_back({{"action", vocabulary::info(order.action).name}, {"says", vocabulary::describe(order)}});
    for (const auto& line : answer.said) said.emplace_back(line);
    out["orders"] = std::move(orders);
    out["said"] = std::move(said);
    if (!answer.error.empty()) out["error"] = answer.error;
    out["microseconds"] = answer.took.count();
    out["instructions"] = answer.instructions;
    std::cout << boost::json::serialize(out) << "\n";
}

void run_script(Context& context, const LuaOptions& options)
{
    const SystemClock clock;
    ports::Rates rates(clock);
    script::Budgets budgets;
    budgets.granule = 1;  // exactly counted
    const script::Maker maker(rates, clock, nullptr, budgets);
    const Keeping keeping(maker);
    const fs::path path(options.script);
    const auto file = path.filename().string();

    policy::SnapshotPtr snapshot;
    std::optional<policy::Loader> loader;
    if (!options.policy.empty()) {
        loader.emplace(options.policy, &keeping);
        auto loaded = loader->load(0);
        if (!loaded.snapshot) throw std::runtime_error(policy::render(loaded.diagnostics, options.policy));
        snapshot = std::move(loaded.snapshot);
    }
    auto sources = keeping.kept_sources;
    if (snapshot == nullptr) sources = neighbours(path.parent_path());
    std::erase_if(sources, [&](const ports::ScriptSource& source) { return source.file == file; });
    ports::ScriptSource own;
    own.file = file;
    own.bytes = read_file(options.script);
    // Alone first: a neighbour that is broken is no trouble of a script that does not require it.
    std::vector<ports::ScriptSource> alone;
    alone.push_back(own);
    std::vector<ports::ScriptFault> faults;
    auto scripts = maker.make(std::move(alone), keeping.kept_tables, faults);
    if (scripts == nullptr) {
        faults.clear();
        sources.push_back(std::move(own));
        scripts = maker.make(std::move(sources), keeping.kept_tables, faults);
    }
    if (scripts == nullptr) {
        std::string text;
        for (const auto& fault : faults)
            text += fmt::format("{}{}:{}: {}\n", text.empty() ? "" : "  ", fault.file, fault.line, fault.what);
        throw std::runtime_error(text.substr(0, text.size() - 1));
    }
    if (!scripts->has(file)) throw std::runtime_error(file + " returns a module, not a rule's function");

    const std::string content = with_crlf(read_file(options.message));
    const auto header = mail::Header::parse(content);
    if (!header) throw std::runtime_error(options.message + ": " + header.error().detail());
    const auto structure = mail::read_structure(content, true);
    Party sender{address_from(options.from, *header, "From")};
    Party recipient{address_from(options.to, *header, "To")};
    if (snapshot != nullptr) {
        sender.find(*snapshot);
        recipient.find(*snapshot);
    }
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::message;
    facts.time = clock.now();
    if (!options.at.empty()) {
        const auto at = policy::parse_instant(options.at);
        if (!at) throw std::runtime_error("--at: " + at.error().detail());
        facts.time = *at;
    }
    facts.sender = sender.address ? &*sender.address : nullptr;
    facts.sender_organisation = sender.organisation;
    facts.recipient = recipient.address ? &*recipient.address : nullptr;
    facts.recipient_organisation = recipient.organisation;
    facts.recipient_inside = recipient.organisation != nullptr;
    facts.size = content.size();
    facts.content = content;
    facts.header = &*header;
    facts.structure = &structure;
    facts.recipients = 1;

    ports::ScriptCall call;
    call.file = file;
    call.rule = "postern lua";
    call.may = vocabulary::actions_of(call.where);
    call.rehearsal = true;
    const auto answer = scripts->run(call, facts);
    if (!answer.error.empty()) context.exit_code = refused;
    if (options.json)
        print_json(file, answer);
    else
        print_text(file, answer);
}

}  // namespace

void add_script_commands(CLI::App& app, Context& context)
{
    auto options = std::make_shared<LuaOptions>();
    auto* command = app.add_subcommand("lua", "run one script on one message and say what it orders; nothing is sent");
    command->add_option("MESSAGE", options->message, "the message, as a file (.eml)")->required();
    command->add_option("SCRIPT", options->script, "the rule's script; require() finds the others of its folder")
        ->required();
    command->add_option("--from", options->from, "envelope sender (default: the message's From)");
    command->add_option("--to", options->to, "recipient (default: the message's To)");
    command->add_option("--policy", options->policy,
                        "directory of a policy: its organisations, tables and modules are there for the script");
    command->add_option("--at", options->at, "when, as 2026-12-01T06:00:00Z (default: now)");
    command->add_flag("--json", options->json, "print JSON");
    command->footer(
        "The script may order every action of content.yaml; rates count nothing, and no scanner looks at the\n"
        "attachments. Exit codes: 0 it ran, 1 it failed or something can't be read, 2 wrong usage.");
    command->callback([&context, options] {
        try {
            run_script(context, *options);
        } catch (const std::exception& problem) {
            std::cerr << "postern lua: " << problem.what() << "\n";
            context.exit_code = refused;
        }
    });
}

}  // namespace postern::app
