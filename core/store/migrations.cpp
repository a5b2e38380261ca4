#include "store/migrations.hpp"

#include <fmt/format.h>

namespace postern::store {

namespace {

int version_of(Database& database)
{
    database.script(
        "CREATE TABLE IF NOT EXISTS schema_version("
        " number INTEGER PRIMARY KEY, what TEXT NOT NULL, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
    Query query = database.query("SELECT coalesce(max(number), 0) FROM schema_version");
    return query.next() ? static_cast<int>(query.integer(0)) : 0;
}

void apply(Database& database, const Migration& step)
{
    database.run("BEGIN IMMEDIATE");
    database.script(step.sql);
    database.run("INSERT INTO schema_version(number, what) VALUES(?, ?)", step.number, step.what);
    database.run("COMMIT");
}

}  // namespace

Result<void> migrate(Database& database, std::span<const Migration> steps)
{
    try {
        const int found = version_of(database);
        const int known = steps.empty() ? 0 : steps.back().number;
        if (found > known)
            return fault(Retry::later,
                         fmt::format(
                             "has schema {}, this program knows {}: it was written by a newer Postern; run that one, "
                             "or restore a backup made before the update",
                             found, known))
                .about(database.file().string());
        for (const Migration& step : steps)
            if (step.number > found) apply(database, step);
        return {};
    } catch (const StorageFailure& failure) {
        if (database.in_transaction()) database.script("ROLLBACK");
        return std::unexpected(failure.fault().about(database.file().string()));
    }
}

}  // namespace postern::store
