// The server that node.yaml names under backup: to, and what this gateway put there last.
//
// What it has is remembered in a file of one line, NAME URL, beside the other data; without it one more is sent.
#pragma once

#include "base/fault.hpp"
#include "net/dns.hpp"
#include "policy/compiler.hpp"

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>
#include <string>

namespace postern::control {

class BackupServer {
public:
    /// `dns`: must outlive it.
    explicit BackupServer(net::Dns& dns) : dns_(dns) {}

    /// Name of the last that was put below this URL, by the `memory` of it; empty: none. Blocking.
    [[nodiscard]] static std::string newest(const std::filesystem::path& memory, const std::string& url);
    /// Puts the file there under its own name, and remembers it. Fault (later): not reached, not taken yet; (never):
    /// refused, or its login is not in the secrets.
    [[nodiscard]] boost::asio::awaitable<Result<void>> take(std::shared_ptr<const policy::Snapshot> policy,
                                                            std::filesystem::path file, std::filesystem::path memory);

private:
    net::Dns& dns_;
};

}  // namespace postern::control
