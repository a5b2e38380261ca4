// What an archive holds, by libarchive: names, and whether it is locked, broken or carries macros; archives within it
// as well. Runs in the scanner's workers only.
//
// One thread. Looking never fails: what breaks is said in the part, what goes over a bound ends the look by its name.
#pragma once

#include "vocabulary/inspection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace postern::scan {

/// What the files of one message may cost together.
struct ArchiveLimits {
    std::size_t members = 0;     ///< files that may still be met
    std::size_t name_bytes = 0;  ///< and the bytes of their names, where names are asked for
    std::uint64_t unpacked = 0;  ///< bytes that may be unpacked on the way
    bool names = true;  ///< names are listed; else only flags are, and what is too large to hold is passed over
    std::size_t held = 64 << 20;  ///< bytes of archives within archives that may be in memory at one time
    unsigned depth = 16;          ///< archives within each other
    std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
    /// Shown what lies in archives that libclamav does not open, file by file; empty: nobody looks. Valid for the call.
    std::function<void(std::string_view)> show_unread = {};
};

/// Fills in members, encrypted, broken and macros; takes from `limits` what it used. Why it ended early: "files",
/// "size", "time" or "depth"; empty: it did not, or what breaks is said in `part`.
[[nodiscard]] std::string_view look_into_archive(std::string_view bytes, ArchiveLimits& limits,
                                                 vocabulary::PartInspection& part);

/// Documents that are no archives: Office's older container, and PDF.
void look_into_document(std::string_view bytes, vocabulary::PartInspection& part);

}  // namespace postern::scan
