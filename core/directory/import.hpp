// What an import would change or has changed, and everything that is wrong with a document.
//
// Values; made by Directory::plan and Directory::apply.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "vocabulary/directory_entry.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace postern::directory {

using vocabulary::DirectoryEntry;
using vocabulary::DirectoryEntryPtr;
using vocabulary::EntryKind;
using vocabulary::EntryStatus;
using vocabulary::ImportDocument;

/// What is wrong with one entry of a document.
struct ImportProblem {
    std::size_t line = 0;  ///< in the document, from 1; 0: the whole of it
    std::string what;      ///< `eric.brown@x.example stands already in line 7`
};

/// One field of an entry, as it was and as it is declared now; printed forms.
struct FieldChange {
    std::string field;  ///< "status"
    std::string before;
    std::string after;
};

struct EntryChange {
    DirectoryEntry entry;  ///< as it is declared now
    std::vector<FieldChange> fields;
};

/// The difference between a document and the directory, for the organisations that the document names.
struct Difference {
    /// A login that an entry brings along, for who has none or never used it.
    struct Login {
        std::string key, user_name, password;  ///< `password`: a hash
    };
    std::vector<DirectoryEntry> added;
    std::vector<EntryChange> changed;
    std::vector<DirectoryEntry> removed;  ///< not in the document: their status becomes "removed"
    std::vector<Login> logins;            ///< that would be made, or were
    std::size_t unchanged = 0;
    std::vector<ImportProblem> problems;  ///< all that was found, by line; not empty: nothing was or would be written

    [[nodiscard]] bool valid() const noexcept { return problems.empty(); }
    [[nodiscard]] bool empty() const noexcept
    {
        return added.empty() && changed.empty() && removed.empty() && logins.empty();
    }
};

/// How far a long piece of work is, for whoever waits and looks. Thread-safe.
class Progress {
public:
    struct Seen {
        std::string phase;  ///< "comparing", "writing"; empty: none is under way
        std::uint64_t done = 0, total = 0;
    };
    void begin(const char* phase, std::uint64_t total) noexcept
    {
        done_ = 0;
        total_ = total;
        phase_ = phase;
    }
    void step() noexcept { done_.fetch_add(1, std::memory_order_relaxed); }
    void end() noexcept { phase_ = nullptr; }
    [[nodiscard]] Seen seen() const
    {
        const char* phase = phase_;
        return {phase ? phase : "", done_, total_};
    }

private:
    std::atomic<const char*> phase_ = nullptr;
    std::atomic<std::uint64_t> done_ = 0, total_ = 0;
};

/// Whether an entry may be: that its organisation exists and the address is in one of its domains. The fault's
/// detail is shown with the entry's line. Called on a thread of the directory, never on an I/O thread.
using EntryCheck = std::function<Result<void>(const DirectoryEntry&)>;

/// What else policy says of entries that are written.
struct EntryTerms {
    Duration non_secure_rests = std::chrono::hours{48};  ///< a changed address outside, before it counts
    /// Whether new addresses may look like others of their organisation: somebody was asked, and is sure.
    bool look_alikes = false;
    /// Whether an import may remove those whom it leaves out; else they are problems, and nothing is written.
    bool removal = true;
};

}  // namespace postern::directory
