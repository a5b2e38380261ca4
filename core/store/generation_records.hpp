// Rows of the archive of policy generations, as callers of MailStore see them. Plain values.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace postern::store {

/// How a generation came into force.
enum class Arrival {
    start = 0,     ///< the engine found it when it started
    files = 1,     ///< files changed and then rested
    reload = 2,    ///< somebody asked for a reload
    apply = 3,     ///< somebody sent it
    rollback = 4,  ///< somebody returned to an earlier one
    reverted = 5,  ///< a trial ended without being confirmed
};

/// What became of a generation that was put in force on trial.
enum class Trial { none = 0, running = 1, confirmed = 2, not_confirmed = 3 };

/// One generation that was in force, or is.
struct GenerationRecord {
    std::uint64_t number = 0;
    std::string hash;  ///< of its files, hexadecimal
    Instant at{};      ///< when it came into force
    std::string author{};
    Arrival arrival = Arrival::start;
    std::string comment{};
    std::uint64_t repeats = 0;  ///< rollback, reverted: the generation whose files these are
    Trial trial = Trial::none;
    std::string tree{};  ///< digest of the object that lists its files; empty: it came before the archive did
};

/// A content-addressed piece of the archive: a policy's file, or a list of some. Stored once, however many generations
/// have it.
struct PolicyObject {
    std::string digest;  ///< SHA-256 of `bytes`, 32 bytes
    std::string bytes;
};

}  // namespace postern::store
