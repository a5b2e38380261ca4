// What the authority issues and revokes, judged by the openssl command line as an independent reader.
#include "authority/authority.hpp"

#include "authority/files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

using namespace postern;
using namespace postern::authority;
namespace fs = std::filesystem;

class Folder {
public:
    Folder()
    {
        std::string name = (fs::temp_directory_path() / "authority-test.XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { fs::remove_all(path_); }
    [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

class SetClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return SystemClock{}.now() + ahead; }
    Duration ahead{};
};

const Duration ten_years = std::chrono::days{3650};

Authority made(const Folder& folder, const Clock& clock)
{
    auto authority = Authority::init(folder / "ca", "Test community authority", ten_years, clock);
    if (!authority) FAIL(authority.error().describe());
    return std::move(*authority);
}

Issued issued(Authority& authority, const Folder& folder, const std::string& name, Use use = Use::both)
{
    auto result = authority.issue({.names = {name}, .use = use, .out = folder.path()});
    if (!result) FAIL(result.error().describe());
    return *result;
}

/// Whether `openssl ARGUMENTS` succeeds.
bool openssl(const std::string& arguments)
{
    return std::system(("openssl " + arguments + " >/dev/null 2>&1").c_str()) == 0;
}

bool verifies(const Folder& folder, const Issued& certificate, const std::string& more = "")
{
    return openssl(fmt::format("verify -crl_check -CAfile {0} -CRLfile {0} {1} {2}",
                               (folder / "ca/members.pem").string(), more, certificate.chain.string()));
}

mode_t mode_of(const fs::path& path)
{
    struct stat facts {};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    return facts.st_mode & 0777;
}

std::string bytes_of(const fs::path& path)
{
    const auto bytes = read_file(path);
    REQUIRE(bytes);
    return *bytes;
}

}  // namespace

TEST_CASE("a certificate that was issued verifies as client and as server under its names")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = made(folder, clock);
    auto result =
        authority.issue({.names = {"Mail.Greenstone.example", "mx2.greenstone.example"}, .out = folder.path()});
    REQUIRE(result);

    CHECK(verifies(folder, *result, "-purpose sslclient -verify_hostname mx2.greenstone.example"));
    CHECK(verifies(folder, *result, "-purpose sslserver -x509_strict -verify_hostname mail.greenstone.example"));
    CHECK_FALSE(verifies(folder, *result, "-verify_hostname smith.example"));
    CHECK(result->chain.filename() == "mail.greenstone.example.pem");
    CHECK(openssl(fmt::format("pkey -in {} -check", result->key.string())));
    CHECK(result->certificate.serial.size() == 32);
    CHECK(result->certificate.not_after - result->certificate.not_before ==
          std::chrono::days{825} + std::chrono::hours{1});
}

TEST_CASE("a certificate is good for the use it was issued for only")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = made(folder, clock);
    const auto client = issued(authority, folder, "client.example", Use::client);
    const auto server = issued(authority, folder, "server.example", Use::server);

    CHECK(verifies(folder, client, "-purpose sslclient"));
    CHECK_FALSE(verifies(folder, client, "-purpose sslserver"));
    CHECK(verifies(folder, server, "-purpose sslserver"));
    CHECK_FALSE(verifies(folder, server, "-purpose sslclient"));
}

TEST_CASE("a revoked certificate no longer verifies, and others still do")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = made(folder, clock);
    const auto bad = issued(authority, folder, "bad.example");
    const auto good = issued(authority, folder, "good.example");

    const auto revoked = authority.revoke("BAD.example", "keyCompromise");
    REQUIRE(revoked);
    CHECK(revoked->size() == 1);
    CHECK_FALSE(verifies(folder, bad));
    CHECK(verifies(folder, good));
    CHECK(standing(authority.list().at(0), clock.now()) == Standing::revoked);
    CHECK(authority.list().at(0).reason == "keyCompromise");
    CHECK(standing(authority.list().at(1), clock.now()) == Standing::valid);
    CHECK(std::system(fmt::format("openssl crl -in {} -noout -text | grep -q 'Key Compromise'",
                                  (folder / "ca/crl.pem").string())
                          .c_str()) == 0);
}

