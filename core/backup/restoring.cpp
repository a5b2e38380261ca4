#include "backup/restoring.hpp"

#include "backup/files.hpp"
#include "base/text.hpp"
#include "directory/copies.hpp"
#include "store/body_files.hpp"
#include "store/copies.hpp"
#include "store/directory_lock.hpp"
#include "store/mail_schema.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

namespace postern::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark_name = ".postern-restore";

/// What a storage directory holds that is somebody's: the rest is made anew by whoever starts.
constexpr std::array<std::string_view, 9> kept_items{"mail.db",      "mail.db-wal",      "mail.db-shm",
                                                     "directory.db", "directory.db-wal", "directory.db-shm",
                                                     "bodies",       "trace.key",        "audit.key"};

Fault trouble(const fs::path& path, std::string_view operation)
{
    return fault(Retry::later, fmt::format("{}: {}", operation, std::generic_category().message(errno)))
        .about(path.string());
}

Fault trouble(const fs::filesystem_error& error)
{
    return fault(Retry::later, error.code().message()).about(error.path1().string());
}

fs::path staging(const fs::path& storage)
{
    return storage / "restore";
}

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

/// Whether what was laid ready is what the backup said, and whether this program can live with it.
Result<void> check_staged(const fs::path& folder, const ReadArchive& read)
{
    const auto storage = folder / "storage";
    for (const auto* name : {"mail.db", "directory.db"})
        if (auto sound = store::check_database(storage / name); !sound) return sound;
    if (!fs::exists(folder / "policy" / "node.yaml"))
        return fault(Retry::never, "the backup holds no policy: node.yaml is not in it");
    const int known = store::mail_schema().back().number;
    if (read.about.mail_schema > known)
        return fault(Retry::never,
                     fmt::format("the backup's mail.db has schema {}, and this program knows {}: restore it with the "
                                 "version of Postern that made it, or a newer one",
                                 read.about.mail_schema, known));
    const store::BodyFiles bodies(storage / "bodies");
    const auto mail = store::look_into_mail(storage / "mail.db", [&](const std::string& id) -> Result<void> {
        if (fs::exists(bodies.path_of(id))) return {};
        return fault(Retry::never, "the backup lacks the content of message " + id);
    });
    if (!mail) return std::unexpected(mail.error());
    if (mail->messages != read.about.messages || mail->deliveries != read.about.deliveries)
        return fault(Retry::never, "the backup's mail.db does not hold what the backup says");
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
    record.detail =
        fmt::format("from the backup of {}, after record {}; mail that was delivered later may be sent again",
                    read.about.made, read.about.audit);
    return directory::continue_audit(folder / "storage" / "directory.db", std::move(record));
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

}  // namespace

Result<Staged> stage(const fs::path& archive, const SessionKey& key, const RestoreOrder& order)
try {
    Staged staged;
    NoSink nothing;
    // What it is of says where it goes: so it is read twice, and the second time written.
    auto read = read_archive(archive, key, nothing);
    if (!read) return std::unexpected(read.error());
    staged.storage = order.storage.empty() ? order.policy / read->about.storage : order.storage;
    staged.storage = staged.storage.lexically_normal();
    if (order.stopped && fs::exists(staged.storage))
        if (const auto lock = store::DirectoryLock::take(staged.storage); !lock) return std::unexpected(lock.error());
    if (auto may = may_take_place_of(staged.storage, order.replace); !may) return std::unexpected(may.error());

    const bool is_new = fs::create_directories(staged.storage);
    fs::permissions(staged.storage, fs::perms::owner_all);
    const auto folder = staging(staged.storage);
    fs::remove_all(folder);
    fs::create_directories(folder / "storage" / "bodies");
    fs::permissions(folder, fs::perms::owner_all);
    for (const auto& made : {folder, folder / "storage", folder / "storage" / "bodies"})
        give_like(made, staged.storage);
    if (auto room = has_room(folder, read->bytes); !room) return std::unexpected(room.error());
    StagingSink sink(folder);
    read = read_archive(archive, key, sink);
    auto fit = read ? check_staged(folder, *read) : Result<void>(std::unexpected(read.error()));
    if (fit) fit = continue_audit(folder, order, *read);
    if (!fit) {
        fs::remove_all(folder);
        return std::unexpected(fit.error());
    }
    give_folders(staged.storage, is_new);
    // Of its own for each restore, so that nothing is ever written over.
    auto when = to_iso8601(order.at);
    std::erase_if(when, [](char c) { return c == ':' || c == '-' || c == '.'; });
    staged.aside = "before-restore-" + when;
    staged.archive = std::move(*read);
    staged.outside = sink.outside();
    return staged;
} catch (const fs::filesystem_error& error) {
    return std::unexpected(trouble(error));
}

Result<void> prepare_to_finish(const Staged& staged, const fs::path& policy)
try {
    if (fs::create_directories(policy)) give_like(policy, staging(staged.storage) / "policy" / "node.yaml");
    const auto mark = policy / mark_name;
    const auto fresh = fs::path(mark.string() + ".new");
    {
        std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
        file << boost::json::serialize(boost::json::object{{"storage", fs::absolute(staged.storage).string()},
                                                           {"aside", staged.aside},
                                                           {"outside", boost::json::value_from(staged.outside)}});
        file.close();
        if (!file) return std::unexpected(trouble(fresh, "can't be written"));
    }
    sync_file(fresh);
    fs::rename(fresh, mark);
    sync_folder(policy);
    return {};
} catch (const fs::filesystem_error& error) {
    return std::unexpected(trouble(error));
}

