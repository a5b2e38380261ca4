// Reloading: what is read again, what is refused, what stays.
#include "policy/loader.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace postern;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

/// Files count as unchanged once their times are older than what a clock tick could hide.
void rest()
{
    std::this_thread::sleep_for(std::chrono::milliseconds{150});
}

struct Folder {
    fs::path root = fs::temp_directory_path() / ("postern-loader-" + std::to_string(::getpid()));
    fs::path rules = root / "rules";
    Folder()
    {
        fs::remove_all(root);
        fs::create_directories(root);
        fs::copy(POSTERN_SOURCE_DIR "/rules", rules, fs::copy_options::recursive);
    }
    ~Folder() { fs::remove_all(root); }
};

bool says(const policy::Loaded& loaded, const std::string& text)
{
    return policy::render(loaded.diagnostics, "rules").find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("files that did not change are not read again")
{
    const Folder folder;
    rest();
    policy::Loader loader(folder.rules);
    const auto first = loader.load(1);
    REQUIRE(first.files == 17);
    REQUIRE(first.files_read == 17);
    const auto second = loader.load(2);
    REQUIRE(second.files_read == 0);
    REQUIRE(second.snapshot->hash() == first.snapshot->hash());
    REQUIRE(second.snapshot->generation() == 2);

    write(folder.rules / "limits.yaml", "message_size: 1 MiB\n");
    const auto third = loader.load(3);
    REQUIRE(third.files_read == 1);
    REQUIRE(third.snapshot->message_size() == 1 << 20);
    REQUIRE(third.snapshot->hash() != first.snapshot->hash());
    REQUIRE(first.snapshot->message_size() == 10 << 20);
}

TEST_CASE("a second change within the same tick of the clock is seen")
{
    const Folder folder;
    policy::Loader loader(folder.rules);
    for (int i = 1; i < 10; ++i) {
        write(folder.rules / "limits.yaml", "message_size: " + std::to_string(i) + " MiB\n");
        REQUIRE(loader.load(1).snapshot->message_size() == static_cast<std::uint64_t>(i) << 20);
    }
}

TEST_CASE("an error stays an error until its file changes")
{
    const Folder folder;
    write(folder.rules / "limits.yaml", "mesage_size: 1 MiB\n");
    rest();
    policy::Loader loader(folder.rules);
    REQUIRE(!loader.load(1).snapshot);
    const auto again = loader.load(2);
    REQUIRE(again.files_read == 0);
    REQUIRE(!again.snapshot);
    REQUIRE(says(again, "unknown key \"mesage_size\""));
    fs::remove(folder.rules / "limits.yaml");
    REQUIRE(loader.load(3).snapshot->message_size() == 10 << 20);
}

TEST_CASE("a member that is taken out is gone, and one that is added is there")
{
    const Folder folder;
    policy::Loader loader(folder.rules);
    const auto before = loader.load(1).snapshot;
    fs::rename(folder.rules / "organisations/smith.yaml", folder.root / "smith.yaml");
    const auto without = loader.load(2).snapshot;
    REQUIRE(!without->organisation("smith"));
    REQUIRE(!without->owner_of(mail::Domain::parse("smithsolicitors.co.uk").value()));
    REQUIRE(before->organisation("smith"));
    fs::rename(folder.root / "smith.yaml", folder.rules / "organisations/smith.yaml");
    REQUIRE(loader.load(3).snapshot->organisation("smith"));
}

TEST_CASE("a swapped symbolic link is another policy, with its own paths")
{
    const Folder folder;
    fs::copy(folder.rules, folder.root / "other", fs::copy_options::recursive);
    fs::create_symlink("rules", folder.root / "live");
    policy::Loader loader(folder.root / "live");
    REQUIRE(loader.load(1).snapshot->node().authorities == (folder.rules / "tls/members.pem").string());
    fs::create_symlink("other", folder.root / "next");
    fs::rename(folder.root / "next", folder.root / "live");
    REQUIRE(loader.load(2).snapshot->node().authorities == (folder.root / "other/tls/members.pem").string());
}

TEST_CASE("what is no file, too large or nowhere is named and refused")
{
    const Folder folder;
    policy::Loader loader(folder.rules);
    const auto limits = folder.rules / "limits.yaml";
    fs::remove(limits);
    SECTION("a dangling link")
    {
        fs::create_symlink("nowhere", limits);
        REQUIRE(says(loader.load(1), "rules/limits.yaml: is a link to \"nowhere\", which is not there"));
    }
    SECTION("a pipe, which nobody may wait for")
    {
        REQUIRE(::mkfifo(limits.c_str(), 0600) == 0);
        REQUIRE(says(loader.load(1), "rules/limits.yaml: is not a regular file"));
    }
    SECTION("a large file")
    {
        write(limits, std::string(2 << 20, '#'));
        REQUIRE(says(loader.load(1), "rules/limits.yaml: has 2097152 bytes; a policy file has at most 1048576"));
    }
    SECTION("bytes that are no text")
    {
        write(limits, std::string("message_size: \0 1 MiB", 21));
        REQUIRE(says(loader.load(1), "rules/limits.yaml:1:15: a control character (byte 0)"));
        write(limits, "message_size: \xFF\n");
        REQUIRE(says(loader.load(1), "rules/limits.yaml:1:15: not UTF-8"));
    }
    REQUIRE(!loader.load(1).snapshot);
}

TEST_CASE("a directory that is not there is an error, not an exception")
{
    policy::Loader loader("/nowhere/at/all");
    const auto loaded = loader.load(1);
    REQUIRE(!loaded.snapshot);
    REQUIRE(policy::has_errors(loaded.diagnostics));
}

TEST_CASE("connections that could be two members' are nobody's")
{
    const Folder folder;
    policy::Loader loader(folder.rules);
    const auto organisation = [](const std::string& id) {
        return "organisation: " + id + "\nname: " + id + "\nkind: server\ndomains: [" + id +
               ".example]\nconnects_from: { certificate: { name: mail." + id + ".example } }\ndeliver_to: { mx: " + id +
               ".example }\n";
    };
    write(folder.rules / "organisations/a.yaml", organisation("a"));
    write(folder.rules / "organisations/b.yaml", organisation("b"));
    const auto snapshot = loader.load(1).snapshot;
    REQUIRE(snapshot);
    policy::Shown shown{vocabulary::parse_ip("192.0.2.1").value(), true, {"mail.a.example"}, std::string(64, '0')};
    REQUIRE(snapshot->membership(shown).organisation->id == "a");
    shown.certificate_names.emplace_back("mail.b.example");
    REQUIRE(snapshot->membership(shown).answer == policy::Membership::Answer::ambiguous);
    REQUIRE(snapshot->membership(shown).organisation == nullptr);
    REQUIRE(snapshot->could_enter(shown.peer));
}

TEST_CASE("a value that a sender wrote cannot end a header line, and is encoded")
{
    const Folder folder;
    write(folder.rules / "tagging.yaml",
          "tags: [{ name: a, headers: { add: { X-Subject: \"was ${message.subject} $${x}\" } } }]\n");
    policy::Loader loader(folder.rules);
    const auto snapshot = loader.load(1).snapshot;
    REQUIRE(snapshot);
    const auto filled = [&](const std::string& subject) {
        const auto content = "Subject: " + subject + "\r\n\r\n";
        const auto header = mail::Header::parse(content).value();
        vocabulary::Facts facts;
        facts.stage = vocabulary::Stage::message;
        facts.header = &header;
        return snapshot->tags(facts)->at(0).add_headers.at(0).second;
    };
    REQUIRE(filled("Listing") == "was Listing ${x}");
    REQUIRE(filled("=?utf-8?Q?a=0D=0ABcc:_b?=") == "was a  Bcc: b ${x}");
    REQUIRE(mail::decode_text(filled("=?utf-8?Q?Caf=C3=A9?=")) == "was Caf\xC3\xA9 ${x}");
    REQUIRE(filled("=?utf-8?Q?Caf=C3=A9?=").find('\xC3') == std::string::npos);
    REQUIRE(filled(std::string(900, 'x')).size() < 300);
}

TEST_CASE("scripts, tests and texts belong to a policy: what changes in them is another policy")
{
    const Folder folder;
    policy::Loader loader(folder.rules);
    const auto before = loader.load(1);
    for (const auto* name : {"lua/deep/marking.lua", "tests/tags.yaml", "templates/failure.txt"}) {
        fs::create_directories((folder.rules / name).parent_path());
        write(folder.rules / name, "-- \n");
        const auto with = loader.load(1);
        REQUIRE(with.hash != before.hash);
        REQUIRE(with.files == before.files + 1);
        REQUIRE(loader.file_set().at(name) == "-- \n");
        fs::remove(folder.rules / name);
        REQUIRE(loader.load(1).hash == before.hash);
    }
    fs::create_directories(folder.rules / "tls");
    write(folder.rules / "tls/mx.key", "secret");
    REQUIRE(loader.load(1).hash == before.hash);
    REQUIRE(loader.file_set().size() == before.files);
}

TEST_CASE("files that lie nowhere make the same policy as in the directory, with the directory's paths")
{
    const Folder folder;
    policy::Loader loader(folder.rules);
    const auto lying = loader.load(1);
    auto files = std::make_shared<policy::FileSet>(loader.file_set());
    policy::Loader given(folder.rules, files);
    const auto same = given.load([&](const std::string& hash) {
        REQUIRE(hash == lying.hash);
        return std::uint64_t{7};
    });
    REQUIRE(same.snapshot);
    REQUIRE(same.snapshot->generation() == 7);
    REQUIRE(same.hash == lying.hash);
    REQUIRE(same.snapshot->node().authorities == lying.snapshot->node().authorities);
    REQUIRE(same.snapshot->organisations().size() == lying.snapshot->organisations().size());

    auto broken = std::make_shared<policy::FileSet>(*files);
    broken->erase("node.yaml");
    (*broken)["limits.yaml"] = "mesage_size: 1 MiB\n";
    (*broken)["organisations/deep/x.yaml"] = "";
    policy::Loader refusing(folder.rules, broken);
    const auto refused = refusing.load(1);
    REQUIRE(!refused.snapshot);
    REQUIRE(says(refused, "node.yaml: the file is missing"));
    REQUIRE(says(refused, "rules/limits.yaml:1:1: unknown key \"mesage_size\""));
    REQUIRE(says(refused, "a folder among the organisations is not read"));
}

TEST_CASE("only names that belong to a policy are a policy's files")
{
    using policy::is_policy_file;
    for (const auto* name : {"node.yaml", "content.yaml", "organisations/a.yaml", "lua/a.lua", "lua/b/c.lua",
                             "tests/x.yaml", "tests/mail/one.eml", "templates/failure.txt"})
        REQUIRE(is_policy_file(name));
    for (const auto* name : {"", "/", "/etc/passwd", "../node.yaml", "lua/../node.yaml", "lua/.hidden", "tls/mx.key",
                             "directory.yaml", "other.yaml", "organisations/a/b.yaml", "organisations/.yaml", "lua",
                             "lua/", "lua//a.lua", "organisations/a.yml"})
        REQUIRE(!is_policy_file(name));
    REQUIRE(!is_policy_file(std::string("lua/a\0b", 7)));
}
