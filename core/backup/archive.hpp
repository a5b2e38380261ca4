// The inner form of a backup: entries one after the other, each with its digest; the first says what the backup is of,
// the last how many there were.
//
//     length (4 bytes, little endian), {"kind", "name", "size", "mode", "owner"}, the bytes, 32 bytes of SHA-256
//
// Blocking; one thread at a time; memory is bounded whatever an entry's size.
#pragma once

#include "backup/sealed_file.hpp"

#include <boost/json/object.hpp>
#include <functional>

namespace postern::backup {

enum class EntryKind {
    about,     ///< JSON: see About
    database,  ///< mail.db, directory.db
    body,      ///< content of a message, by its id
    key,       ///< a key of the storage directory: trace.key, audit.key
    policy,    ///< a file of the policy's directory
    outside,   ///< a file that node.yaml names elsewhere, by its absolute path
    end,       ///< JSON: how many entries and bytes stood before
};

struct Entry {
    EntryKind kind = EntryKind::about;
    std::string name;
    std::uint64_t size = 0;  ///< bytes
    unsigned mode = 0600;    ///< permissions
    std::string owner{};     ///< "user:group"; may be empty
};

/// What the backup is of.
struct About {
    std::string gateway;
    std::string made;     ///< ISO 8601
    std::string storage;  ///< directory; relative to the policy's where it lies below that
    std::uint64_t generation = 0;
    int mail_schema = 0, directory_schema = 0;
    std::uint64_t messages = 0, spooled = 0, deliveries = 0;  ///< of the ledger; of these in the spool; waiting
    std::uint64_t entries = 0;                                ///< of the directory
    std::uint64_t audit = 0;                                  ///< number of the last record

    [[nodiscard]] boost::json::object json() const;
    [[nodiscard]] static std::optional<About> parse(std::string_view text);
    /// A sentence for people.
    [[nodiscard]] std::string text() const;
};

class ArchiveWriter {
public:
    explicit ArchiveWriter(SealedWriter sealed) : sealed_(std::move(sealed)) {}

    /// `like`: a file whose owner and permissions it gets, where that is there.
    [[nodiscard]] Result<void> add(EntryKind kind, const std::string& name, std::string_view bytes,
                                   const std::filesystem::path& like = {});
    /// A file, as long as it is now. Fault (later): it can't be read, or changed meanwhile.
    [[nodiscard]] Result<void> add_file(EntryKind kind, const std::string& name, const std::filesystem::path& file);
    /// Gives the size of the whole.
    [[nodiscard]] Result<std::uint64_t> finish(const directory::AuditKey& signer);
    [[nodiscard]] std::uint64_t entries() const noexcept { return entries_; }

private:
    [[nodiscard]] Result<void> begin(const Entry& entry);

    SealedWriter sealed_;
    std::uint64_t entries_ = 0, bytes_ = 0;
};

/// Takes what is read. A fault ends the reading.
class EntrySink {
public:
    virtual ~EntrySink() = default;
    [[nodiscard]] virtual Result<void> begin(const Entry& entry) = 0;
    [[nodiscard]] virtual Result<void> take(std::string_view bytes) = 0;
    /// Of the entry; its digest held.
    [[nodiscard]] virtual Result<void> end() = 0;
};

struct ReadArchive {
    Head head;
    About about;
    std::uint64_t entries = 0, bytes = 0;
};
/// Reads all of it, and believes nothing before its end: a sink throws away what it took when this fails. Fault
/// (never): broken, cut off, foreign, of a newer form, or made for another key.
[[nodiscard]] Result<ReadArchive> read_archive(const std::filesystem::path& file, const SessionKey& key,
                                               EntrySink& sink);
/// The session key of a backup, by the secret key.
[[nodiscard]] Result<SessionKey> open_archive(const std::filesystem::path& file, const SecretKey& key);

/// Reads all and keeps nothing.
class NoSink final : public EntrySink {
public:
    [[nodiscard]] Result<void> begin(const Entry&) override { return {}; }
    [[nodiscard]] Result<void> take(std::string_view) override { return {}; }
    [[nodiscard]] Result<void> end() override { return {}; }
};

}  // namespace postern::backup
