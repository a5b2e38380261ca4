// SQLite behind RAII: a connection, its prepared statements, and its errors.
//
// A Database is used by one thread at a time and owns its statements. Inside this layer a storage error is
// thrown as StorageFailure, because it ends whatever the caller was doing; the edges of the room (Writer, Workers,
// Database::open) catch it and give a Fault. SQL is a literal wherever it can be: no text from outside reaches it.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"

#include <concepts>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace postern::store {

/// What SQLite said, and at what. Thrown; turned into a Fault (Retry::later) at the edge of the room.
class StorageFailure : public std::exception {
public:
    StorageFailure(int code, std::string operation, std::string message);

    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
    /// SQLite's extended result code.
    [[nodiscard]] int code() const noexcept { return code_; }
    /// Whether the storage itself is in trouble (full, unreadable, corrupt), not only this statement.
    [[nodiscard]] bool is_storage_trouble() const noexcept;
    /// A peer is told 452 4.3.1 when space ran out, else the general temporary text.
    [[nodiscard]] Fault fault() const;

private:
    int code_;
    std::string text_;
};

/// SQL known when compiling: its address is the key of the statement cache.
class Sql {
public:
    consteval Sql(const char* text) : text_(text) {}  // NOLINT: implicit, so that db.run("...") reads well
    [[nodiscard]] const char* text() const noexcept { return text_; }

private:
    const char* text_;
};

/// Bytes to be bound as a BLOB.
struct Blob {
    std::string_view bytes;
};

namespace detail {

struct Prepared {
    sqlite3_stmt* statement = nullptr;
    bool busy = false;
};

void bind_integer(sqlite3_stmt* statement, int index, std::int64_t value);
void bind_text(sqlite3_stmt* statement, int index, std::string_view value, bool copy);
void bind_blob(sqlite3_stmt* statement, int index, std::string_view value, bool copy);
void bind_null(sqlite3_stmt* statement, int index);

template <class T>
struct is_optional : std::false_type {
};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {
};

template <class T>
void bind(sqlite3_stmt* statement, int index, const T& value, bool copy)
{
    if constexpr (is_optional<T>::value) {
        if (value)
            bind(statement, index, *value, copy);
        else
            bind_null(statement, index);
    } else if constexpr (std::same_as<T, Blob>) {
        bind_blob(statement, index, value.bytes, copy);
    } else if constexpr (std::same_as<T, Instant>) {
        bind_integer(statement, index, to_micros(value));
    } else if constexpr (std::integral<T> || std::is_enum_v<T>) {
        bind_integer(statement, index, static_cast<std::int64_t>(value));
    } else {
        bind_text(statement, index, std::string_view(value), copy);
    }
}

}  // namespace detail

/// A statement under way: a cursor over its rows. Gives the statement back to the cache when destroyed; must not
/// outlive its Database.
class Query {
public:
    Query(sqlite3_stmt* statement, detail::Prepared* cached) noexcept : statement_(statement), cached_(cached) {}
    Query(Query&& other) noexcept;
    Query& operator=(Query&&) = delete;
    ~Query();

    /// Steps to the next row; false at the end. Throws StorageFailure.
    bool next();

    // Columns of the current row, counted from 0; views hold until the next step.
    [[nodiscard]] std::int64_t integer(int column) const noexcept;
    [[nodiscard]] std::string_view text(int column) const noexcept;
    [[nodiscard]] std::string_view blob(int column) const noexcept;
    [[nodiscard]] bool null(int column) const noexcept;
    [[nodiscard]] std::string string(int column) const { return std::string(text(column)); }
    [[nodiscard]] bool flag(int column) const noexcept { return integer(column) != 0; }
    [[nodiscard]] Instant instant(int column) const noexcept { return from_micros(integer(column)); }
    template <class E>
    [[nodiscard]] E as(int column) const noexcept
    {
        return static_cast<E>(integer(column));
    }

    [[nodiscard]] sqlite3_stmt* handle() const noexcept { return statement_; }

private:
    sqlite3_stmt* statement_;
    detail::Prepared* cached_;
};

class Database {
public:
    enum class Access { read_write, read_only };
    struct Options {
        Access access = Access::read_write;
        int cache_kib = 8 * 1024;  ///< of pages, in memory
    };

    /// Opens or (read_write) creates the file, mode 0600, in WAL with synchronous=FULL. Blocking. Fault: later,
    /// with SQLite's words and what to do about it.
    [[nodiscard]] static Result<Database> open(const std::filesystem::path& file, Options options);
    Database(Database&& other) noexcept;
    Database& operator=(Database&&) = delete;
    ~Database();

    /// Runs a statement to its end and returns the number of rows it changed. Throws StorageFailure.
    template <class... Values>
    std::int64_t run(Sql sql, const Values&... values)
    {
        Query query = take(sql);
        bind_all(query, false, values...);
        while (query.next()) {
        }
        return changes();
    }

    /// Starts a statement whose rows are wanted. Bound texts are copied.
    template <class... Values>
    [[nodiscard]] Query query(Sql sql, const Values&... values)
    {
        Query query = take(sql);
        bind_all(query, true, values...);
        return query;
    }

    /// For statements put together at run time (filters): prepared each time, values bound by the caller in order.
    [[nodiscard]] Query prepare(const std::string& sql);
    template <class T>
    static void bind(Query& query, int index, const T& value)
    {
        detail::bind(query.handle(), index, value, true);
    }

    /// Several statements without values: migrations, pragmas. Throws StorageFailure.
    void script(const std::string& sql);

    [[nodiscard]] std::int64_t changes() const noexcept;
    /// Rows changed since the connection was opened: tells whether a job wrote anything.
    [[nodiscard]] std::int64_t total_changes() const noexcept;
    [[nodiscard]] bool in_transaction() const noexcept;
    [[nodiscard]] std::int64_t last_rowid() const noexcept;

    /// Has `action` run on this thread once the transaction under way is durable; forgotten if it is rolled back.
    void after_commit(std::function<void()> action) { actions_.push_back(std::move(action)); }
    /// The actions waiting, for whoever commits (Writer).
    [[nodiscard]] std::vector<std::function<void()>>& actions() noexcept { return actions_; }

    struct Checkpoint {
        int in_log = 0;   ///< pages in the write-ahead log
        int settled = 0;  ///< of these, copied into the database
    };
    /// A passive checkpoint: copies what it can without making anybody wait. Throws StorageFailure.
    Checkpoint checkpoint();
    /// Pages in the write-ahead log after this connection's last commit.
    [[nodiscard]] int pages_in_log() const noexcept { return *pages_in_log_; }

    [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
    [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }

private:
    struct Cache;
    Database(sqlite3* handle, std::filesystem::path file);
    void tune(const Options& options);
    [[nodiscard]] Query take(Sql sql);
    [[noreturn]] void fail(int code, std::string_view operation) const;

    template <class... Values>
    static void bind_all(Query& query, [[maybe_unused]] bool copy, const Values&... values)
    {
        [[maybe_unused]] int index = 0;
        (detail::bind(query.handle(), ++index, values, copy), ...);
    }

    sqlite3* handle_;
    std::filesystem::path file_;
    std::unique_ptr<Cache> cache_;
    std::unique_ptr<int> pages_in_log_;
    std::vector<std::function<void()>> actions_;
};

}  // namespace postern::store
