#include "app/policies.hpp"

#include "app/own_scanner.hpp"
#include "base/text.hpp"
#include "control/client.hpp"
#include "control/file_sets.hpp"
#include "policy/directory_file.hpp"
#include "policy/loader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>

namespace postern::app {

namespace {

namespace fs = std::filesystem;

/// The engine's directory, asked by the control socket: one question at a time, while the command waits.
class LivePeople final : public ports::People {
public:
    explicit LivePeople(control::EngineAddress engine) : engine_(std::move(engine)) {}

    [[nodiscard]] Async<Result<vocabulary::DirectoryEntryPtr>> find(mail::Address address) override
    {
        const auto answer = control::ask(
            engine_, "GET", "/v1/directory/entry?address=" + control::percent_encode(address.text()), "", false);
        if (!answer) co_return std::unexpected(unavailable(answer.error()));
        if (answer->status == 404) co_return vocabulary::DirectoryEntryPtr();
        if (!answer->good()) co_return std::unexpected(unavailable(fault(Retry::later, answer->body)));
        co_return entry_of(answer->body, address);
    }

    [[nodiscard]] Async<Result<std::vector<vocabulary::DirectoryEntryPtr>>> find_all(
        std::vector<mail::Address> addresses) override
    {
        std::vector<vocabulary::DirectoryEntryPtr> entries;
        for (auto& address : addresses) {
            auto entry = co_await find(std::move(address));
            if (!entry) co_return std::unexpected(entry.error());
            entries.push_back(std::move(*entry));
        }
        co_return entries;
    }

    [[nodiscard]] Async<Result<std::vector<std::string>>> similar(mail::Address, std::string, std::size_t) override
    {
        co_return std::vector<std::string>{};
    }
    [[nodiscard]] Async<Result<void>> remember(mail::Address, bool, Instant, Instant) override
    {
        co_return Result<void>{};
    }
    [[nodiscard]] Async<Result<std::optional<bool>>> recalled(mail::Address, Instant) override
    {
        co_return std::optional<bool>{};
    }

private:
    [[nodiscard]] static Fault unavailable(Fault cause)
    {
        return fault(Retry::later, "the engine's directory cannot be asked")
            .tell_peer(50, {3, 0}, "The directory is not available; please try again later")
            .because(std::move(cause));
    }

    [[nodiscard]] static Result<vocabulary::DirectoryEntryPtr> entry_of(const std::string& body,
                                                                        const mail::Address& address)
    {
        boost::system::error_code failed;
        const auto value = boost::json::parse(body, failed);
        if (failed || !value.is_object()) return std::unexpected(unavailable(fault(Retry::later, "no JSON came")));
        const auto text = [&](const char* name) {
            const auto* found = value.get_object().if_contains(name);
            return found && found->is_string() ? std::string(found->get_string()) : std::string{};
        };
        auto entry = std::make_shared<vocabulary::DirectoryEntry>();
        entry->address = address;
        entry->organisation = text("organisation");
        entry->kind = vocabulary::entry_kind_named(text("kind")).value_or(vocabulary::EntryKind::user);
        entry->status = vocabulary::entry_status_named(text("status")).value_or(vocabulary::EntryStatus::removed);
        entry->function = text("function");
        entry->moved_to = text("moved_to");
        return vocabulary::DirectoryEntryPtr(std::move(entry));
    }

    control::EngineAddress engine_;
};

std::optional<LoadedPolicy> fit(Context& context, policy::Loader& loader, std::shared_ptr<const ScriptBench> scripts,
                                const std::string& name, bool json, std::uint64_t generation = 0)
{
    auto loaded = loader.load(generation);
    if (loaded.snapshot) return LoadedPolicy{std::move(scripts), loaded.snapshot, loader.file_set()};
    context.exit_code = refused;
    if (json)
        std::cout << policy::render_json(loaded.diagnostics) << "\n";
    else
        std::cerr << policy::render(loaded.diagnostics, name) << "\n"
                  << fmt::format("postern: the policy in {} is not fit, so nothing was done with it\n", name);
    return std::nullopt;
}

}  // namespace

std::optional<LoadedPolicy> load_policy(Context& context, const std::string& directory, bool json)
{
    const auto scripts = std::make_shared<const ScriptBench>();
    policy::Loader loader(directory, &scripts->maker);
    return fit(context, loader, scripts, directory, json);
}

std::optional<LoadedPolicy> load_policy(Context& context, const std::string& name, NumberedFiles files, bool json)
{
    const auto scripts = std::make_shared<const ScriptBench>();
    policy::Loader loader(fs::temp_directory_path(), std::make_shared<const policy::FileSet>(std::move(files.files)),
                          &scripts->maker);
    return fit(context, loader, scripts, name, json, files.generation);
}

bool is_generation(const std::string& name)
{
    return name == "current" ||
           (!name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }));
}

std::optional<NumberedFiles> generation_files(Context& context, const std::string& generation)
{
    const auto answer = ask(context, "GET", fmt::format("/v1/generations/{}/files", generation));
    if (!answer) return std::nullopt;
    boost::system::error_code failed;
    const auto value = boost::json::parse(*answer, failed);
    const auto* files = failed || !value.is_object() ? nullptr : value.get_object().if_contains("files");
    auto set = files ? control::files_of(*files) : Result<policy::FileSet>(fault(Retry::never, "no files in it"));
    if (set) {
        const auto* number = value.get_object().if_contains("generation");
        return NumberedFiles{std::move(*set), number ? number->to_number<std::uint64_t>(failed) : 0};
    }
    std::cerr << "postern: the engine's answer can't be read: " << set.error().describe() << "\n";
    context.exit_code = refused;
    return std::nullopt;
}

std::optional<NumberedFiles> files_named(Context& context, const std::string& name, bool json)
{
    if (is_generation(name)) return generation_files(context, name);
    auto files = read_policy(context, name, json);
    if (!files) return std::nullopt;
    return NumberedFiles{std::move(*files)};
}

std::string shown_name(const std::string& name)
{
    return name == "current" ? "the generation in force" : is_generation(name) ? "generation " + name : name;
}

std::optional<Listed> who_is_listed(Context& context, const std::string& directory, const std::string& which,
                                    const policy::Snapshot& policy, std::vector<std::string>& notes)
{
    Listed listed;
    if (which == "none") return listed;
    if (which == "live" || (which.empty() && is_generation(directory))) {
        listed.live = std::make_unique<LivePeople>(context.engine);
        return listed;
    }
    const fs::path file = which.empty() ? fs::path(directory) / "directory.yaml" : fs::path(which);
    std::error_code failed;
    if (which.empty() && !fs::exists(file, failed)) return listed;
    auto read = policy::read_directory_file(file);
    if (policy::has_errors(read.diagnostics)) {
        std::cerr << policy::render(read.diagnostics, file.parent_path().string()) << "\n";
        context.exit_code = refused;
        return std::nullopt;
    }
    notes.push_back(fmt::format("who is listed was read from {}", file.string()));
    listed.index = std::make_unique<gateway::PeopleIndex>(policy, gateway::people_of(read.document));
    return listed;
}

std::unique_ptr<ports::Inspector> scanner_for(const policy::Snapshot& policy, std::vector<std::string>& notes)
{
    const auto& needs = policy.needs();
    if (!needs.types && !needs.members) return nullptr;
    auto scanner = start_own_scanner(policy.node().scanner);
    if (scanner) return std::move(*scanner);
    notes.push_back(fmt::format("what attachments hold (detected types, names in archives) is not known: {}",
                                scanner.error().describe()));
    return nullptr;
}

}  // namespace postern::app
