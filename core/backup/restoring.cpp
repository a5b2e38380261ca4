#include "backup/restoring.hpp"

#include "backup/files.hpp"
#include "backup/restore_mark.hpp"
#include "store/directory_lock.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <fstream>
#include <set>

namespace postern::backup {

namespace {

namespace fs = std::filesystem;

/// What a storage directory holds that is somebody's: the rest is made anew by whoever starts.
constexpr std::array<std::string_view, 9> kept_items{"mail.db",      "mail.db-wal",      "mail.db-shm",
                                                     "directory.db", "directory.db-wal", "directory.db-shm",
                                                     "bodies",       "trace.key",        "audit.key"};

/// All of it was set aside, and is on the disk: from here on it may be written over.
void say_whole(const fs::path& folder)
{
    std::ofstream(folder / whole_name).close();
    sync_file(folder / whole_name);
    for (auto path = folder; path != folder.parent_path().parent_path().parent_path(); path = path.parent_path())
        sync_folder(path);
}

/// What was there goes aside, once; what was laid ready takes its place. Every step can be repeated.
void exchange_storage(const fs::path& storage, const fs::path& aside)
{
    const auto ready = staging(storage) / "storage";
    // While this stands, some of it is still the old; gone, all that lies in place is new.
    if (!fs::exists(ready)) return;
    const auto started = aside / "storage";
    if (!fs::exists(started / whole_name)) {
        fs::create_directories(started);
        for (const auto name : kept_items)
            if (fs::exists(storage / name) && !fs::exists(started / name)) fs::rename(storage / name, started / name);
        sync_folder(storage);
        say_whole(started);
    }
    for (const auto name : kept_items)
        if (fs::exists(ready / name)) fs::rename(ready / name, storage / name);
    sync_folder(storage);
    fs::remove_all(ready);
}

/// The policy's directory, and what lies in it that a restore leaves alone: the way to the storage.
class PolicyPlace {
public:
    PolicyPlace(fs::path folder, const fs::path& storage)
        : folder_(std::move(folder)), storage_(storage), real_storage_(fs::weakly_canonical(storage))
    {
    }

    /// Plain files and links below it; a link is never followed.
    [[nodiscard]] std::vector<fs::path> files() const
    {
        std::vector<fs::path> found;
        for (auto entry = fs::recursive_directory_iterator(folder_); entry != fs::recursive_directory_iterator();
             ++entry) {
            const bool is_link = entry->is_symlink();
            if (leads_to_storage(entry->path())) {
                if (!is_link && fs::weakly_canonical(entry->path()) == real_storage_) entry.disable_recursion_pending();
                continue;
            }
            if ((is_link || entry->is_regular_file()) && entry->path().filename() != mark_name)
                found.push_back(entry->path().lexically_relative(folder_));
        }
        return found;
    }

    /// Takes what is in the way of a file of this name: links, files where folders must be, a folder where it must be
    /// itself. All of it was set aside.
    void clear_way(const fs::path& name) const
    {
        auto path = folder_;
        for (auto part = name.begin(); part != name.end(); ++part) {
            path /= *part;
            const auto kind = fs::symlink_status(path).type();
            if (kind == fs::file_type::not_found) return;
            const bool is_last = std::next(part) == name.end();
            if (kind == fs::file_type::directory ? !is_last : is_last && kind == fs::file_type::regular) continue;
            if (leads_to_storage(path))
                throw fs::filesystem_error("in the way of the restored policy, and the way to the storage", path,
                                           std::make_error_code(std::errc::file_exists));
            fs::remove_all(path);  // of a link, the link alone
        }
    }

    void put(const fs::path& from, const fs::path& name) const
    {
        clear_way(name);
        const auto to = folder_ / name;
        if (fs::create_directories(to.parent_path())) give_like(to.parent_path(), folder_);
        const fs::path fresh = to.string() + ".restoring";
        fs::remove_all(fresh);
        fs::copy_file(from, fresh);  // fails where anything is there, a link too
        give_like(fresh, from);
        sync_file(fresh);
        fs::rename(fresh, to);
        sync_folder(to.parent_path());
    }

