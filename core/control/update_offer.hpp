// What a source of updates offers: a manifest that the appliance's maker signed.
//
// Pure; any thread. The same manifest that lies in an update (image/lib/outputs.sh).
#pragma once

#include "base/fault.hpp"

#include <string>
#include <string_view>

namespace postern::control {

struct UpdateOffer {
    std::string version;
    bool newer = false;  ///< than the one that runs
};
/// `maker`: PEM of the maker's public key (Ed25519). Fault (never): not signed by the maker, or no manifest.
[[nodiscard]] Result<UpdateOffer> read_offer(std::string_view manifest, std::string_view signature,
                                             const std::string& maker, std::string_view running);

/// Whether a version of numbers and dots is higher than another.
[[nodiscard]] bool is_higher(std::string_view version, std::string_view than);

}  // namespace postern::control
