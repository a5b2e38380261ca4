#include "gateway/archive.hpp"

#include "base/digest.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>

namespace postern::gateway {

namespace {

constexpr std::size_t digest_size = sizeof(Digest);
/// More files than this are listed in lists of their own.
constexpr std::size_t files_in_one_list = 128;

void add_file(std::string& list, const policy::LoadedFile& file)
{
    list += 'f';
    list += file.digest;
    list += file.name;
    list += '\0';
}

FaultBuilder no_generation(std::uint64_t number, std::uint64_t newest)
{
    return fault(Retry::never,
                 fmt::format("there is no generation {} in the archive; `postern generations` lists those there are{}",
                             number, newest ? fmt::format(", the newest is {}", newest) : ""));
}

Result<store::GenerationRecord> find(const std::vector<store::GenerationRecord>& all, std::uint64_t number)
{
    const auto found = std::ranges::find(all, number, &store::GenerationRecord::number);
    if (found == all.end()) return no_generation(number, all.empty() ? 0 : all.back().number);
    if (found->tree.empty())
        return fault(Retry::never, fmt::format("the files of generation {} were not archived", number));
    return *found;
}

/// Whether it was in force, and not only on trial.
bool stood(const store::GenerationRecord& record) noexcept
{
    return record.trial == store::Trial::none || record.trial == store::Trial::confirmed;
}

/// From lists to files, a round of objects at a time: whoever calls fetches what wanted() names and puts it in.
class Unpacking {
public:
    explicit Unpacking(const std::string& tree) : lists_{tree} {}

    [[nodiscard]] std::vector<std::string> wanted() const
    {
        std::vector<std::string> digests = lists_;
        if (digests.empty())
            for (const auto& [digest, names] : names_) digests.push_back(digest);
        return digests;
    }
    [[nodiscard]] bool done() const noexcept { return lists_.empty() && names_.empty(); }
    [[nodiscard]] policy::FileSet take() { return std::move(files_); }

    [[nodiscard]] Result<void> put(const std::vector<store::PolicyObject>& objects)
    {
        const auto missing = wanted().size() - objects.size();
        if (missing > 0) return fault(Retry::never, fmt::format("the archive lacks {} of its objects", missing));
        if (lists_.empty()) return put_files(objects);
        std::vector<std::string> further;
        for (const auto& object : objects) {
            const auto entries = read_list(object.bytes);
            if (!entries) return std::unexpected(entries.error());
            for (const auto& entry : *entries)
                entry.is_list ? further.push_back(entry.digest) : names_[entry.digest].push_back(entry.name);
        }
        lists_ = std::move(further);
        return {};
    }

private:
    Result<void> put_files(const std::vector<store::PolicyObject>& objects)
    {
        for (const auto& object : objects)
            for (const auto& name : names_.at(object.digest)) files_[name] = object.bytes;
        names_.clear();
        return {};
    }