    [[nodiscard]] const fs::path& folder() const noexcept { return folder_; }

private:
    /// The storage itself, and every folder or link through which node.yaml finds it.
    [[nodiscard]] bool leads_to_storage(const fs::path& path) const
    {
        const auto is_on_way = [](const fs::path& to, const fs::path& by) {
            const auto rest = to.lexically_relative(by);
            return !rest.empty() && *rest.begin() != "..";
        };
        return is_on_way(storage_, path) || is_on_way(real_storage_, path) ||
               is_on_way(real_storage_, fs::weakly_canonical(path));
    }

    fs::path folder_, storage_, real_storage_;
};

void set_policy_aside(const PolicyPlace& place, const fs::path& before)
{
    fs::create_directories(before);
    for (const auto& name : place.files()) {
        fs::create_directories((before / name).parent_path());
        fs::remove(before / name);  // of an attempt that was interrupted
        fs::copy(place.folder() / name, before / name, fs::copy_options::copy_symlinks);
    }
    sync_tree(before);
    say_whole(before);
}

/// Plain files of what was laid ready, which holds nothing else.
std::vector<fs::path> files_ready(const fs::path& folder)
{
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(folder));
    return files;
}

void exchange_policy(const PolicyPlace& place, const fs::path& storage, const fs::path& aside)
{
    const auto ready = staging(storage) / "policy";
    if (!fs::exists(ready)) return;
    const auto before = aside / "policy";
    if (!fs::exists(before / whole_name)) set_policy_aside(place, before);
    std::set<fs::path> wanted;
    for (const auto& name : files_ready(ready)) {
        place.put(ready / name, name);
        wanted.insert(name);
    }
    for (const auto& name : place.files())
        if (!wanted.contains(name)) fs::remove(place.folder() / name);
    sync_tree(place.folder(), fs::weakly_canonical(storage));
    fs::remove_all(ready);
}

/// Takes the marks of what is done away, and folders with nothing in them; true: nothing had been there.
bool tidy(const fs::path& aside)
{
    bool nothing = true;
    for (const auto* part : {"storage", "policy"}) {
        fs::remove(aside / part / whole_name);
        if (!fs::exists(aside / part)) continue;
        if (fs::is_empty(aside / part))
            fs::remove(aside / part);
        else
            nothing = false;
    }
    if (nothing) fs::remove_all(aside);
    return nothing;
}

/// Whether each part either waits, or has taken its place: what is gone without either was taken away by somebody.
Result<void> is_there(const RestoreMark& mark, const fs::path& policy)
{
    for (const auto* part : {"storage", "policy"}) {
        const bool waits = fs::exists(staging(mark.storage) / part);
        if (waits || fs::exists(mark.storage / mark.aside / part / whole_name)) continue;
        return fault(Retry::never, fmt::format("says that a restore is to be finished, and what was laid ready for it "
                                               "is gone from {}; nothing has changed. Remove it to start with what is "
                                               "there, and restore again",
                                               staging(mark.storage).string()))
            .about((policy / mark_name).string());
    }
    return {};
}

}  // namespace

Result<std::optional<Finished>> finish(const fs::path& policy)
try {
    if (!fs::exists(policy / mark_name)) return std::nullopt;
    const auto mark = read_mark(policy);
    if (!mark) return std::unexpected(mark.error());
    const auto lock = store::DirectoryLock::take(mark->storage);
    if (!lock) return std::unexpected(lock.error());
    if (auto there = is_there(*mark, policy); !there) return std::unexpected(there.error());
    Finished finished{mark->storage / mark->aside, mark->outside};
    fs::create_directories(finished.aside);
    fs::permissions(finished.aside, fs::perms::owner_all);
    exchange_storage(mark->storage, finished.aside);
    exchange_policy({fs::canonical(policy), mark->storage}, mark->storage, finished.aside);
    fs::remove_all(staging(mark->storage));
    sync_folder(mark->storage);
    fs::remove(policy / mark_name);
    sync_folder(policy);
    if (tidy(finished.aside)) finished.aside.clear();
    return std::optional(finished);
} catch (const fs::filesystem_error& error) {
    return std::unexpected(trouble(error));
}

}  // namespace postern::backup
