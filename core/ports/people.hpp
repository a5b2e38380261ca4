// Who can be written to, as the gateway asks it: the live directory, or the one that a rehearsal makes up.
//
// Implemented by directory/ and by gateway/rehearsal. Look-ups have three answers: found, absent, unavailable (a
// Fault::later, which defers). Thread-safe; awaited on the caller's executor.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "mail/address.hpp"
#include "vocabulary/directory_entry.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

namespace postern::ports {

class People {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    virtual ~People() = default;

    /// The entry of an address in the member's own (outside) form, of any status; null: absent. The caller judges
    /// the status.
    [[nodiscard]] virtual Async<Result<vocabulary::DirectoryEntryPtr>> find(mail::Address address) = 0;
    /// The entries of many addresses, in their order; null where one is absent.
    [[nodiscard]] virtual Async<Result<std::vector<vocabulary::DirectoryEntryPtr>>> find_all(
        std::vector<mail::Address> addresses) = 0;
    /// "Did you mean": at most `at_most` addresses (as written) of that organisation like this one, nearest first.
    /// Only active entries that are not ex-directory.
    [[nodiscard]] virtual Async<Result<std::vector<std::string>>> similar(mail::Address address,
                                                                          std::string organisation,
                                                                          std::size_t at_most) = 0;
    /// Keeps an answer of a member's server (users: ask) until `until`; `now` decides which old ones are purged.
    [[nodiscard]] virtual Async<Result<void>> remember(mail::Address address, bool exists, Instant until,
                                                       Instant now) = 0;
    /// The answer kept for an address, if it has not lapsed.
    [[nodiscard]] virtual Async<Result<std::optional<bool>>> recalled(mail::Address address, Instant now) = 0;
};

}  // namespace postern::ports
