#include "policy/secrets_file.hpp"

#include "base/text.hpp"
#include "policy/source.hpp"
#include "policy/values.hpp"
#include "policy/yaml_reader.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
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
    auto logins = read_logins(path);
    if (!logins) return logins;
    for (const auto& name : snapshot.credentials())
        if (!logins->contains(name))
            return fault(Retry::never, fmt::format("a route names the credentials \"{}\", which are not there", name))
                .about(path);
    return logins;
}

}  // namespace postern::policy
