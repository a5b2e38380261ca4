// The numbered steps that bring a database to the schema that this program knows.
//
// Steps are only ever added. Each runs once, in a transaction of its own, and is noted in the table
// `schema_version`. Blocking; called at open, before any other thread knows the database.
#pragma once

#include "store/database.hpp"

#include <span>

namespace postern::store {

struct Migration {
    int number;        ///< from 1, without gaps
    const char* what;  ///< for the administrator who looks into the table
    const char* sql;   ///< statements without values
};

/// Applies the steps that the database lacks. Fault (later): a step failed, or the schema is newer than the last
/// of `steps`, which is what an older program finds after an update was taken back.
[[nodiscard]] Result<void> migrate(Database& database, std::span<const Migration> steps);

}  // namespace postern::store
