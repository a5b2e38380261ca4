#include "store/copies.hpp"

#include "store/database.hpp"

#include <system_error>

namespace postern::store {

namespace {

constexpr Database::Options reading{.access = Database::Access::read_only, .cache_kib = 2048};

std::uint64_t number(Database& database, Sql sql)
{
    Query query = database.query(sql);
    return query.next() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

/// Does what throws StorageFailure with the database, and gives a fault where it did.
template <class Work>
Result<void> with_database(const std::filesystem::path& file, const Work& work)
{
    auto opened = Database::open(file, reading);
    if (!opened) return std::unexpected(opened.error());
    try {
        return work(*opened);
    } catch (const StorageFailure& failure) {
        return std::unexpected(failure.fault().about(file.string()));
    }
}

}  // namespace

Result<void> copy_database(const std::filesystem::path& from, const std::filesystem::path& to)
{
    auto copied = with_database(from, [&](Database& database) -> Result<void> {
        database.run("VACUUM INTO ?", to.string());
        return {};
    });
    std::error_code ignored;
    if (!copied) std::filesystem::remove(to, ignored);
    return copied;
}

Result<void> check_database(const std::filesystem::path& file)
{
    return with_database(file, [&](Database& database) -> Result<void> {
        Query query = database.query("PRAGMA quick_check(1)");
        const bool any = query.next();
        if (any && query.text(0) == "ok") return {};
        return fault(Retry::never, any ? query.string(0) : std::string("is no database")).about(file.string());
    });
}

Result<MailFacts> look_into_mail(const std::filesystem::path& file,
                                 const std::function<Result<void>(const std::string& id)>& body)
{
    MailFacts facts;
    auto looked = with_database(file, [&](Database& database) -> Result<void> {
        facts.messages = number(database, "SELECT count(*) FROM message");
        facts.deliveries = number(database, "SELECT count(*) FROM delivery");
        facts.spooled = number(database, "SELECT count(DISTINCT message) FROM delivery");
        facts.generation =
            number(database, "SELECT coalesce(max(number), 0) FROM generation WHERE trial IN (0, 2)");  // store::Trial
        facts.schema = static_cast<int>(number(database, "SELECT coalesce(max(number), 0) FROM schema_version"));
        Query query = database.query(
            "SELECT DISTINCT m.id FROM delivery d JOIN message m ON m.number = d.message WHERE d.in_file <> 0");
        while (query.next())
            if (auto done = body(query.string(0)); !done) return done;
        return {};
    });
    if (!looked) return std::unexpected(looked.error());
    return facts;
}

}  // namespace postern::store
