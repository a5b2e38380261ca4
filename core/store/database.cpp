#include "store/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace postern::store {

namespace {

/// The first line's worth of a statement: enough to know which one it was.
std::string operation_of(std::string_view sql)
{
    constexpr std::size_t longest = 60;
    return sql.size() <= longest ? std::string(sql) : std::string(sql.substr(0, longest)) + "...";
}

std::string_view remedy_for(int code)
{
    switch (code & 0xff) {
        case SQLITE_FULL:
            return "; free some space on its file system";
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return "; stop the service, keep the file, and restore a backup";
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
            return "; check owner and mode of the file and its folder";
        default:
            return "";
    }
}

/// Created before SQLite does, which would ask the umask; -wal and -shm take their mode from it.
void create_private(const std::filesystem::path& file)
{
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor >= 0) ::close(descriptor);  // a failure is met again, and told, by sqlite3_open_v2
}

int note_pages(void* counter, sqlite3*, const char*, int pages)
{
    *static_cast<int*>(counter) = pages;
    return SQLITE_OK;
}

void check_bind(sqlite3_stmt* statement, int code)
{
    if (code == SQLITE_OK) return;
    throw StorageFailure(code, operation_of(sqlite3_sql(statement)), sqlite3_errmsg(sqlite3_db_handle(statement)));
}

}  // namespace

StorageFailure::StorageFailure(int code, std::string operation, std::string message)
    : code_(code), text_(fmt::format("{}: {} (SQLite {}){}", operation, message, code, remedy_for(code)))
{
}

bool StorageFailure::is_storage_trouble() const noexcept
{
    switch (code_ & 0xff) {
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_NOMEM:
            return true;
        default:
            return false;
    }
}

Fault StorageFailure::fault() const
{
    if ((code_ & 0xff) != SQLITE_FULL) return Fault(Retry::later, text_);
    return Fault(Retry::later, text_)
        .tell_peer(52, {3, 1}, "There is no room to keep the message; please try again later");
}

namespace detail {

void bind_integer(sqlite3_stmt* statement, int index, std::int64_t value)
{
    check_bind(statement, sqlite3_bind_int64(statement, index, value));
}

void bind_text(sqlite3_stmt* statement, int index, std::string_view value, bool copy)
{
    const char* data = value.data() ? value.data() : "";  // a null pointer would be NULL, not ''
    check_bind(statement, sqlite3_bind_text64(statement, index, data, value.size(),
                                              copy ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8));  // NOLINT
}

void bind_blob(sqlite3_stmt* statement, int index, std::string_view value, bool copy)
{
    const char* data = value.data() ? value.data() : "";
    check_bind(statement, sqlite3_bind_blob64(statement, index, data, value.size(),
                                              copy ? SQLITE_TRANSIENT : SQLITE_STATIC));  // NOLINT
}

void bind_null(sqlite3_stmt* statement, int index)
{
    check_bind(statement, sqlite3_bind_null(statement, index));
}

}  // namespace detail

Query::Query(Query&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), cached_(std::exchange(other.cached_, nullptr))
{
}

Query::~Query()
{
    if (!statement_) return;
    if (cached_) {
        sqlite3_reset(statement_);
        cached_->busy = false;
    } else {
        sqlite3_finalize(statement_);
    }
}

bool Query::next()
{
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    sqlite3* handle = sqlite3_db_handle(statement_);
    throw StorageFailure(sqlite3_extended_errcode(handle), operation_of(sqlite3_sql(statement_)),
                         sqlite3_errmsg(handle));
}

std::int64_t Query::integer(int column) const noexcept
{
    return sqlite3_column_int64(statement_, column);
}

std::string_view Query::text(int column) const noexcept
{
    const void* data = sqlite3_column_text(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return data ? std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size)) : std::string_view();
}

std::string_view Query::blob(int column) const noexcept
{
    const void* data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return data ? std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size)) : std::string_view();
}

bool Query::null(int column) const noexcept
{
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

struct Database::Cache {
    std::unordered_map<const char*, detail::Prepared> statements;
};

Result<Database> Database::open(const std::filesystem::path& file, Options options)
{
    const bool writes = options.access == Access::read_write;
    if (writes) create_private(file);
    sqlite3* handle = nullptr;
    const int flags = (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
    Database database(handle, file);
    try {
        if (code != SQLITE_OK) database.fail(code, "open");
        database.tune(options);
    } catch (const StorageFailure& failure) {
        return std::unexpected(failure.fault().about(file.string()));
    }
    return database;
}

Database::Database(sqlite3* handle, std::filesystem::path file)
    : handle_(handle),
      file_(std::move(file)),
      cache_(std::make_unique<Cache>()),
      pages_in_log_(std::make_unique<int>(0))
{
}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      file_(std::move(other.file_)),
      cache_(std::move(other.cache_)),
      pages_in_log_(std::move(other.pages_in_log_)),
      actions_(std::move(other.actions_))
{
}

Database::~Database()
{
    if (cache_)
        for (auto& [text, prepared] : cache_->statements) sqlite3_finalize(prepared.statement);
    sqlite3_close_v2(handle_);
}

void Database::tune(const Options& options)
{
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, 5000);
    // Settings that only a new file takes come first; SQLite ignores them later.
    if (options.access == Access::read_write)
        script(
            "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            // The log is copied back by Checkpointer, never by a commit; kept at its size, so that its syncs stay
            // cheap.
            "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"
            // What is deleted is overwritten wherever that costs no write of its own.
            "PRAGMA secure_delete=FAST;");
    script(
        fmt::format("PRAGMA cache_size=-{}; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
                    "PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF;",
                    options.cache_kib));
    sqlite3_wal_hook(handle_, note_pages, pages_in_log_.get());
}

Query Database::take(Sql sql)
{
    detail::Prepared& prepared = cache_->statements[sql.text()];
    if (prepared.busy) return prepare(sql.text());  // the same statement further up the stack
    if (!prepared.statement) {
        const int code =
            sqlite3_prepare_v3(handle_, sql.text(), -1, SQLITE_PREPARE_PERSISTENT, &prepared.statement, nullptr);
        if (code != SQLITE_OK) fail(code, sql.text());
    }
    prepared.busy = true;
    return Query(prepared.statement, &prepared);
}

Query Database::prepare(const std::string& sql)
{
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.c_str(), -1, 0, &statement, nullptr);
    if (code != SQLITE_OK) fail(code, sql);
    return Query(statement, nullptr);
}

void Database::script(const std::string& sql)
{
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, sql);
}

std::int64_t Database::changes() const noexcept
{
    return sqlite3_changes64(handle_);
}

std::int64_t Database::total_changes() const noexcept
{
    return sqlite3_total_changes64(handle_);
}

bool Database::in_transaction() const noexcept
{
    return sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Database::last_rowid() const noexcept
{
    return sqlite3_last_insert_rowid(handle_);
}

Database::Checkpoint Database::checkpoint()
{
    Checkpoint done;
    const int code =
        sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &done.in_log, &done.settled);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) fail(code, "checkpoint");
    return done;
}

void Database::fail(int code, std::string_view operation) const
{
    throw StorageFailure(handle_ ? sqlite3_extended_errcode(handle_) : code, operation_of(operation),
                         handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code));
}

}  // namespace postern::store
