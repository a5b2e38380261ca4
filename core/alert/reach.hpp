// From the words of a rule to addresses, and on which side of the community each lies.
//
// Pure; any thread.
#pragma once

#include "mail/address.hpp"
#include "vocabulary/alerts.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::alert {

/// What the engine must know of the community.
class Community {
public:
    virtual ~Community() = default;
    /// The address in its form inside, whichever form it is given in; nothing: it is outside.
    [[nodiscard]] virtual std::optional<mail::Address> inside(const mail::Address& address) const = 0;
    /// Administrators of an organisation; none if there is no such organisation.
    [[nodiscard]] virtual std::vector<mail::Address> administrators(std::string_view organisation) const = 0;
    /// Its declared non-secure addresses.
    [[nodiscard]] virtual std::vector<std::string> non_secure(std::string_view organisation) const = 0;
};

struct Reached {
    std::string address;  ///< inside: in its form inside
    bool secure = false;
    friend bool operator==(const Reached&, const Reached&) = default;
};

/// Each address once, in the rule's order.
[[nodiscard]] std::vector<Reached> reach(const std::vector<vocabulary::AlertTarget>& targets,
                                         const vocabulary::Event& event, const vocabulary::AlertPolicy& policy,
                                         const Community& community);

}  // namespace postern::alert
