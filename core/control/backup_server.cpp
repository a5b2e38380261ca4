#include "control/backup_server.hpp"

#include "control/https.hpp"
#include "policy/secrets_file.hpp"

#include <fmt/format.h>
#include <fstream>

namespace postern::control {

namespace fs = std::filesystem;

namespace {

// For a quarter of a MiB, and for a server that makes sure of what it has before it answers.
constexpr Duration patience = std::chrono::minutes{2};

Result<Recipient> recipient_of(const policy::Snapshot& policy, const std::string& name)
{
    const auto& declared = *policy.node().backup;
    Recipient recipient{declared.to + "/" + name, declared.authorities, {declared.certificate, declared.key}, {}};
    if (declared.credentials.empty()) return recipient;
    const auto logins = policy::load_secrets(policy);
    if (!logins) return std::unexpected(logins.error());
    const auto login = logins->find(declared.credentials);
    if (login == logins->end())
        return fault(Retry::never, fmt::format("the secrets have no login \"{}\"", declared.credentials));
    recipient.login = login->second;
    return recipient;
}

}  // namespace

std::string BackupServer::newest(const fs::path& memory, const std::string& url)
{
    std::ifstream file(memory);
    std::string name, known;
    return file >> name >> known && known == url ? name : std::string();
}

boost::asio::awaitable<Result<void>> BackupServer::take(std::shared_ptr<const policy::Snapshot> policy, fs::path file,
                                                        fs::path memory)
{
    auto recipient = recipient_of(*policy, file.filename().string());
    if (!recipient) co_return std::unexpected(recipient.error());
    auto put = co_await put_file(dns_, std::move(*recipient), file, patience);
    if (put) std::ofstream(memory) << file.filename().string() << " " << policy->node().backup->to << "\n";
    co_return put;
}

}  // namespace postern::control
