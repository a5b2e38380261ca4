#include "directory/copies.hpp"

#include "directory/audit.hpp"
#include "directory/schema.hpp"

namespace postern::directory {

namespace {

std::uint64_t number(store::Database& database, store::Sql sql)
{
    store::Query query = database.query(sql);
    return query.next() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

}  // namespace

Result<DirectoryFacts> look_into_directory(const std::filesystem::path& file)
{
    auto database = store::Database::open(file, {.access = store::Database::Access::read_only});
    if (!database) return std::unexpected(database.error());
    try {
        DirectoryFacts facts;
        facts.entries = number(*database, "SELECT count(*) FROM entries");
        facts.audit = last_audit(*database).number;
        facts.schema = static_cast<int>(number(*database, "SELECT coalesce(max(number), 0) FROM schema_version"));
        return facts;
    } catch (const store::StorageFailure& failure) {
        return std::unexpected(failure.fault().about(file.string()));
    }
}

Result<void> continue_audit(const std::filesystem::path& file, AuditRecord record)
{
    auto database = store::Database::open(file, {});
    if (!database) return std::unexpected(database.error());
    if (auto migrated = store::migrate(*database, migrations()); !migrated) return migrated;
    try {
        database->run("BEGIN IMMEDIATE");
        append_audit(*database, std::move(record));
        database->run("COMMIT");
        database->checkpoint();
    } catch (const store::StorageFailure& failure) {
        return std::unexpected(failure.fault().about(file.string()));
    }
    return {};
}

}  // namespace postern::directory
