#include "policy/secrets_file.hpp"

#include "base/text.hpp"
#include "policy/source.hpp"
#include "policy/values.hpp"
#include "policy/yaml_reader.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fstream>
#include <sstream>

namespace postern::policy {

namespace {

constexpr std::uintmax_t largest_secrets = std::uintmax_t{256} * 1024;

Result<std::string> read_private(const std::string& path)
{
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return fault(Retry::never, "the secrets can't be read").about(path);
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return fault(Retry::never, "others than its owner may read the secrets; chmod 600").about(path);
    if (static_cast<std::uintmax_t>(facts.st_size) > largest_secrets)
        return fault(Retry::never, "the secrets are longer than 256 KiB").about(path);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return fault(Retry::never, "the secrets can't be read").about(path);
    return text.str();
}

/// A SASL PLAIN message separates by NUL, and nothing else has a place in a login.
bool is_plain(const std::string& text)
{
    return !text.empty() && text.size() <= 1000 && text.find('\0') == text.npos && text.find('\n') == text.npos &&
           text.find('\r') == text.npos;
}

Result<vocabulary::Logins> read_logins(const std::string& path)
{
    const auto bytes = read_private(path);
    if (!bytes) return std::unexpected(bytes.error());
    Diagnostics diagnostics;
    Source source(path, *bytes, diagnostics);
    const auto tree = read_yaml(source);
    // What stands in the file is not shown, not even where it is wrong.
    if (!tree || !tree->is_map())
        return fault(Retry::never, diagnostics.empty()
                                       ? "the secrets are no map of names"
                                       : fmt::format("the secrets are no YAML (line {})", diagnostics.front().line))
            .about(path);
    vocabulary::Logins logins;
    for (const auto& entry : tree->entries) {
        const Values map(entry.value);
        vocabulary::Login login{map.text("user"), map.text("password")};
        if (!entry.value.is_map() || entry.value.entries.size() != 2 || !is_plain(login.user) ||
            !is_plain(login.password))
            return fault(Retry::never,
                         fmt::format("line {}: write name: {{ user: ..., password: ... }}", entry.place.line))
                .about(path);
        logins.emplace(entry.key, std::move(login));
    }
    return logins;
}

}  // namespace

Result<vocabulary::Logins> load_secrets(const Snapshot& snapshot)
{
    const auto& path = snapshot.node().secrets;
    if (path.empty()) return vocabulary::Logins{};
    return read_logins(path);
}

namespace {

/// One `credentials:` of the policy.
struct Asked {
    Source source;
    Place place;
    std::string whose;  ///< "route \"alerts-outward\"", "greenstone"
    std::string name;
};

std::vector<Asked> asked_in(const PolicyFiles& files, Diagnostics& diagnostics)
{
    std::vector<Asked> all;
    if (const auto& node = *files.node.document; node.node.backup && !node.node.backup->credentials.empty())
        all.push_back({Source(files.node.file, files.node.bytes, diagnostics), node.credentials_of_backup, "backup",
                       node.node.backup->credentials});
    if (files.routing.document)
        for (const auto& route : files.routing.document->routes)
            if (const auto& name = route.next_hop.credentials; !name.empty())
                all.push_back({Source(files.routing.file, files.routing.bytes, diagnostics), route.place,
                               fmt::format("route \"{}\"", route.name), name});
    for (const auto& file : files.organisations)
        if (const auto& hop = file.document->organisation.deliver_to; hop && !hop->credentials.empty())
            all.push_back({Source(file.file, file.bytes, diagnostics), file.document->deliver_to,
                           fmt::format("deliver_to of \"{}\"", file.document->organisation.id), hop->credentials});
    return all;
}

}  // namespace

void check_secrets(const PolicyFiles& files, Diagnostics& diagnostics)
{
    if (!files.node.document) return;
    const auto& path = files.node.document->node.secrets;
    auto asked = asked_in(files, diagnostics);
    if (path.empty()) {
        for (auto& one : asked)
            one.source.error(one.place,
                             fmt::format("{} names credentials, and node.yaml declares no secrets", one.whose),
                             "write secrets: keys/secrets.yaml in node.yaml");
        return;
    }
    if (::access(path.c_str(), R_OK) != 0) return;  // said already: a file that the policy names
    const auto logins = read_logins(path);
    if (!logins) {
        Source(files.node.file, files.node.bytes, diagnostics)
            .error(files.node.document->secrets, logins.error().describe());
        return;
    }
    std::vector<std::string> known;
    for (const auto& [name, login] : *logins) known.push_back(name);
    for (auto& one : asked) {
        if (logins->contains(one.name)) continue;
        const auto near = nearest(one.name, known);
        one.source.error(
            one.place,
            fmt::format("{} names the credentials \"{}\", which {} does not have", one.whose, one.name, path),
            near.empty() ? fmt::format("add {}: {{ user: ..., password: ... }} to it", one.name)
                         : fmt::format("did you mean \"{}\"?", near));
    }
}

}  // namespace postern::policy
