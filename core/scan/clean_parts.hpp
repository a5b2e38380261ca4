// Parts in which the present signature set found nothing: what many messages carry (logos, disclaimers, the same
// letter to many) costs a digest and no scan. libclamav's own cache is turned off: it does not tell bytes that were
// scanned as mail from bytes that were not.
//
// One worker's; it lives and ends with it, and a worker never sees another signature set. Bounded: what was not asked
// for during the last `most` other parts may be forgotten, what was asked for is kept.
#pragma once

#include "base/digest.hpp"

#include <cstddef>
#include <cstring>
#include <unordered_set>

namespace postern::scan {

class CleanParts {
public:
    /// At most twice as many are remembered.
    explicit CleanParts(std::size_t most = 8192) : most_(most) {}

    [[nodiscard]] bool knows(const Digest& part);
    void add(const Digest& part);

private:
    struct FirstBytes {
        std::size_t operator()(const Digest& digest) const noexcept
        {
            std::size_t hash = 0;
            std::memcpy(&hash, digest.data(), sizeof hash);
            return hash;
        }
    };
    using Digests = std::unordered_set<Digest, FirstBytes>;

    std::size_t most_;
    Digests recent_;
    Digests older_;  ///< forgotten when `recent_` is full
};

}  // namespace postern::scan
