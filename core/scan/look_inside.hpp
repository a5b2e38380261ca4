// Detected types by libmagic, and what archives and documents hold by libarchive. Runs in the scanner's workers only.
//
// One thread. Handles are made before the sandbox closes and shared by fork. Looking never fails: what breaks is said.
#pragma once

#include "vocabulary/inspection.hpp"

#include <memory>
#include <string_view>

namespace postern::scan {

/// libmagic with its compiled database.
class TypeDetector {
public:
    /// Throws std::runtime_error where the database can't be read.
    TypeDetector();
    ~TypeDetector();
    TypeDetector(const TypeDetector&) = delete;
    TypeDetector& operator=(const TypeDetector&) = delete;
    /// "application/pdf"; "application/octet-stream" where nothing is known.
    [[nodiscard]] std::string type_of(std::string_view bytes) const;

private:
    struct Handle;
    std::unique_ptr<Handle> handle_;
};

struct ArchiveLimits {
    std::size_t members = 0;     ///< names that may still be listed
    std::size_t name_bytes = 0;  ///< and their bytes
    std::uint64_t unpacked = 0;  ///< bytes that may be unpacked on the way to the names
};

/// Fills in members, encrypted, broken and macros; takes from `limits` what it used. False where a limit ended the
/// look.
bool look_inside(std::string_view bytes, ArchiveLimits& limits, vocabulary::PartInspection& part);

}  // namespace postern::scan
