#include "gateway/files_beside.hpp"

#include <algorithm>

namespace postern::gateway {

std::vector<std::string> files_beside(const policy::Snapshot& policy)
{
    const auto& node = policy.node();
    std::vector<std::string> files{node.authorities, node.hop_authorities};
    for (const auto& listener : node.listeners)
        if (listener.tls) files.insert(files.end(), {listener.tls->certificate, listener.tls->key});
    if (node.control_remote) {
        const auto& remote = *node.control_remote;
        files.insert(files.end(), {remote.administrators, remote.certificate, remote.key});
    }
    files.push_back(node.secrets);
    if (const auto& dkim = policy.alerts().dkim) files.push_back(dkim->file);
    if (const auto& webhook = policy.alerts().webhook)
        files.insert(files.end(), {webhook->key_file, webhook->authorities});
    files.push_back(policy.alerts().syslog.authorities);
    std::erase(files, std::string{});
    std::ranges::sort(files);
    return files;
}

}  // namespace postern::gateway
