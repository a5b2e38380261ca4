// The first step of a restore: what is read is laid ready beside what is there, and judged.
#include "backup/files.hpp"
#include "backup/restore_mark.hpp"
#include "backup/restoring.hpp"
#include "backup/staged_policy.hpp"
#include "base/text.hpp"
#include "directory/copies.hpp"
#include "directory/schema.hpp"
#include "store/body_files.hpp"
#include "store/copies.hpp"
#include "store/directory_lock.hpp"
#include "store/mail_schema.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>
#include <utility>

namespace postern::backup {

namespace {

namespace fs = std::filesystem;

/// Writes each entry where it is laid ready.
class StagingSink final : public EntrySink {
public:
    explicit StagingSink(fs::path folder) : folder_(std::move(folder)) {}
    StagingSink(const StagingSink&) = delete;
    StagingSink& operator=(const StagingSink&) = delete;
    ~StagingSink() override
    {
        if (file_ != nullptr) fclose(file_);
    }

    Result<void> begin(const Entry& entry) override
    {
        path_ = place(entry);
        if (!seen_.insert(path_.string()).second)
            return fault(Retry::never, "stands twice in the backup").about(entry.name);
        if (entry.kind == EntryKind::outside) outside_.push_back(entry.name);
        std::error_code failed;
        fs::create_directories(path_.parent_path(), failed);
        const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        owner_ = entry.owner;
        mode_ = entry.mode;
        file_ = descriptor < 0 ? nullptr : fdopen(descriptor, "wb");
        return file_ != nullptr ? Result<void>{} : std::unexpected(trouble(path_, "can't be made"));
    }
    Result<void> take(std::string_view bytes) override
    {
        if (fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size()) return {};
        return std::unexpected(trouble(path_, "can't be written"));
    }
    Result<void> end() override
    {
        const bool synced = fflush(file_) == 0 && fchmod(fileno(file_), mode_) == 0 && fsync(fileno(file_)) == 0;
        const bool closed = fclose(std::exchange(file_, nullptr)) == 0;
        if (!synced || !closed) return std::unexpected(trouble(path_, "can't be written"));
        give_to(path_, owner_, folder_);
        return {};
    }

    [[nodiscard]] const std::vector<std::string>& outside() const noexcept { return outside_; }

private:
    [[nodiscard]] fs::path place(const Entry& entry) const
    {
        switch (entry.kind) {
            case EntryKind::body:
                return store::BodyFiles(folder_ / "storage" / "bodies").path_of(entry.name);
            case EntryKind::policy:
                return folder_ / "policy" / entry.name;
            case EntryKind::outside:
                return folder_ / "policy" / outside_folder / entry.name.substr(1);
            default:
                return folder_ / "storage" / entry.name;
        }
    }