TEST_CASE("revoking by serial takes one certificate of a name, by name all of them")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = made(folder, clock);
    fs::create_directories(folder / "second");
    fs::create_directories(folder / "third");
    const auto first = issued(authority, folder, "mx.example");
    REQUIRE(authority.issue({.names = {"mx.example"}, .out = folder / "second"}));
    REQUIRE(authority.issue({.names = {"mx.example"}, .out = folder / "third"}));

    CHECK(authority.revoke(first.certificate.serial, "superseded")->size() == 1);
    CHECK_FALSE(authority.revoke(first.certificate.serial, "superseded"));
    CHECK(authority.revoke("mx.example", "unspecified")->size() == 2);
    CHECK_FALSE(authority.revoke("mx.example", "unspecified"));
    CHECK_FALSE(authority.revoke("nobody.example", "unspecified"));
    CHECK_FALSE(authority.revoke("mx.example", "because"));
}

TEST_CASE("what was issued and revoked is known after opening again")
{
    const Folder folder;
    const SystemClock clock;
    std::string serial;
    {
        auto authority = made(folder, clock);
        serial = issued(authority, folder, "mx.example", Use::client).certificate.serial;
        REQUIRE(authority.revoke(serial, "affiliationChanged"));
    }
    const auto authority = Authority::open(folder / "ca", clock);
    REQUIRE(authority);
    REQUIRE(authority->list().size() == 1);
    const Certificate& certificate = authority->list().front();
    CHECK(certificate.serial == serial);
    CHECK(certificate.use == Use::client);
    CHECK(certificate.names == std::vector<std::string>{"mx.example"});
    CHECK(certificate.revoked.has_value());
    CHECK(certificate.reason == "affiliationChanged");
    CHECK(certificate.sha256.size() == 64);
}

TEST_CASE("nothing is overwritten: neither an authority nor a certificate")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = made(folder, clock);
    const auto first = issued(authority, folder, "mx.example");
    const auto key = bytes_of(first.key);

    const auto again = authority.issue({.names = {"mx.example"}, .out = folder.path()});
    REQUIRE_FALSE(again);
    CHECK(again.error().describe().find("exists already") != std::string::npos);
    CHECK(bytes_of(first.key) == key);
    CHECK(authority.list().size() == 1);

    const auto root = bytes_of(folder / "ca/ca.key");
    {
        const auto ended = std::move(authority);
    }
    CHECK_FALSE(Authority::init(folder / "ca", "Another", ten_years, clock));
    CHECK(bytes_of(folder / "ca/ca.key") == root);
}

TEST_CASE("two commands at once: the second is told to try again")
{
    const Folder folder;
    const SystemClock clock;
    const auto authority = made(folder, clock);
    const auto second = Authority::open(folder / "ca", clock);
    REQUIRE_FALSE(second);
    CHECK(second.error().retry() == Retry::later);
}

TEST_CASE("keys are for their owner only, and a key that others can read is refused")
{
    const Folder folder;
    const SystemClock clock;
    {
        auto authority = made(folder, clock);
        CHECK(mode_of(issued(authority, folder, "mx.example").key) == 0600);
    }
    CHECK(mode_of(folder / "ca") == 0700);
    CHECK(mode_of(folder / "ca/ca.key") == 0600);
    CHECK(mode_of(folder / "ca/members.pem") == 0644);
    REQUIRE(::chmod((folder / "ca/ca.key").c_str(), 0640) == 0);
    const auto opened = Authority::open(folder / "ca", clock);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().describe().find("chmod 600") != std::string::npos);
}

