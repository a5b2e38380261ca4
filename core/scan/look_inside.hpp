// Detected types by libmagic, and what archives and documents hold. Runs in the scanner's workers only.
//
// One thread. Handles are made before the sandbox closes and shared by fork. Looking never fails: what breaks is said.
#pragma once

#include "scan/archive_look.hpp"
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

/// Fills in members, encrypted, broken and macros, of documents too; takes from `limits` what it used. Why it ended
/// early, as look_into_archive says it.
[[nodiscard]] std::string_view look_inside(std::string_view bytes, ArchiveLimits& limits,
                                           vocabulary::PartInspection& part);

}  // namespace postern::scan
