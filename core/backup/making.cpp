#include "backup/making.hpp"

#include "backup/files.hpp"
#include "directory/copies.hpp"
#include "store/body_files.hpp"
#include "store/copies.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <algorithm>
#include <boost/json/serialize.hpp>

namespace postern::backup {

namespace {

namespace fs = std::filesystem;

/// A folder that goes with everything in it.
class WorkFolder {
public:
    explicit WorkFolder(fs::path path) : path_(std::move(path))
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);  // what a crash left
        fs::create_directories(path_);
        fs::permissions(path_, fs::perms::owner_all);
    }
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;
    ~WorkFolder()
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const noexcept { return path_; }

private:
    fs::path path_;
};

/// The file goes unless it is kept.
class Unfinished {
public:
    explicit Unfinished(fs::path path) : path_(std::move(path))
    {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    ~Unfinished()
    {
        std::error_code ignored;
        if (!path_.empty()) fs::remove(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const noexcept { return path_; }
    [[nodiscard]] Result<void> become(const fs::path& to)
    {
        if (::rename(path_.c_str(), to.c_str()) != 0)
            return fault(Retry::later, "can't be renamed").about(path_.string());
        sync_folder(to.parent_path());
        path_.clear();
        return {};
    }

private:
    fs::path path_;
};

std::uint64_t size_of(const fs::path& file)
{
    std::error_code failed;
    const auto size = fs::file_size(file, failed);
    return failed ? 0 : size;
}

bool lies_below(const fs::path& path, const fs::path& folder)
{
    const auto relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
    return !relative.empty() && *relative.begin() != "..";
}

/// A backup, or one that is being made: their folder may lie here, and each would hold all before it.
bool is_backup(const fs::path& file)
{
    const auto name = file.filename().string();
    return (name.ends_with(file_ending) || name.ends_with(".part")) && SealedReader::open(file).has_value();
}

/// Everything that lies in the policy's directory, but for storage where that is below it, and but for the files that
/// the generation has. Links count as what they lead to.
class PolicyWalk {
public:
    PolicyWalk(ArchiveWriter& archive, const MakeOrder& order, const policy::FileSet* generation)
        : archive_(archive), generation_(generation), storage_(fs::weakly_canonical(order.storage))
    {
    }

    Result<void> add(const fs::path& top)
    {
        if (generation_ != nullptr)
            for (const auto& [name, bytes] : *generation_)
                if (auto added = archive_.add(EntryKind::policy, name, bytes, top / name); !added) return added;
        return add_folder(top, {});
    }

private:
    Result<void> add_folder(const fs::path& folder, const fs::path& name)
    {
        within_.push_back(fs::canonical(folder));
        std::vector<fs::path> items;
        for (const auto& item : fs::directory_iterator(folder)) items.push_back(item.path());
        std::ranges::sort(items);
        for (const auto& item : items)
            if (auto added = add_item(item, name / item.filename()); !added) return added;
        within_.pop_back();
        return {};
    }

    Result<void> add_item(const fs::path& item, const fs::path& name)
    {
        std::error_code gone;
        const auto kind = fs::status(item, gone).type();  // of what a link leads to
        if (kind == fs::file_type::directory) {
            const auto real = fs::canonical(item);
            if (real == storage_) return {};
            const bool leads_up = std::ranges::any_of(
                within_, [&](const fs::path& above) { return above == real || lies_below(above, real); });
            if (leads_up)
                return fault(Retry::later,
                             "is a link that leads back to a folder that it lies in, and a backup of it "
                             "would never end; take it away")
                    .about(item.string());
            return add_folder(item, name);
        }
        // A link to nothing and a socket hold nothing.
        if (kind != fs::file_type::regular || is_backup(item)) return {};
        if (generation_ != nullptr && policy::is_policy_file(name.string())) return {};
        return archive_.add_file(EntryKind::policy, name.string(), item);
    }

    ArchiveWriter& archive_;
    const policy::FileSet* generation_;  ///< may be null
    fs::path storage_;
    std::vector<fs::path> within_;  ///< folders that are being walked, resolved
};

Result<void> add_policy(ArchiveWriter& archive, const MakeOrder& order, const policy::FileSet* generation)
try {
    const auto top = fs::canonical(order.policy);
    if (auto added = PolicyWalk(archive, order, generation).add(top); !added) return added;
    for (const auto& file : order.named) {
        const fs::path path(file);
        if (lies_below(path, order.policy) || lies_below(path, top) || !fs::is_regular_file(path)) continue;
        if (auto added = archive.add_file(EntryKind::outside, path.string(), path); !added) return added;
    }
    return {};
} catch (const fs::filesystem_error& error) {
    return fault(Retry::later, error.code().message()).about(error.path1().string());
}

/// What the policy was in the moment of the copy; nothing: the archive never had it.
Result<std::optional<policy::FileSet>> generation_of(const MakeOrder& order, std::uint64_t number)
{
    if (!order.files_of || number == 0) return std::nullopt;
    auto files = order.files_of(number);
    if (files) return std::move(*files);
    if (files.error().retry() == Retry::never) return std::nullopt;
    return std::unexpected(files.error());
}

Result<Made> write(ArchiveWriter& archive, const MakeOrder& order, const directory::AuditKey& signer,
                   const fs::path& work, const About& about, const std::vector<std::string>& bodies,
                   const policy::FileSet* generation)
{
    const auto run = [&]() -> Result<void> {
        if (auto done = archive.add(EntryKind::about, "", boost::json::serialize(about.json())); !done) return done;
        for (const auto* name : {"trace.key", "audit.key"})
            if (auto done = archive.add_file(EntryKind::key, name, order.storage / name); !done) return done;
        if (auto done = add_policy(archive, order, generation); !done) return done;
        for (const auto* name : {"mail.db", "directory.db"})
            if (auto done = archive.add_file(EntryKind::database, name, work / name); !done) return done;
        const store::BodyFiles files(order.storage / "bodies");
        for (const auto& id : bodies)
            if (auto done = archive.add_file(EntryKind::body, id, files.path_of(id)); !done) return done;
        return {};
    };
    if (auto done = run(); !done) return std::unexpected(done.error());
    const auto size = archive.finish(signer);
    if (!size) return std::unexpected(size.error());
    return Made{about, *size};
}

}  // namespace

std::string file_name(const std::string& gateway, Instant at)
{
    return fmt::format("postern-{}-{:%Y%m%dT%H%M%SZ}{}", gateway, std::chrono::floor<std::chrono::seconds>(at),
                       file_ending);
}

Result<Made> make_backup(store::MailStore& store, const directory::AuditKey& signer, const MakeOrder& order,
                         const fs::path& to)
{
    const auto databases = size_of(order.storage / "mail.db") + size_of(order.storage / "mail.db-wal") +
                           size_of(order.storage / "directory.db") + size_of(order.storage / "directory.db-wal");
    if (auto room = has_room(order.storage, databases + disk_reserve); !room) return std::unexpected(room.error());
    if (auto room = has_room(to.parent_path(), databases); !room) return std::unexpected(room.error());
    const WorkFolder work(order.storage / "backup" / "work");

    // First bodies stay, then the moment: so every body that the copy names is there until it has been read.
    const auto kept = store.keep_bodies();
    std::vector<std::string> bodies;
    for (const auto* name : {"mail.db", "directory.db"})
        if (auto copied = store::copy_database(order.storage / name, work.path() / name); !copied)
            return std::unexpected(copied.error());
    const auto mail = store::look_into_mail(work.path() / "mail.db", [&](const std::string& id) -> Result<void> {
        bodies.push_back(id);
        return {};
    });
    if (!mail) return std::unexpected(mail.error());

    const auto generation = generation_of(order, mail->generation);
    if (!generation) return std::unexpected(generation.error());
    const store::BodyFiles files(order.storage / "bodies");
    auto needed = databases + disk_reserve;
    for (const auto& id : bodies) needed += size_of(files.path_of(id));
    if (auto room = has_room(to.parent_path(), needed); !room) return std::unexpected(room.error());

    About about{order.gateway, to_iso8601(order.at), order.storage.string()};
    const auto below = lies_below(order.storage, order.policy);
    if (below) about.storage = order.storage.lexically_relative(order.policy).string();
    about.generation = mail->generation;
    about.mail_schema = mail->schema;
    about.messages = mail->messages;
    about.spooled = mail->spooled;
    about.deliveries = mail->deliveries;
    const auto people = directory::look_into_directory(work.path() / "directory.db");
    if (!people) return std::unexpected(people.error());
    about.directory_schema = people->schema;
    about.entries = people->entries;
    about.audit = people->audit;

    Unfinished part(to.string() + ".part");
    auto sealed = SealedWriter::create(part.path(), order.gateway, order.at, order.keys, signer);
    if (!sealed) return std::unexpected(sealed.error());
    ArchiveWriter archive(std::move(*sealed));
    auto made = write(archive, order, signer, work.path(), about, bodies, *generation ? &**generation : nullptr);
    if (!made) return made;
    auto back = SealedReader::open(part.path());
    if (!back) return std::unexpected(back.error());
    if (auto whole = back->check_outside(); !whole) return std::unexpected(whole.error());
    if (auto done = part.become(to); !done) return std::unexpected(done.error());
    return made;
}

}  // namespace postern::backup
