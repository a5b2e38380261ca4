// The community as one policy declares it, for whoever turns an alert's words into addresses.
//
// Borrows the policy; any thread.
#pragma once

#include "alert/reach.hpp"
#include "policy/snapshot.hpp"

namespace postern::gateway {

class PolicyCommunity final : public alert::Community {
public:
    explicit PolicyCommunity(const policy::Snapshot& policy) : policy_(policy) {}

    [[nodiscard]] std::optional<mail::Address> inside(const mail::Address& address) const override;
    [[nodiscard]] std::vector<mail::Address> administrators(std::string_view organisation) const override;
    [[nodiscard]] std::vector<std::string> non_secure(std::string_view organisation) const override;

private:
    const policy::Snapshot& policy_;
};

}  // namespace postern::gateway
