// What Directory and Administration share: the caches, the writer, the readers. Private to the room.
#pragma once

#include "directory/administration.hpp"
#include "directory/cache.hpp"
#include "directory/directory.hpp"
#include "directory/importing.hpp"
#include "directory/logins.hpp"
#include "directory/rows.hpp"
#include "store/workers.hpp"
#include "store/writer.hpp"

namespace postern::directory {

/// What a member's server said about one of its addresses.
struct Answer {
    bool exists = false;
    Instant until{};
};

/// Several queries that must see the same state of the database.
class OneView {
public:
    explicit OneView(store::Database& database) : database_(database) { database_.run("BEGIN"); }
    OneView(const OneView&) = delete;
    OneView& operator=(const OneView&) = delete;
    ~OneView()
    {
        try {
            if (database_.in_transaction()) database_.run("ROLLBACK");
        } catch (const store::StorageFailure&) {
            // Nothing was written, so there is nothing to lose; the next BEGIN on this connection says what is wrong.
        }
    }

private:
    store::Database& database_;
};

/// For threads that hash: they need no database.
struct NoState {};

// The threads stand last, so that they end before what their work touches.
struct Directory::Impl {
    explicit Impl(const DirectoryOptions& options)
        : present(options.cached_entries), absent(options.cached_absent), answers(options.cached_answers)
    {
    }

    Cache<DirectoryEntryPtr> present;
    Cache<bool> absent;
    Cache<Answer> answers;
    std::unique_ptr<store::Writer> writer;
    std::unique_ptr<store::Readers> lookups;           ///< short questions, on which mail waits
    std::unique_ptr<store::Readers> overview;          ///< long ones, on which only an administrator waits
    std::unique_ptr<store::Workers<NoState>> hashers;  ///< passwords: tens of milliseconds and 64 MiB each
    Progress progress;                                 ///< of the import that is under way
    std::unique_ptr<Administration> administration;
    std::unique_ptr<Logins> logins;

    [[nodiscard]] DirectoryEntryPtr look_up(store::Database& database, const std::string& key)
    {
        const auto present_version = present.version();
        const auto absent_version = absent.version();
        auto entry = read_entry(database, key);
        if (entry)
            present.put(key, entry, present_version);
        else
            absent.put(key, true, absent_version);
        return entry;
    }

    void entries_changed()
    {
        present.invalidate();
        absent.invalidate();
    }

    /// What an import would do, and the state of the entries that this holds for.
    struct Planned {
        Difference difference;
        std::int64_t after_import = 0;
    };
    [[nodiscard]] Async<Result<Planned>> plan(std::shared_ptr<const ImportDocument> document, EntryCheck check,
                                              EntryTerms terms);
};

}  // namespace postern::directory
