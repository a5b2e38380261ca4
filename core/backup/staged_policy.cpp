#include "backup/staged_policy.hpp"

#include "backup/restore_mark.hpp"
#include "policy/appliance_view.hpp"
#include "policy/loader.hpp"
#include "policy/named_files.hpp"
#include "policy/storage_key.hpp"
#include "report/templates.hpp"
#include "script/maker.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace postern::backup {

namespace fs = std::filesystem;

namespace {

Result<void> name_storage(const fs::path& node_yaml, const fs::path& storage)
{
    std::stringstream text;
    text << std::ifstream(node_yaml, std::ios::binary).rdbuf();
    const auto changed = policy::with_storage(text.str(), storage.string());
    if (!changed) return std::unexpected(changed.error());
    std::ofstream out(node_yaml, std::ios::binary | std::ios::trunc);  // its owner and mode stay
    out << *changed;
    out.close();
    if (!out) return std::unexpected(trouble(node_yaml, "can't be written"));
    return {};
}

Fault not_fit(const policy::Diagnostics& diagnostics, const fs::path& directory)
{
    return fault(Retry::never, fmt::format("the gateway would not start with the backup's policy:\n{}",
                                           policy::render(diagnostics, directory.string())));
}

/// One that may not be looked at counts as there: whoever starts the gateway may see more.
bool is_missing(const fs::path& file)
{
    struct stat facts {};
    return ::stat(file.c_str(), &facts) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/// Certificates and keys that will not be where the policy names them.
Result<void> has_named_files(const policy::Snapshot& snapshot, const fs::path& folder, const fs::path& directory,
                             const std::vector<std::string>& by_hand)
{
    std::string missing;
    for (const auto& name : policy::named_files(snapshot)) {
        const fs::path path(name);
        const auto below = path.lexically_relative(directory);
        const bool is_own = !below.empty() && *below.begin() != "..";
        if (!is_own && std::ranges::find(by_hand, name) != by_hand.end()) continue;
        if (is_missing(is_own ? folder / below : path)) missing += (missing.empty() ? "" : ", ") + name;
    }
    if (missing.empty()) return {};
    return fault(Retry::never, fmt::format("the gateway would not start with the backup's policy, which names files "
                                           "that are not there; put them in their place first: {}",
                                           missing));
}

Result<void> keeps_mail_in(const policy::Snapshot& snapshot, const RestoreOrder& order, const fs::path& storage)
{
    const fs::path named = snapshot.node().storage;
    if (fs::weakly_canonical(named) == fs::weakly_canonical(storage)) return {};
    return fault(Retry::never,
                 fmt::format("the backup's node.yaml keeps mail in {}, and it would be put into {}, where the restored "
                             "gateway never looks; {}",
                             named.string(), storage.string(),
                             order.stopped ? fmt::format("say --storage {} to have it there, or --storage {} to have "
                                                         "node.yaml name the other",
                                                         named.string(), storage.string())
                                           : fmt::format("say --storage {} to have node.yaml name it, or restore into "
                                                         "a gateway that is stopped (--into)",
                                                         storage.string())));
}

}  // namespace

Result<void> fit_policy(const fs::path& folder, const RestoreOrder& order, const fs::path& storage,
                        const std::vector<std::string>& outside)
{
    if (!fs::exists(folder / "node.yaml"))
        return fault(Retry::never, "the backup holds no policy: node.yaml is not in it");
    if (order.names_storage)
        if (auto named = name_storage(folder / "node.yaml", storage); !named) return named;
    policy::Diagnostics wrong;
    policy::Loader reader(folder);
    static_cast<void>(reader.look(&wrong));
    const auto directory = fs::weakly_canonical(order.policy);
    if (policy::has_errors(wrong)) return std::unexpected(not_fit(wrong, directory));

    const SystemClock clock;
    ports::Rates rates(clock);
    const script::Maker scripts(rates, clock);
    policy::Loader loader(directory, std::make_shared<const policy::FileSet>(reader.file_set()), &scripts);
    const auto loaded = loader.load(0);
    if (!loaded.snapshot) return std::unexpected(not_fit(loaded.diagnostics, directory));
    if (auto texts = report::Templates::load((folder / "templates").string()); !texts)
        return std::unexpected(texts.error());
    if (auto same = keeps_mail_in(*loaded.snapshot, order, storage); !same) return same;
    const auto by_hand = order.stopped ? outside : std::vector<std::string>{};
    if (auto there = has_named_files(*loaded.snapshot, folder, directory, by_hand); !there) return there;
    if (order.keeps_network && policy::changes_network(*order.keeps_network, *loaded.snapshot))
        return fault(Retry::never,
                     "the backup's policy changes this machine's network, or who administers it from elsewhere and "
                     "where: you might not reach it again; --replace-network takes it all the same");
    return {};
}

}  // namespace postern::backup
