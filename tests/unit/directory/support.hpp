// A directory in a folder of its own, and calls that wait.
#pragma once

#include "directory/directory.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

namespace postern::directory::test {

namespace fs = std::filesystem;

class Folder {
public:
    Folder()
    {
        std::string name = (fs::temp_directory_path() / "directory-test.XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { fs::remove_all(path_); }
    [[nodiscard]] fs::path file() const { return path_ / "directory.db"; }

private:
    fs::path path_;
};

/// Runs an awaitable to its end on a context of its own.
template <class T>
T wait_for(boost::asio::awaitable<T> work)
{
    boost::asio::io_context context;
    auto future = boost::asio::co_spawn(context, std::move(work), boost::asio::use_future);
    context.run();
    return future.get();
}

inline std::unique_ptr<Directory> opened(const Folder& folder, std::size_t cached = 50'000)
{
    auto directory = Directory::open(
        {.file = folder.file(), .cached_entries = cached, .cached_absent = cached, .cached_answers = cached});
    if (!directory) FAIL(directory.error().describe());
    return std::move(*directory);
}

inline mail::Address address(const std::string& text)
{
    auto parsed = mail::Address::parse(text);
    if (!parsed) FAIL(text << ": " << parsed.error().describe());
    return *parsed;
}

inline DirectoryEntry user(const std::string& text, const std::string& organisation,
                           EntryStatus status = EntryStatus::active)
{
    DirectoryEntry entry;
    entry.address = address(text);
    entry.organisation = organisation;
    entry.status = status;
    entry.name = "A Person";
    return entry;
}

inline DirectoryEntry group(const std::string& text, const std::string& organisation, const std::string& owner)
{
    auto entry = user(text, organisation);
    entry.kind = EntryKind::group;
    entry.owner = owner;
    return entry;
}

inline DirectoryEntry list(const std::string& text, const std::string& organisation, const std::string& owner,
                           const std::vector<std::string>& members)
{
    auto entry = user(text, organisation);
    entry.kind = EntryKind::list;
    entry.owner = owner;
    for (const auto& member : members) entry.members.push_back({.address = member});
    return entry;
}

/// A document with one organisation; the first entry stands in line 10.
inline ImportDocument document(const std::string& organisation, const std::vector<DirectoryEntry>& entries)
{
    ImportDocument made{.file = "directory.yaml", .organisations = {{organisation, 2, {}}}};
    std::size_t line = 10;
    for (const auto& entry : entries) made.organisations.front().entries.push_back({entry, line++});
    return made;
}

inline Result<void> anything_goes(const DirectoryEntry&)
{
    return {};
}

inline Difference applied(Directory& directory, ImportDocument what)
{
    auto difference = wait_for(directory.apply(std::move(what), anything_goes, "a test", from_micros(1'000'000)));
    if (!difference) FAIL(difference.error().describe());
    return std::move(*difference);
}

inline DirectoryEntryPtr found(Directory& directory, const std::string& text)
{
    auto entry = wait_for(directory.find(address(text)));
    if (!entry) FAIL(entry.error().describe());
    return *entry;
}

}  // namespace postern::directory::test