TEST_CASE("names that are no DNS names are refused")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = made(folder, clock);
    const std::string bad = GENERATE(as<std::string>{}, "", "..", "a..b", "-a.example", "a-.example", "192.0.2.1",
                                     "a b.example", "../../etc/passwd", "x,DNS:other.example", "*.example",
                                     "a.example.", "\xc3\xa4.example", std::string(64, 'a') + ".example");
    CHECK_FALSE(authority.issue({.names = {bad}, .out = folder.path()}));
    CHECK_FALSE(authority.issue({.names = {"good.example", bad}, .out = folder.path()}));
    CHECK_FALSE(authority.issue({.names = {}, .out = folder.path()}));
    CHECK(authority.list().empty());
}

TEST_CASE("a name too long for a common name is an alternative name only")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = made(folder, clock);
    const std::string name = std::string(60, 'a') + ".greenstone.example";
    const auto certificate = issued(authority, folder, name);
    CHECK(verifies(folder, certificate, "-x509_strict -verify_hostname " + name));
}

TEST_CASE("no certificate outlives its authority")
{
    const Folder folder;
    const SystemClock clock;
    auto authority = Authority::init(folder / "ca", "Short", std::chrono::days{100}, clock);
    REQUIRE(authority);
    CHECK_FALSE(authority->issue({.names = {"mx.example"}, .valid_for = std::chrono::days{101}, .out = folder.path()}));
    CHECK(authority->issue({.names = {"mx.example"}, .valid_for = std::chrono::days{99}, .out = folder.path()}));
}

TEST_CASE("the revocation list lapses after 30 days unless it is refreshed")
{
    const Folder folder;
    SetClock clock;
    clock.ahead = -std::chrono::days{29};
    auto authority = made(folder, clock);
    const auto certificate = issued(authority, folder, "mx.example");
    CHECK(authority.refresh_before() > SystemClock{}.now());
    CHECK(verifies(folder, certificate));

    clock.ahead = -std::chrono::days{31};
    REQUIRE(authority.refresh());
    CHECK_FALSE(verifies(folder, certificate));
    clock.ahead = {};
    REQUIRE(authority.refresh());
    CHECK(verifies(folder, certificate));
}

TEST_CASE("a revocation that was interrupted before its list was written is completed at the next opening")
{
    const Folder folder;
    const SystemClock clock;
    std::optional<Issued> certificate;
    std::string old_list;
    {
        auto authority = made(folder, clock);
        certificate = issued(authority, folder, "mx.example");
        old_list = bytes_of(folder / "ca/crl.pem");
        REQUIRE(authority.revoke("mx.example", "keyCompromise"));
    }
    REQUIRE(replace_file(folder / "ca/crl.pem", old_list, 0644));
    REQUIRE(replace_file(folder / "ca/members.pem", bytes_of(folder / "ca/ca.pem") + old_list, 0644));
    REQUIRE(verifies(folder, *certificate));
    REQUIRE(Authority::open(folder / "ca", clock));
    CHECK_FALSE(verifies(folder, *certificate));
}

TEST_CASE("an authority whose files do not belong together or are damaged says which")
{
    const Folder folder;
    const SystemClock clock;
    {
        const auto authority = made(folder, clock);
        const auto other = Authority::init(folder / "other", "Other", ten_years, clock);
        REQUIRE(other);
    }
    CHECK_FALSE(Authority::open(folder / "none", clock));
    const auto damage = [&](const std::string& file, const std::string& bytes) {
        const auto kept = bytes_of(folder / ("ca/" + file));
        REQUIRE(replace_file(folder / ("ca/" + file), bytes, 0600));
        const auto opened = Authority::open(folder / "ca", clock);
        REQUIRE(replace_file(folder / ("ca/" + file), kept, 0600));
        REQUIRE_FALSE(opened);
        return opened.error().describe();
    };
    CHECK(damage("ca.pem", bytes_of(folder / "other/ca.pem")).find("do not belong together") != std::string::npos);
    CHECK(damage("ca.key", "garbage").find("ca.key") != std::string::npos);
    CHECK(damage("index.json", "{\"format\": 1, \"list_number\": 1, \"certificates\": [3]}").find("index.json") !=
          std::string::npos);
    CHECK(damage("index.json", "{\"format\": 9}").find("newer") != std::string::npos);
    CHECK(Authority::open(folder / "ca", clock));
}