    fs::path folder_, path_;
    std::string owner_;
    unsigned mode_ = 0600;
    FILE* file_ = nullptr;
    std::set<std::string> seen_;
    std::vector<std::string> outside_;
};

/// Goes again, with all that lies in it, unless it is kept.
class LaidReady {
public:
    explicit LaidReady(fs::path folder) : folder_(std::move(folder)) {}
    LaidReady(const LaidReady&) = delete;
    LaidReady& operator=(const LaidReady&) = delete;
    ~LaidReady()
    {
        std::error_code ignored;
        if (!folder_.empty()) fs::remove_all(folder_, ignored);
    }
    void keep() noexcept { folder_.clear(); }

private:
    fs::path folder_;
};

Result<void> is_known(const char* database, int schema, int known)
{
    if (schema <= known) return {};
    return fault(Retry::never, fmt::format("the backup's {} has schema {}, and this program knows {}: restore it with "
                                           "the version of Postern that made it, or a newer one",
                                           database, schema, known));
}

/// Whether the databases are sound, are what the backup said, and this program can live with them.
Result<void> check_databases(const fs::path& storage, const About& said)
{
    for (const auto* name : {"mail.db", "directory.db"})
        if (auto sound = store::check_database(storage / name); !sound) return sound;
    const store::BodyFiles bodies(storage / "bodies");
    const auto mail = store::look_into_mail(storage / "mail.db", [&](const std::string& id) -> Result<void> {
        if (fs::exists(bodies.path_of(id))) return {};
        return fault(Retry::never, "the backup lacks the content of message " + id);
    });
    if (!mail) return std::unexpected(mail.error());
    if (auto known = is_known("mail.db", mail->schema, store::mail_schema().back().number); !known) return known;
    if (mail->messages != said.messages || mail->deliveries != said.deliveries)
        return fault(Retry::never, "the backup's mail.db does not hold what the backup says");
    const auto people = directory::look_into_directory(storage / "directory.db");
    if (!people) return std::unexpected(people.error());
    if (auto known = is_known("directory.db", people->schema, directory::migrations().back().number); !known)
        return known;
    if (people->entries != said.entries || people->audit != said.audit)
        return fault(Retry::never, "the backup's directory.db does not hold what the backup says");
    return {};
}

Result<void> continue_audit(const fs::path& folder, const RestoreOrder& order, const ReadArchive& read)
{
    directory::AuditRecord record;
    record.at = order.at;
    record.actor = order.actor;
    record.act = "restored";
    record.target = read.about.gateway;
    record.outcome = "done";
    record.detail = fmt::format(
        "from the backup of {}, after record {}, signed by audit key {}; mail that was "
        "delivered later may be sent again",
        read.about.made, read.about.audit, fingerprint(read.head.signer));
    return directory::continue_audit(folder / "storage" / "directory.db", std::move(record));
}

/// Whether the backup was signed by whom it must be. Who holds a public key makes backups for it: that one can be
/// opened says nothing about whose it is.
Result<void> is_signed_rightly(const std::string& signer, const RestoreOrder& order, const fs::path& storage)
{
    if (order.any_signer) return {};
    std::string wanted = order.signer;
    if (wanted.empty() && fs::exists(storage / "audit.key")) {
        const auto own = directory::AuditKey::load_or_create(storage / "audit.key");
        if (!own) return std::unexpected(own.error());
        wanted = own->public_key();
    }
    if (wanted.empty())
        return fault(
            Retry::never,
            fmt::format("the backup is signed by audit key {}, and nothing here says whose it should be: "
                        "--signer PEM names the gateway's key (`postern audit key`), --any-signer takes it all "
                        "the same",
                        fingerprint(signer)));
    if (trim(wanted) == trim(signer)) return {};
    return fault(Retry::never,
                 fmt::format("the backup is signed by audit key {}, and must be by {}: another gateway made it, or "
                             "somebody who holds a public backup key; --signer PEM names the other gateway's key, "
                             "--any-signer takes it all the same",
                             fingerprint(signer), fingerprint(wanted)));
}

/// Folders that root has made belong to whom the files in them do.
void give_folders(const fs::path& storage, bool is_new)
{
    const auto ready = staging(storage) / "storage";
    const auto like = ready / "mail.db";
    give_like(ready / "bodies", like);
    for (const auto& folder : fs::directory_iterator(ready / "bodies")) give_like(folder.path(), like);
    if (is_new) give_like(storage, like);
}

/// That nothing is there, or that it may be moved aside.
Result<void> may_take_place_of(const fs::path& storage, bool replace)
{
    const auto there = storage / "mail.db";
    if (!fs::exists(there)) return {};
    const auto held = store::look_into_mail(there, [](const std::string&) -> Result<void> { return {}; });
    if (replace || (held && held->messages == 0)) return {};
    return fault(Retry::never, fmt::format("a gateway's mail is there already{}; --replace moves it aside",
                                           held ? fmt::format(": {} messages in the ledger, {} in the spool",
                                                              held->messages, held->spooled)
                                                : std::string()))
        .about(storage.string());
}

fs::path storage_of(const RestoreOrder& order, const About& about)
{
    return (order.storage.empty() ? order.policy / about.storage : order.storage).lexically_normal();
}

Result<void> check_place(const RestoreOrder& order, const fs::path& storage)
{
    if (fs::exists(order.policy / mark_name))
        return fault(Retry::never, "a restore is laid ready here already, and the next start of posternd finishes it")
            .about(order.policy.string());
    if (order.stopped && fs::exists(storage))
        if (const auto lock = store::DirectoryLock::take(storage); !lock) return std::unexpected(lock.error());
    return may_take_place_of(storage, order.replace);
}

/// Empty folders for what is read.
void make_folders(const fs::path& folder, const fs::path& storage)
{
    fs::remove_all(folder);
    fs::create_directories(folder / "storage" / "bodies");
    fs::permissions(folder, fs::perms::owner_all);
    for (const auto& made : {folder, folder / "storage", folder / "storage" / "bodies"}) give_like(made, storage);
}

}  // namespace

Result<Staged> stage(const fs::path& archive, const SessionKey& key, const RestoreOrder& order)
try {
    Staged staged;
    NoSink nothing;
    // What it is of says where it goes: so it is read twice, and the second time written.
    auto read = read_archive(archive, key, nothing);
    if (!read) return std::unexpected(read.error());
    const auto signer = read->head.signer;
    staged.storage = storage_of(order, read->about);
    if (auto rightly = is_signed_rightly(signer, order, staged.storage); !rightly)
        return std::unexpected(rightly.error());
    if (auto may = check_place(order, staged.storage); !may) return std::unexpected(may.error());

    const bool is_new = fs::create_directories(staged.storage);
    fs::permissions(staged.storage, fs::perms::owner_all);
    const auto folder = staging(staged.storage);
    LaidReady ready(folder);
    make_folders(folder, staged.storage);
    if (auto room = has_room(folder, read->bytes); !room) return std::unexpected(room.error());
    StagingSink sink(folder);
    read = read_archive(archive, key, sink);
    if (!read) return std::unexpected(read.error());
    if (read->head.signer != signer) return fault(Retry::later, "changed while it was read").about(archive.string());
    if (auto sound = check_databases(folder / "storage", read->about); !sound) return std::unexpected(sound.error());
    if (auto fit = fit_policy(folder / "policy", order, staged.storage, sink.outside()); !fit)
        return std::unexpected(fit.error());
    if (auto noted = continue_audit(folder, order, *read); !noted) return std::unexpected(noted.error());
    give_folders(staged.storage, is_new);
    sync_tree(folder);
    sync_folder(staged.storage);
    sync_folder(staged.storage.parent_path());
    // Of its own for each restore, so that nothing is ever written over.
    auto when = to_iso8601(order.at);
    std::erase_if(when, [](char c) { return c == ':' || c == '-' || c == '.'; });
    staged.aside = "before-restore-" + when;
    staged.archive = std::move(*read);
    staged.outside = sink.outside();
    ready.keep();
    return staged;
} catch (const fs::filesystem_error& error) {
    return std::unexpected(trouble(error));
}

Result<void> prepare_to_finish(const Staged& staged, const fs::path& policy)
try {
    if (fs::create_directories(policy)) give_like(policy, staging(staged.storage) / "policy" / "node.yaml");
    sync_folder(policy.parent_path());
    return write_mark(policy, {fs::absolute(staged.storage), staged.aside, staged.outside});
} catch (const fs::filesystem_error& error) {
    return std::unexpected(trouble(error));
}

}  // namespace postern::backup