    std::vector<std::string> lists_;
    std::map<std::string, std::vector<std::string>> names_;  ///< by digest: files still to be fetched
    policy::FileSet files_;
};

}  // namespace

PolicyTree make_tree(const std::vector<policy::LoadedFile>& files)
{
    PolicyTree tree;
    std::string top;
    if (files.size() <= files_in_one_list) {
        for (const auto& file : files) add_file(top, file);
    } else {
        std::array<std::string, 256> lists;
        for (const auto& file : files) add_file(lists[sha256(file.name).front()], file);
        for (auto& list : lists) {
            if (list.empty()) continue;
            auto digest = sha256_bytes(list);
            top += 't';
            top += digest;
            tree.lists.push_back({std::move(digest), std::move(list)});
        }
    }
    tree.digest = sha256_bytes(top);
    tree.lists.push_back({tree.digest, std::move(top)});
    return tree;
}

Result<std::vector<TreeEntry>> read_list(std::string_view bytes)
{
    std::vector<TreeEntry> entries;
    while (!bytes.empty()) {
        const char kind = bytes.front();
        const auto end = kind == 't' ? digest_size + 1 : bytes.find('\0', std::min(bytes.size(), digest_size + 1));
        if ((kind != 't' && kind != 'f') || end == bytes.npos || end > bytes.size())
            return fault(Retry::never, "a list of files in the archive is damaged");
        const auto name = kind == 'f' ? bytes.substr(digest_size + 1, end - digest_size - 1) : std::string_view{};
        entries.push_back({kind == 't', std::string(bytes.substr(1, digest_size)), std::string(name)});
        bytes.remove_prefix(kind == 'f' ? end + 1 : end);
    }
    return entries;
}

Result<std::optional<store::GenerationRecord>> Archive::open()
{
    const auto all = store_.generations_now();
    if (!all) return std::unexpected(all.error());
    remember(*all);
    if (newest_.trial == store::Trial::running) return newest_;
    return std::nullopt;
}

void Archive::remember(const std::vector<store::GenerationRecord>& all)
{
    newest_ = standing_ = {};
    for (const auto& record : all) {
        newest_ = record;
        if (stood(record)) standing_ = record;
    }
}

Result<void> Archive::keep(const std::vector<policy::LoadedFile>& files, store::GenerationRecord record)
{
    auto tree = make_tree(files);
    std::unordered_set<std::string> present;
    std::vector<store::PolicyObject> fresh;
    const auto add = [&](std::string_view digest, std::string_view bytes) {
        if (present.emplace(digest).second && !known_.contains(std::string(digest)))
            fresh.push_back({std::string(digest), std::string(bytes)});
    };
    for (const auto& file : files) add(file.digest, file.bytes);
    for (const auto& list : tree.lists) add(list.digest, list.bytes);
    if (auto kept = store_.keep_objects(fresh); !kept) return kept;
    record.tree = std::move(tree.digest);
    if (auto added = store_.add_generation(record); !added) return added;
    known_ = std::move(present);
    newest_ = std::move(record);
    if (stood(newest_)) standing_ = newest_;
    return {};
}

Result<void> Archive::forget_newest()
{
    if (auto dropped = store_.drop_generations({newest_.number}); !dropped) return dropped;
    const auto all = store_.generations_now();
    if (!all) return std::unexpected(all.error());
    remember(*all);
    return {};
}

Result<void> Archive::end_trial(std::uint64_t generation, store::Trial how)
{
    if (newest_.number == generation) newest_.trial = how;
    if (newest_.number == generation && stood(newest_)) standing_ = newest_;
    return store_.end_trial(generation, how);
}

Result<void> Archive::prune(Instant now, const ArchiveKeeps& keeps)
{
    auto all = store_.generations_now();
    if (!all) return std::unexpected(all.error());
    std::vector<std::uint64_t> dropped;
    // One goes out of force when the next comes in; the newest is in force.
    for (std::size_t i = 0; i + 1 < all->size(); ++i) {
        const auto younger = all->size() - i - 1;
        const bool old = (*all)[i + 1].at < now - keeps.age;
        if (younger >= keeps.at_most || (old && younger >= keeps.at_least)) dropped.push_back((*all)[i].number);
    }
    if (dropped.empty()) return {};
    std::erase_if(*all, [&](const auto& record) { return std::ranges::binary_search(dropped, record.number); });
    if (auto done = store_.drop_generations(std::move(dropped)); !done) return done;
    return sweep(*all);
}

/// Takes out the objects that no generation has any more.
Result<void> Archive::sweep(const std::vector<store::GenerationRecord>& kept)
{
    std::unordered_set<std::string> needed;
    std::vector<std::string> lists;
    for (const auto& record : kept)
        if (!record.tree.empty() && needed.insert(record.tree).second) lists.push_back(record.tree);
    while (!lists.empty()) {
        const auto objects = store_.objects_now(std::exchange(lists, {}));
        if (!objects) return std::unexpected(objects.error());
        for (const auto& object : *objects) {
            const auto entries = read_list(object.bytes);
            if (!entries) return std::unexpected(entries.error());
            for (const auto& entry : *entries)
                if (needed.insert(entry.digest).second && entry.is_list) lists.push_back(entry.digest);
        }
    }
    auto digests = store_.object_digests();
    if (!digests) return std::unexpected(digests.error());
    std::erase_if(*digests, [&](const std::string& digest) { return needed.contains(digest); });
    return store_.drop_objects(*digests);
}

Result<policy::FileSet> Archive::files(std::uint64_t generation)
{
    const auto all = store_.generations_now();
    if (!all) return std::unexpected(all.error());
    const auto record = find(*all, generation);
    if (!record) return std::unexpected(record.error());
    Unpacking unpacking(record->tree);
    while (!unpacking.done()) {
        const auto objects = store_.objects_now(unpacking.wanted());
        if (!objects) return std::unexpected(objects.error());
        if (auto put = unpacking.put(*objects); !put) return std::unexpected(put.error());
    }
    return unpacking.take();
}

auto Archive::read(store::MailStore& store, std::uint64_t generation) -> Async<Result<policy::FileSet>>
{
    const auto all = co_await store.generations();
    if (!all) co_return std::unexpected(all.error());
    const auto record = find(*all, generation);
    if (!record) co_return std::unexpected(record.error());
    Unpacking unpacking(record->tree);
    while (!unpacking.done()) {
        auto wanted = unpacking.wanted();
        const auto objects = co_await store.objects(std::move(wanted));
        if (!objects) co_return std::unexpected(objects.error());
        if (auto put = unpacking.put(*objects); !put) co_return std::unexpected(put.error());
    }
    co_return unpacking.take();
}

}  // namespace postern::gateway
