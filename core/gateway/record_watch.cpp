#include "gateway/record_watch.hpp"

#include "base/digest.hpp"
#include "gateway/archive.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace postern::gateway {

namespace {

const store::GenerationRecord* newest_archived(const std::vector<store::GenerationRecord>& all)
{
    for (auto record = all.rbegin(); record != all.rend(); ++record)
        if (!record->tree.empty()) return &*record;
    return nullptr;
}

}  // namespace

boost::asio::awaitable<Result<std::optional<std::string>>> archive_damage(store::MailStore& store)
{
    using Answer = Result<std::optional<std::string>>;
    const auto generations = co_await store.generations();
    if (!generations) co_return std::unexpected(generations.error());
    const auto* newest = newest_archived(*generations);
    if (newest == nullptr) co_return Answer{std::nullopt};
    const auto damaged = [&](const std::string& what) {
        return Answer{
            fmt::format("The archive of generation {} was changed: {}. Compare `postern get {}` with what was "
                        "applied, and look who can write to storage.directory",
                        newest->number, what, newest->number)};
    };
    std::vector<std::string> lists{newest->tree};
    std::vector<std::string> files;
    std::set<std::string> seen;
    const auto check = [](const std::vector<store::PolicyObject>& objects) {
        return std::ranges::all_of(objects,
                                   [](const auto& object) { return sha256_bytes(object.bytes) == object.digest; });
    };
    while (!lists.empty()) {
        const auto wanted = lists.size();
        const auto objects = co_await store.objects(std::move(lists));
        lists.clear();
        if (!objects) co_return std::unexpected(objects.error());
        if (objects->size() != wanted) co_return damaged("a list of its files is missing");
        if (!check(*objects)) co_return damaged("a list of its files is not what it was");
        for (const auto& object : *objects) {
            const auto entries = read_list(object.bytes);
            if (!entries) co_return damaged("a list of its files can't be read");
            for (const auto& entry : *entries)
                if (seen.insert(entry.digest).second) (entry.is_list ? lists : files).push_back(entry.digest);
        }
    }
    const auto wanted = files.size();
    const auto objects = co_await store.objects(std::move(files));
    if (!objects) co_return std::unexpected(objects.error());
    if (objects->size() != wanted) co_return damaged("a file is missing");
    if (!check(*objects)) co_return damaged("a file is not what it was");
    co_return Answer{std::nullopt};
}

std::optional<std::string> storage_exposure(const std::string& directory)
{
    constexpr std::array<const char*, 5> names{"", "/mail.db", "/directory.db", "/trace.key", "/bodies"};
    for (const char* name : names) {
        struct stat facts {};
        const auto path = directory + name;
        if (::stat(path.c_str(), &facts) != 0) continue;
        if (facts.st_uid != ::geteuid() && facts.st_uid != 0)
            return fmt::format(
                "{} belongs to user {}, which is not the service's. Whoever that is can change records; "
                "chown it back, and find out who did this",
                path, facts.st_uid);
        if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
            return fmt::format(
                "Others than the service may write to {}: what it holds can be changed unseen; chmod go-w "
                "it, and find out who did this",
                path);
    }
    return std::nullopt;
}

}  // namespace postern::gateway