// --- taking its place --------------------------------------------------------------------------------------------

namespace {

struct Mark {
    fs::path storage;
    std::string aside;
    std::vector<std::string> outside;
};

Result<Mark> read_mark(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    boost::system::error_code failed;
    const auto value = boost::json::parse(text.str(), failed);
    const auto* object = failed ? nullptr : value.if_object();
    const auto* storage = object ? object->if_contains("storage") : nullptr;
    const auto* aside = object ? object->if_contains("aside") : nullptr;
    if (!storage || !storage->is_string() || !aside || !aside->is_string())
        return fault(Retry::never, "says that a restore is under way, and not of what; remove it, and restore again")
            .about(file.string());
    Mark mark;
    mark.storage = std::string(storage->get_string());
    mark.aside = aside->get_string();
    if (const auto* outside = object->if_contains("outside"); outside && outside->is_array())
        for (const auto& name : outside->get_array())
            if (name.is_string()) mark.outside.emplace_back(name.get_string());
    return mark;
}

/// What was there goes aside, once; what was laid ready takes its place. Every step can be repeated.
void exchange_storage(const fs::path& storage, const fs::path& aside)
{
    const auto ready = staging(storage) / "storage";
    // While this stands, some of it is still the old; gone, all that lies in place is new.
    if (!fs::exists(ready)) return;
    const auto started = aside / "storage";
    if (!fs::exists(started / ".whole")) {
        fs::create_directories(started);
        for (const auto name : kept_items)
            if (fs::exists(storage / name) && !fs::exists(started / name)) fs::rename(storage / name, started / name);
        std::ofstream(started / ".whole").close();
        sync_folder(started);
    }
    for (const auto name : kept_items)
        if (fs::exists(ready / name)) fs::rename(ready / name, storage / name);
    sync_folder(storage);
    fs::remove_all(ready);
}

void put_file(const fs::path& from, const fs::path& to, const fs::path& folder)
{
    if (fs::create_directories(to.parent_path())) give_like(to.parent_path(), folder);
    const fs::path fresh = to.string() + ".restoring";
    fs::copy_file(from, fresh, fs::copy_options::overwrite_existing);
    give_like(fresh, from);
    sync_file(fresh);
    fs::rename(fresh, to);
    sync_folder(to.parent_path());
}

/// Plain files below the folder, but for the storage where that lies there too.
std::vector<fs::path> files_below(const fs::path& folder, const fs::path& storage)
{
    std::vector<fs::path> files;
    if (!fs::exists(folder)) return files;
    for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
        if (entry->is_directory() && entry->path() == storage) entry.disable_recursion_pending();
        if (entry->is_regular_file() || entry->is_symlink())
            if (entry->path().filename() != mark_name) files.push_back(entry->path().lexically_relative(folder));
    }
    return files;
}

void exchange_policy(const fs::path& policy, const fs::path& storage, const fs::path& aside)
{
    const auto ready = staging(storage) / "policy";
    if (!fs::exists(ready)) return;
    const auto before = aside / "policy";
    if (!fs::exists(before / ".whole")) {
        for (const auto& name : files_below(policy, storage)) {
            fs::create_directories((before / name).parent_path());
            fs::copy(policy / name, before / name,
                     fs::copy_options::copy_symlinks | fs::copy_options::overwrite_existing);
        }
        fs::create_directories(before);
        std::ofstream(before / ".whole").close();
    }
    std::set<fs::path> wanted;
    for (const auto& name : files_below(ready, {})) {
        if (fs::is_symlink(policy / name)) fs::remove(policy / name);
        put_file(ready / name, policy / name, policy);
        wanted.insert(name);
    }
    for (const auto& name : files_below(policy, storage))
        if (!wanted.contains(name)) fs::remove(policy / name);
    fs::remove_all(ready);
}

}  // namespace

namespace {

/// Takes the marks of what is done away, and folders with nothing in them; true: nothing had been there.
bool tidy(const fs::path& aside)
{
    bool nothing = true;
    for (const auto* part : {"storage", "policy"}) {
        fs::remove(aside / part / ".whole");
        if (!fs::exists(aside / part)) continue;
        if (fs::is_empty(aside / part))
            fs::remove(aside / part);
        else
            nothing = false;
    }
    if (nothing) fs::remove_all(aside);
    return nothing;
}

}  // namespace

Result<std::optional<Finished>> finish(const fs::path& policy)
try {
    const auto mark_file = policy / mark_name;
    if (!fs::exists(mark_file)) return std::nullopt;
    const auto mark = read_mark(mark_file);
    if (!mark) return std::unexpected(mark.error());
    const auto lock = store::DirectoryLock::take(mark->storage);
    if (!lock) return std::unexpected(lock.error());
    Finished finished{mark->storage / mark->aside, mark->outside};
    fs::create_directories(finished.aside);
    fs::permissions(finished.aside, fs::perms::owner_all);
    exchange_storage(mark->storage, finished.aside);
    exchange_policy(fs::canonical(policy), mark->storage, finished.aside);
    fs::remove_all(staging(mark->storage));
    fs::remove(mark_file);
    sync_folder(policy);
    if (tidy(finished.aside)) finished.aside.clear();
    return std::optional(finished);
} catch (const fs::filesystem_error& error) {
    return std::unexpected(trouble(error));
}

}  // namespace postern::backup
