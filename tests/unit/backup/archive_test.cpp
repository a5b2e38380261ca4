// The form of a backup: what is written comes back, and nothing else passes for it.
#include "backup/archive.hpp"
#include "backup/shelf.hpp"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

using namespace postern;
using namespace postern::backup;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder()
    {
        std::string name = (fs::temp_directory_path() / "postern-backup-XXXXXX").string();
        if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
        path = name;
    }
    ~Folder()
    {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    fs::path path;
};

std::string bytes_of(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

void write(const fs::path& file, std::string_view bytes)
{
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

/// Keeps what is read, by kind and name.
class Kept final : public EntrySink {
public:
    Result<void> begin(const Entry& entry) override
    {
        name_ = entry.name;
        all[name_].clear();
        return {};
    }
    Result<void> take(std::string_view bytes) override
    {
        all[name_] += bytes;
        return {};
    }
    Result<void> end() override { return {}; }
    std::map<std::string, std::string> all;

private:
    std::string name_;
};

struct Backup {
    Folder folder;
    fs::path file = folder.path / "x.backup";
    directory::AuditKey signer = *directory::AuditKey::load_or_create(folder.path / "audit.key");
    SecretKey secret = SecretKey::make();
    std::string large = std::string(300'000, 'x') + "end";

    Backup()
    {
        auto sealed = SealedWriter::create(file, "mx.example.org", Instant{std::chrono::seconds{1'800'000'000}},
                                           {secret.public_half(), SecretKey::make().public_half()}, signer);
        REQUIRE(sealed);
        ArchiveWriter archive(std::move(*sealed));
        About about{"mx.example.org", "2027-01-15T08:00:00Z", "/var/lib/postern"};
        about.messages = 7;
        REQUIRE(archive.add(EntryKind::about, "", boost::json::serialize(about.json())));
        REQUIRE(archive.add(EntryKind::policy, "organisations/a.yaml", "organisation: a\n"));
        REQUIRE(archive.add(EntryKind::policy, "empty", ""));
        write(folder.path / "large", large);
        REQUIRE(archive.add_file(EntryKind::database, "mail.db", folder.path / "large"));
        REQUIRE(archive.finish(signer));
    }

    [[nodiscard]] Result<ReadArchive> read(EntrySink& sink) const
    {
        const auto key = open_archive(file, secret);
        if (!key) return std::unexpected(key.error());
        return read_archive(file, *key, sink);
    }
    [[nodiscard]] Result<void> look() const
    {
        auto sealed = SealedReader::open(file);
        return sealed ? sealed->check_outside() : Result<void>(std::unexpected(sealed.error()));
    }
};

}  // namespace

TEST_CASE("what a backup was given comes back, byte for byte, with the key and with no other")
{
    Backup backup;
    Kept kept;
    const auto read = backup.read(kept);
    REQUIRE(read);
    CHECK(read->about.gateway == "mx.example.org");
    CHECK(read->about.messages == 7);
    CHECK(read->entries == 4);
    CHECK(kept.all.at("organisations/a.yaml") == "organisation: a\n");
    CHECK(kept.all.at("empty").empty());
    CHECK(kept.all.at("mail.db") == backup.large);
    CHECK(backup.look());
    CHECK(bytes_of(backup.file).find("organisation") == std::string::npos);

    const auto other = open_archive(backup.file, SecretKey::make());
    REQUIRE_FALSE(other);
    CHECK(other.error().describe().find(backup.secret.public_half()) != std::string::npos);
}

TEST_CASE("a backup that lacks its end, wherever it was cut off, is refused with and without the key")
{
    Backup backup;
    const auto whole = bytes_of(backup.file);
    for (std::size_t size = 0; size < whole.size(); size += size < 1200 ? 7 : 9973) {
        write(backup.file, whole.substr(0, size));
        NoSink nothing;
        INFO(size);
        CHECK_FALSE(backup.read(nothing));
        CHECK_FALSE(backup.look());
    }
    write(backup.file, whole + "x");
    NoSink nothing;
    CHECK_FALSE(backup.read(nothing));
    CHECK_FALSE(backup.look());
}

TEST_CASE("a backup with one changed byte is refused, wherever it stands")
{
    Backup backup;
    const auto whole = bytes_of(backup.file);
    for (std::size_t at = 0; at < whole.size(); at += at < 1200 ? 13 : 7919) {
        auto changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x20);
        write(backup.file, changed);
        NoSink nothing;
        INFO(at);
        CHECK_FALSE(backup.read(nothing));
        CHECK_FALSE(backup.look());
    }
}

TEST_CASE("a file that is no backup, and one of a newer form, are told apart")
{
    Backup backup;
    const auto whole = bytes_of(backup.file);
    const auto says = [&](std::string_view bytes, std::string_view what) {
        write(backup.file, bytes);
        const auto opened = SealedReader::open(backup.file);
        REQUIRE_FALSE(opened);
        INFO(opened.error().describe());
        CHECK(opened.error().describe().find(what) != std::string::npos);
    };
    says("PK\x03\x04 a zip file, and long enough", "no backup of Postern");
    says("", "no backup of Postern");
    says("postern-backup 2\n{}\n", "form 2");
}

TEST_CASE("names in a backup lead nowhere but where they belong")
{
    Backup backup;
    auto sealed =
        SealedWriter::create(backup.folder.path / "y", "mx", Instant{}, {backup.secret.public_half()}, backup.signer);
    REQUIRE(sealed);
    ArchiveWriter archive(std::move(*sealed));
    for (const auto* name : {"../x", "/x", "a/../x", "a//b", "", "a/"}) {
        INFO(name);
        CHECK_FALSE(archive.add(EntryKind::policy, name, ""));
    }
    CHECK_FALSE(archive.add(EntryKind::database, "other.db", ""));
    CHECK_FALSE(archive.add(EntryKind::body, "../../x", ""));
    CHECK_FALSE(archive.add(EntryKind::outside, "/etc/../x", ""));
    CHECK(archive.add(EntryKind::outside, "/etc/ssl/mx.pem", ""));
}

TEST_CASE("a key is written once, privately, and read again")
{
    Folder folder;
    const auto key = SecretKey::make();
    const auto file = folder.path / "secret";
    REQUIRE(key.write(file));
    CHECK((fs::status(file).permissions() & fs::perms::others_all) == fs::perms::none);
    CHECK((fs::status(file).permissions() & fs::perms::group_all) == fs::perms::none);
    CHECK_FALSE(key.write(file));
    const auto again = SecretKey::read(file);
    REQUIRE(again);
    CHECK(again->public_half() == key.public_half());
    write(folder.path / "other", "ssh-ed25519 AAAA\n");
    CHECK_FALSE(SecretKey::read(folder.path / "other"));

    const auto session = make_session_key();
    CHECK(parse_session_key(print_session_key(session)) == session);
    CHECK_FALSE(parse_session_key("00"));
    CHECK_FALSE(parse_session_key(std::string(64, 'g')));
}

TEST_CASE("times of day say when the next backup is due and when the last was")
{
    using namespace std::chrono_literals;
    const Instant day = std::chrono::sys_days{std::chrono::year{2026} / 11 / 25};
    const std::vector<std::chrono::minutes> at{2h + 30min, 14h};
    CHECK(last_due(at, day + 3h) == day + 2h + 30min);
    CHECK(last_due(at, day + 2h + 30min) == day + 2h + 30min);
    CHECK(last_due(at, day + 1h) == day - 10h);
    CHECK(next_due(at, day + 1h) == day + 2h + 30min);
    CHECK(next_due(at, day + 2h + 30min) == day + 14h);
    CHECK(next_due(at, day + 15h) == day + 24h + 2h + 30min);
}

TEST_CASE("the newest stay in a folder, and what is another gateway's is left alone")
{
    Folder folder;
    for (const auto* name :
         {"postern-mx.a.example-20261123T000000Z.backup", "postern-mx.a.example-20261124T000000Z.backup",
          "postern-mx.a.example-20261125T000000Z.backup", "postern-mx.b.example-20260101T000000Z.backup",
          "postern-mx.a.example-20269901T000000Z.backup", "notes.txt"})
        write(folder.path / name, "");
    keep_newest(folder.path, "mx.a.example", 2);
    const auto left = shelved(folder.path, "mx.a.example");
    REQUIRE(left);
    REQUIRE(left->size() == 2);
    CHECK(left->front().name == "postern-mx.a.example-20261124T000000Z.backup");
    CHECK(fs::exists(folder.path / "postern-mx.b.example-20260101T000000Z.backup"));
    CHECK(fs::exists(folder.path / "notes.txt"));
    CHECK_FALSE(shelved(folder.path / "nowhere", "mx.a.example"));
}
