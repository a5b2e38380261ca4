// Who owns which domain: the mapping of members' domains to those inside the community, one to one.
//
// Built once for each snapshot, immutable then; all threads.
#pragma once

#include "policy/compiler.hpp"
#include "vocabulary/organisation.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::policy {

class DomainIndex {
public:
    struct Owner {
        std::uint32_t organisation = 0;  ///< index
        std::uint32_t domain = 0;        ///< index within the organisation
        bool inside = false;
    };

    /// Gives `organisation` its mapped domains. Wrong entries are errors and are left out.
    static void map_domains(const FileOf<OrganisationFile>& file, const mail::Domain& suffix,
                            vocabulary::Organisation& organisation, Diagnostics& diagnostics);

    /// Indexes the domains of all; one that two entries claim is an error. Keys are views into `organisations`,
    /// whose domains must not move after this.
    void build(const PolicyFiles& files, const std::vector<vocabulary::Organisation>& organisations,
               Diagnostics& diagnostics);

    /// By the domain's key.
    [[nodiscard]] std::optional<Owner> find(std::string_view key) const noexcept;

private:
    std::unordered_map<std::string_view, Owner> owners_;
};

}  // namespace postern::policy
