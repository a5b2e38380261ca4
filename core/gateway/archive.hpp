// The archive of generations: every policy that went live, whole, for as long as somebody may ask what it was.
//
// A generation's files are objects in mail.db under the SHA-256 of their bytes, so that what many generations share is
// kept once. One object lists the files (of a large policy: it lists lists, so that one changed file costs one list).
// keep() and everything else that is no Async blocks and belongs to the reloading thread; read() and list() may be
// awaited on any I/O thread. Storage errors are Faults (later).
#pragma once

#include "policy/loader.hpp"
#include "store/mail_store.hpp"

#include <unordered_set>

namespace postern::gateway {

/// How long the archive keeps what is no longer in force.
struct ArchiveKeeps {
    Duration age = std::chrono::days{400};  ///< since it went out of force: 13 months, as long as the ledger is asked
    std::size_t at_least = 100;             ///< the newest, however old
    std::size_t at_most = 10'000;           ///< however young
};

class Archive {
public:
    template <class T>
    using Async = store::MailStore::Async<T>;

    explicit Archive(store::MailStore& store) : store_(store) {}

    /// At the start. Gives the generation whose trial the end of the engine interrupted; how it ended is still to be
    /// said.
    [[nodiscard]] Result<std::optional<store::GenerationRecord>> open();
    /// The newest; number 0 where there is none.
    [[nodiscard]] const store::GenerationRecord& newest() const noexcept { return newest_; }
    /// The newest that stood, and not only on trial; number 0 where there is none.
    [[nodiscard]] const store::GenerationRecord& standing() const noexcept { return standing_; }
    /// Durable when it returns: the files, then the record, which becomes the newest.
    [[nodiscard]] Result<void> keep(const std::vector<policy::LoadedFile>& files, store::GenerationRecord record);
    /// Takes the newest back: it did not go live after all.
    [[nodiscard]] Result<void> forget_newest();
    [[nodiscard]] Result<void> end_trial(std::uint64_t generation, store::Trial how);
    /// Drops what no longer has to be kept.
    [[nodiscard]] Result<void> prune(Instant now, const ArchiveKeeps& keeps);
    /// Fault never: there is none of that number, or none with files.
    [[nodiscard]] Result<policy::FileSet> files(std::uint64_t generation);

    /// The same for I/O threads.
    [[nodiscard]] static Async<Result<policy::FileSet>> read(store::MailStore& store, std::uint64_t generation);

private:
    [[nodiscard]] Result<void> sweep(const std::vector<store::GenerationRecord>& kept);

    store::MailStore& store_;
    void remember(const std::vector<store::GenerationRecord>& all);

    store::GenerationRecord newest_, standing_;
    std::unordered_set<std::string> known_;  ///< objects of the newest, which need no look
};

/// What lists a policy's files, for keep() and tests: the list itself, and lists that it is made of.
struct PolicyTree {
    std::string digest;
    std::vector<store::PolicyObject> lists;
};
[[nodiscard]] PolicyTree make_tree(const std::vector<policy::LoadedFile>& files);
/// The entries of one list. Fault (never): damaged.
struct TreeEntry {
    bool is_list = false;
    std::string digest;
    std::string name;  ///< of a file
};
[[nodiscard]] Result<std::vector<TreeEntry>> read_list(std::string_view bytes);

}  // namespace postern::gateway
