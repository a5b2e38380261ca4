#include "transform/trace_token.hpp"

#include "base/text.hpp"
#include "community.hpp"

#include <sys/stat.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace postern;
using namespace postern::test;
using transform::Comeback;
using transform::TraceKey;

namespace {

const TraceKey key{std::string(32, 'k')};
const std::vector<std::string> recipients{"a@crowncourt.example.cjsm.net", "b@crowncourt.example.cjsm.net"};

/// A folder of its own for one test.
struct Folder {
    std::string path = "/tmp/postern-trace-XXXXXX";
    Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("HMAC-SHA256 is that of RFC 4231")
{
    const TraceKey rfc{std::string(131, '\xAA')};
    CHECK(to_hex(rfc.mac("Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("a token says where a message has been, whatever a server does to its white space")
{
    std::string value = transform::make_token(id, "crown-court", 1, recipients, key);
    for (int round = 0; round < 2; ++round) {
        const auto token = transform::verify_token(value, key);
        REQUIRE(token);
        CHECK(token->message_id == id);
        CHECK(token->organisation == "crown-court");
        CHECK(token->hops == 1);
        CHECK(token->names(recipients[0], key));
        CHECK(token->names(recipients[1], key));
        CHECK_FALSE(token->names("c@crowncourt.example.cjsm.net", key));
        for (std::size_t at = value.find("\r\n\t"); at != value.npos; at = value.find("\r\n\t"))
            value.replace(at, 3, " ");
        value.insert(value.find("sig=") + 9, "\r\n ");
    }
    CHECK(value.find("crowncourt.example") == value.npos);
}

TEST_CASE("a token that anyone changed is none")
{
    const std::string value = transform::make_token(id, "crown-court", 1, recipients, key);
    for (std::size_t i = 0; i < value.size(); ++i) {
        std::string changed = value;
        changed[i] = changed[i] == 'x' ? 'y' : 'x';
        const bool space = value[i] == ' ' || value[i] == '\t' || value[i] == '\r' || value[i] == '\n';
        INFO(changed);
        if (!space) CHECK_FALSE(transform::verify_token(changed, key));
    }
    CHECK_FALSE(transform::verify_token(value, TraceKey(std::string(32, 'x'))));
    CHECK_FALSE(transform::verify_token("", key));
    CHECK_FALSE(transform::verify_token("sig=", key));
}

TEST_CASE("the same recipient again is a loop, another one a redirect, another member neither")
{
    const std::string content = "Postern-Trace: v1 forged; sig=x\r\nPostern-Trace: " +
                                transform::make_token(id, "crown-court", 2, recipients, key) + "\r\n\r\n";
    const auto token = transform::find_token(mail::Header::parse(content).value(), key);
    REQUIRE(token);
    CHECK(transform::comes_back(token, "crown-court", recipients[0], key) == Comeback::loop);
    CHECK(transform::comes_back(token, "crown-court", "x@greenstone.cjsm.net", key) == Comeback::redirect);
    CHECK(transform::comes_back(token, "greenstone", recipients[0], key) == Comeback::none);
    CHECK(transform::comes_back(std::nullopt, "crown-court", recipients[0], key) == Comeback::none);
}

TEST_CASE("a token of many recipients keeps its lines short")
{
    std::vector<std::string> many;
    for (int i = 0; i < 200; ++i) many.push_back("user" + std::to_string(i) + "@crowncourt.example.cjsm.net");
    const std::string value = transform::make_token(id, std::string(64, 'o'), 1000, many, key);
    std::size_t line = std::string("Postern-Trace: ").size();
    for (const char c : value) {
        line = c == '\n' ? 0 : line + 1;
        REQUIRE(line <= 140);
    }
    REQUIRE(transform::verify_token(value, key)->to.size() == 200);
}

TEST_CASE("the key is made once, for its owner alone")
{
    const Folder folder;
    const std::string path = folder.path + "/trace.key";
    const auto made = transform::load_or_create_key(path);
    REQUIRE(made);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(status.st_size == 32);
    CHECK(transform::load_or_create_key(path)->mac("x") == made->mac("x"));
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);

    ::chmod(path.c_str(), 0640);
    CHECK_FALSE(transform::load_or_create_key(path));
    ::chmod(path.c_str(), 0600);
    std::ofstream(path) << "short";
    CHECK_FALSE(transform::load_or_create_key(path));
    CHECK_FALSE(transform::load_or_create_key(folder.path + "/nowhere/trace.key"));
}
