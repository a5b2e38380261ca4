// Mail that the service sends to itself, to know that mail goes through: who sent one, and whether it came back.
//
// A probe's address holds a random token and the gateway's own name, which is no member's: nobody else can send or
// receive one. Thread-safe; made by main().
#pragma once

#include "mail/address.hpp"

#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace postern::ports {

class Probe {
public:
    /// An address that is expected from now on, until end().
    [[nodiscard]] std::string begin(std::string_view gateway);
    /// Whether a message from this address is one that was begun.
    [[nodiscard]] bool expects(const mail::Address& address) const;
    /// It came in by a listener, with this content.
    void arrived(const mail::Address& address, std::string_view content);
    /// Whether it came.
    [[nodiscard]] bool has_arrived(const std::string& address) const;
    void end(const std::string& address);

    /// Whether an address has the form of a probe's at this gateway, whoever made it.
    [[nodiscard]] static bool is_one(std::string_view address, std::string_view gateway);

private:
    mutable std::mutex mutex_;
    std::set<std::string, std::less<>> expected_;  ///< under mutex_: Address::key()
    std::set<std::string, std::less<>> came_;      ///< under mutex_
};

}  // namespace postern::ports
