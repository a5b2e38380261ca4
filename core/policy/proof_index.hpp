// Whose connection it is: members found by certificate name, certificate digest or network.
//
// Built once for each snapshot, immutable then; all threads. A question takes time in the number of names that were
// shown, not in the number of members.
#pragma once

#include "policy/compiler.hpp"
#include "vocabulary/organisation.hpp"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::policy {

class ProofIndex {
public:
    /// Two members whose proofs can both hold are an error. Keeps a pointer to `organisations`.
    void build(const PolicyFiles& files, const std::vector<vocabulary::Organisation>& organisations,
               Diagnostics& diagnostics);

    [[nodiscard]] Membership membership(const Shown& shown) const noexcept;
    [[nodiscard]] bool could_enter(const vocabulary::Ip& peer) const noexcept;

private:
    struct Range {
        vocabulary::Ip first;
        vocabulary::Ip last;
        std::uint32_t organisation = 0;
    };
    void index_ranges();
    [[nodiscard]] static const Range* holding(const std::vector<Range>& ranges, const vocabulary::Ip& ip) noexcept;

    const std::vector<vocabulary::Organisation>* organisations_ = nullptr;
    std::unordered_multimap<std::string_view, std::uint32_t> by_name_;
    std::unordered_multimap<std::string_view, std::uint32_t> by_sha256_;
    std::vector<Range> by_network_;  ///< members proved by network alone; sorted, disjoint
    std::vector<Range> all_;         ///< of all members; sorted, disjoint
    bool anywhere_ = false;          ///< some member declares no network
};

}  // namespace postern::policy
