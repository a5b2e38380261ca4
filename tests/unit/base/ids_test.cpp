// Message ids and instants as text.
#include "base/ids.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace postern;
using namespace std::chrono_literals;

TEST_CASE("message ids sort by time and never repeat")
{
    const Instant start = from_micros(1'790'000'000'000'000);
    std::set<std::string> ids;
    std::string before;
    for (int i = 0; i < 1000; ++i) {
        const auto id = make_message_id(start + i * 1ms);
        REQUIRE(is_message_id(id));
        REQUIRE(before < id);
        ids.insert(id);
        before = id;
    }
    for (int i = 0; i < 1000; ++i) ids.insert(make_message_id(start));
    REQUIRE(ids.size() == 2000);
}

TEST_CASE("what is no message id is not taken for one")
{
    const auto id = make_message_id(from_micros(0));
    REQUIRE(is_message_id(id));
    for (const auto& bad : {std::string(), id.substr(1), id + "0", std::string("../../etc/passwd/aaaaaaaaaa"),
                            std::string(26, 'I'), std::string(26, 'a'), std::string(26, '\0')})
        REQUIRE_FALSE(is_message_id(bad));
}

TEST_CASE("instants are written as logs and mail want them")
{
    const Instant at = from_micros(1'795'451'822'123'456);

    REQUIRE(to_micros(at) == 1'795'451'822'123'456);
    REQUIRE(to_iso8601(at) == "2026-11-23T16:37:02.123456Z");
    REQUIRE(to_rfc5322(at) == "Mon, 23 Nov 2026 16:37:02 +0000");
    REQUIRE(to_iso8601(from_micros(-1)) == "1969-12-31T23:59:59.999999Z");
    REQUIRE(to_rfc5322(from_micros(0)) == "Thu, 01 Jan 1970 00:00:00 +0000");
}
