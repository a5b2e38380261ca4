#include "directory/audit.hpp"

#include "base/text.hpp"

namespace postern::directory {

namespace {

using store::Blob;
using store::Database;
using store::Query;

constexpr std::size_t hash_size = 32;

AuditRecord record_of(const Query& row)
{
    AuditRecord record;
    record.number = static_cast<std::uint64_t>(row.integer(0));
    record.at = row.instant(1);
    record.actor = row.string(2);
    record.act = row.string(3);
    record.target = row.string(4);
    record.organisation = row.string(5);
    record.outcome = row.string(6);
    record.detail = row.string(7);
    record.hash = std::string(row.blob(8));
    return record;
}

struct Start {
    std::uint64_t number = 0;
    std::string hash = std::string(hash_size, '\0');
};

Start start_of(Database& database)
{
    auto row = database.query("SELECT number, hash FROM audit_start");
    if (!row.next()) return {};
    return {static_cast<std::uint64_t>(row.integer(0)), std::string(row.blob(1))};
}

}  // namespace

AuditRecord last_audit(Database& database)
{
    {
        auto row = database.query(
            "SELECT number, at, actor, act, target, organisation, outcome, detail, hash FROM audit "
            "ORDER BY number DESC LIMIT 1");
        if (row.next()) return record_of(row);
    }
    AuditRecord none;
    const auto start = start_of(database);
    none.number = start.number;
    none.hash = start.hash;
    return none;
}

namespace {

constexpr std::size_t longest_name = 300;
constexpr std::size_t longest_detail = 16 * 1024;

/// Nobody's words can make the record unreadable, or large.
void make_printable(AuditRecord& record)
{
    for (auto* text : {&record.actor, &record.act, &record.target, &record.organisation, &record.outcome})
        *text = printable(*text, longest_name);
    if (!is_utf8(record.detail) || record.detail.size() > longest_detail)
        record.detail = printable(record.detail, longest_detail);
}

}  // namespace

AuditRecord append_audit(Database& database, AuditRecord record)
{
    make_printable(record);
    const auto last = last_audit(database);
    record.number = last.number + 1;
    record.hash = hash_of(last.hash, record);
    database.run(
        "INSERT INTO audit(number, at, actor, act, target, organisation, outcome, detail, hash) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        record.number, record.at, record.actor, record.act, record.target, record.organisation, record.outcome,
        record.detail, Blob{record.hash});
    return record;
}

std::vector<AuditRecord> search_audit(Database& database, const AuditFilter& filter)
{
    std::string sql = "SELECT number, at, actor, act, target, organisation, outcome, detail, hash FROM audit WHERE 1";
    const std::pair<const char*, const std::string*> texts[] = {{"actor", &filter.actor},
                                                                {"act", &filter.act},
                                                                {"target", &filter.target},
                                                                {"organisation", &filter.organisation},
                                                                {"outcome", &filter.outcome}};
    for (const auto& [column, value] : texts)
        if (!value->empty()) sql += std::string(" AND ") + column + " = ?";
    if (filter.since) sql += " AND at >= ?";
    if (filter.until) sql += " AND at < ?";
    sql += " ORDER BY number DESC LIMIT ?";
    auto rows = database.prepare(sql);
    int index = 0;
    for (const auto& [column, value] : texts)
        if (!value->empty()) Database::bind(rows, ++index, *value);
    if (filter.since) Database::bind(rows, ++index, *filter.since);
    if (filter.until) Database::bind(rows, ++index, *filter.until);
    Database::bind(rows, ++index, filter.limit);
    std::vector<AuditRecord> found;
    while (rows.next()) found.push_back(record_of(rows));
    return found;
}

std::string export_audit(Database& database, const std::string& node)
{
    const auto start = start_of(database);
    std::string text = print_export_start(node, start.number, start.hash);
    auto rows = database.query(
        "SELECT number, at, actor, act, target, organisation, outcome, detail, hash FROM audit ORDER BY number");
    while (rows.next()) text += print_record(record_of(rows));
    return text;
}

std::size_t purge_audit(Database& database, Instant until, std::size_t at_most)
{
    std::uint64_t number = 0;
    std::string hash;
    {
        auto rows =
            database.query("SELECT number, hash FROM audit WHERE at < ? ORDER BY number LIMIT ?", until, at_most);
        while (rows.next()) {
            number = static_cast<std::uint64_t>(rows.integer(0));
            hash = std::string(rows.blob(1));
        }
    }
    if (number == 0) return 0;
    database.run("UPDATE audit_start SET number = ?, hash = ?", number, Blob{hash});
    return static_cast<std::size_t>(database.run("DELETE FROM audit WHERE number <= ?", number));
}

}  // namespace postern::directory
