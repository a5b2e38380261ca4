// The audit's rows: added to in the transaction of what they tell of, read by whoever may.
//
// Used through Directory and Administration; the free functions run on the store's threads and throw
// store::StorageFailure.
#pragma once

#include "directory/audit_chain.hpp"
#include "store/database.hpp"

#include <functional>
#include <optional>
#include <string>

namespace postern::directory {

/// Adds a record; number and hash are set here.
AuditRecord append_audit(store::Database& database, AuditRecord record);

struct AuditFilter {
    std::string actor, act, target, organisation, outcome;  ///< exactly; empty: any
    std::optional<Instant> since, until;
    std::size_t limit = 200;  ///< newest first
};
[[nodiscard]] std::vector<AuditRecord> search_audit(store::Database& database, const AuditFilter& filter);

/// The whole chain as an export, from the first record that is kept.
[[nodiscard]] std::string export_audit(store::Database& database, const std::string& node);
/// The last record; number 0 and zeros where there is none.
[[nodiscard]] AuditRecord last_audit(store::Database& database);

/// Takes away records from before `until`, at most `at_most` of the oldest; what is left can still be verified. Number
/// of records.
std::size_t purge_audit(store::Database& database, Instant until, std::size_t at_most);

}  // namespace postern::directory
