// Writing to the policy's directory: all or nothing, and nothing but the policy.
#include "gateway/policy_folder.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

using namespace postern;
using gateway::PolicyFolder;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& text)
{
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

std::string read(const fs::path& path)
{
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

struct Folder {
    Folder()
    {
        std::string name = (fs::temp_directory_path() / "postern-folder-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()));
        root = name;
        directory = root / "policy";
        write(directory / "node.yaml", "old node");
        write(directory / "limits.yaml", "old limits");
        write(directory / "lua/gone.lua", "gone");
        write(directory / "tls/mx.key", "secret");
        write(directory / ".git/HEAD", "main");
        write(directory / "directory.yaml", "people");
        fs::permissions(directory / "limits.yaml", fs::perms::owner_read | fs::perms::owner_write);
    }
    ~Folder() { fs::remove_all(root); }

    /// As the loader would have read it.
    [[nodiscard]] std::vector<policy::LoadedFile> lying() const
    {
        static const policy::FileSet files{
            {"node.yaml", "old node"}, {"limits.yaml", "old limits"}, {"lua/gone.lua", "gone"}};
        std::vector<policy::LoadedFile> all;
        for (const auto& [name, bytes] : files) all.push_back({name, bytes, {}});
        return all;
    }
    void holds_the_new() const
    {
        REQUIRE(read(directory / "node.yaml") == "old node");
        REQUIRE(read(directory / "limits.yaml") == "new limits");
        REQUIRE(read(directory / "tests/deep/a.yaml") == "a test");
        REQUIRE(!fs::exists(directory / "lua/gone.lua"));
        REQUIRE(!fs::exists(directory / ".postern-apply"));
        keeps_the_rest();
    }
    void keeps_the_rest() const
    {
        REQUIRE(read(directory / "tls/mx.key") == "secret");
        REQUIRE(read(directory / ".git/HEAD") == "main");
        REQUIRE(read(directory / "directory.yaml") == "people");
    }

    const policy::FileSet fresh{
        {"node.yaml", "old node"}, {"limits.yaml", "new limits"}, {"tests/deep/a.yaml", "a test"}};
    fs::path root, directory;
};

}  // namespace

TEST_CASE("the policy's files become the new ones, and everything else stays")
{
    const Folder folder;
    struct stat before {
    }, after{};
    REQUIRE(stat((folder.directory / "node.yaml").c_str(), &before) == 0);
    PolicyFolder(folder.directory).put(folder.fresh, folder.lying()).value();
    folder.holds_the_new();
    REQUIRE(stat((folder.directory / "node.yaml").c_str(), &after) == 0);
    REQUIRE(before.st_ino == after.st_ino);  // what did not change is not written
    REQUIRE(stat((folder.directory / "limits.yaml").c_str(), &after) == 0);
    REQUIRE((after.st_mode & 0777) == 0600);  // as it was
    REQUIRE(!PolicyFolder::recover(folder.directory).value());
}

TEST_CASE("a change that a crash interrupted is finished from its mark on, and taken back before")
{
    const Folder folder;
    const auto staged = folder.directory / ".postern-apply";
    write(staged / "files/limits.yaml", "new limits");
    write(staged / "files/tests/deep/a.yaml", "a test");
    write(staged / "removed", "lua/gone.lua\n");
    SECTION("with its mark")
    {
        write(staged / "whole", "");
        REQUIRE(PolicyFolder::recover(folder.directory).value());
        folder.holds_the_new();
    }
    SECTION("with its mark, and half of it done")
    {
        write(staged / "whole", "");
        fs::rename(staged / "files/limits.yaml", folder.directory / "limits.yaml");
        fs::remove(folder.directory / "lua/gone.lua");
        REQUIRE(PolicyFolder::recover(folder.directory).value());
        folder.holds_the_new();
    }
    SECTION("without")
    {
        REQUIRE(!PolicyFolder::recover(folder.directory).value());
        REQUIRE(read(folder.directory / "limits.yaml") == "old limits");
        REQUIRE(read(folder.directory / "lua/gone.lua") == "gone");
        REQUIRE(!fs::exists(staged));
        folder.keeps_the_rest();
    }
}

TEST_CASE("a link is swapped to a copy, in which keys are the same files; the old folder stays as it was")
{
    const Folder folder;
    const auto link = folder.root / "live";
    const bool relative = GENERATE(true, false);
    fs::create_symlink(relative ? fs::path("policy") : folder.directory, link);
    for (const std::string name : {"live.1", "live.2"}) {
        PolicyFolder(link).put(folder.fresh, folder.lying()).value();
        REQUIRE(fs::read_symlink(link) == (relative ? fs::path(name) : folder.root / name));
        REQUIRE(read(link / "limits.yaml") == "new limits");
        REQUIRE(read(link / "tests/deep/a.yaml") == "a test");
        REQUIRE(!fs::exists(link / "lua/gone.lua"));
        REQUIRE(fs::equivalent(link / "tls/mx.key", folder.directory / "tls/mx.key"));
        REQUIRE(read(link / ".git/HEAD") == "main");
    }
    REQUIRE(read(folder.directory / "limits.yaml") == "old limits");
    REQUIRE(read(folder.directory / "lua/gone.lua") == "gone");
    const auto inside = PolicyFolder(link).writable((fs::canonical(link) / "spool").string());
    REQUIRE(inside.error().describe().find("storage lies in the folder") != std::string::npos);
    REQUIRE(PolicyFolder(link).writable((folder.root / "spool").string()));
}

TEST_CASE("names that leave the policy are never written")
{
    const Folder folder;
    for (const auto* name : {"../outside.yaml", "tls/mx.key", "/etc/passwd", "directory.yaml", ".git/HEAD"}) {
        auto files = folder.fresh;
        files[name] = "evil";
        const auto put = PolicyFolder(folder.directory).put(files, folder.lying());
        REQUIRE(!put);
        REQUIRE(read(folder.directory / "limits.yaml") == "old limits");
        folder.keeps_the_rest();
    }
    REQUIRE(!fs::exists(folder.root / "outside.yaml"));
}

TEST_CASE("a folder that can't be written is refused with a remedy, before anything changes")
{
    const Folder folder;
    if (::geteuid() == 0) {
        // Root may write anywhere: what is no folder stands for what can't be written.
        write(folder.root / "file", "");
        const auto put = PolicyFolder(folder.root / "file").put(folder.fresh, {});
        REQUIRE(put.error().describe().find("could not be written") != std::string::npos);
        return;
    }
    fs::permissions(folder.directory, fs::perms::owner_read | fs::perms::owner_exec);
    const auto may = PolicyFolder(folder.directory).writable("/var/lib/postern");
    fs::permissions(folder.directory, fs::perms::owner_all);
    REQUIRE(may.error().describe().find("chown") != std::string::npos);
}
