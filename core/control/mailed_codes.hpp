// Codes on their way, of the second factor or to confirm an address outside: which of a person's addresses they go to,
// and the mail that carries them.
//
// Completes on the caller's executor; any thread. The code stands in that one message and nowhere else: not in the log,
// not in the answer, not in the audit.
#pragma once

#include "directory/logins.hpp"
#include "gateway/services.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

namespace postern::control {

/// Puts the mail into the queue; "secure" or "non_secure", where it goes. Fault (never): the policy mails no codes, or
/// this person has no address that their login does not open; (later): it can't be stored.
[[nodiscard]] boost::asio::awaitable<Result<std::string>> mail_code(gateway::Services services,
                                                                    directory::CodeToMail code);

struct SentAddressCode {
    std::string address;  ///< outside
    Instant until{};
};
/// Mails a code to a person's new address outside, if one waits to be confirmed; nothing: none does. Fault (never): too
/// many in that time; (later): it can't be stored.
[[nodiscard]] boost::asio::awaitable<Result<std::optional<SentAddressCode>>> send_address_code(
    gateway::Services services, mail::Address address);

/// Which address that would be; empty: none. `secure` says on which side it is.
struct CodeAddress {
    std::string address;
    bool secure = true;
};
[[nodiscard]] CodeAddress code_address(const policy::Snapshot& policy, const vocabulary::DirectoryEntry& entry,
                                       Instant at);

}  // namespace postern::control
