#include "scan/protocol.hpp"
#include "scan/passing.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::scan;

namespace {

Answer an_answer()
{
    Answer answer;
    answer.id = 7;
    answer.inspection.parts.resize(2);
    answer.inspection.parts[1].detected_type = "application/zip";
    answer.inspection.parts[1].members = {"a.exe", "résumé.doc"};
    answer.inspection.parts[1].encrypted = true;
    answer.inspection.viruses = {{"Win.Test.EICAR_HDB-1", 2}};
    answer.inspection.unscannable = {"encrypted"};
    answer.inspection.signatures = "daily 27000";
    return answer;
}

}  // namespace

TEST_CASE("what is encoded is decoded the same")
{
    const auto answer = decode_answer(encode(an_answer()));
    REQUIRE(answer);
    CHECK(answer->id == 7);
    CHECK(answer->inspection.parts.at(1).members == std::vector<std::string>{"a.exe", "résumé.doc"});
    CHECK(answer->inspection.parts.at(1).encrypted);
    CHECK(answer->inspection.viruses.at(0).signature == "Win.Test.EICAR_HDB-1");
    CHECK(answer->inspection.viruses.at(0).part == 2);
    CHECK(answer->inspection.unscannable == std::vector<std::string>{"encrypted"});
    CHECK(answer->inspection.signatures == "daily 27000");

    Order order;
    order.size = 100;
    order.viruses = order.doubtful = true;
    order.pieces = {{10, 90, mail::Part::Encoding::base64}, {0, 0, mail::Part::Encoding::none}};
    const auto same = decode_order(encode(order));
    REQUIRE(same);
    CHECK(same->pieces.size() == 2);
    CHECK(same->pieces[0].length == 90);
    CHECK(same->pieces[0].encoding == mail::Part::Encoding::base64);
    CHECK((same->viruses && same->doubtful && !same->types));

    const auto notice = decode_notice(encode(Notice{Notice::Kind::gone, 42, 0, "killed by signal 9"}));
    REQUIRE(notice);
    CHECK(notice->text == "killed by signal 9");
}

TEST_CASE("what is cut short, too long or of another kind is nothing")
{
    const auto bytes = encode(an_answer());
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_answer(bytes.substr(0, size)));
    CHECK_FALSE(decode_answer(bytes + "x"));
    CHECK_FALSE(decode_order(bytes));
    CHECK_FALSE(decode_notice(bytes));
    CHECK_FALSE(decode_settings(bytes));
}

TEST_CASE("a piece that lies outside the message is no order")
{
    Order order;
    order.size = 100;
    order.pieces = {{50, 51, mail::Part::Encoding::none}};
    CHECK_FALSE(decode_order(encode(order)));
    order.pieces = {{~0ULL, 1, mail::Part::Encoding::none}};
    CHECK_FALSE(decode_order(encode(order)));
}

TEST_CASE("a worker's texts hold no controls and no broken UTF-8")
{
    auto answer = an_answer();
    answer.inspection.viruses[0].signature = "a\r\nb";
    CHECK_FALSE(decode_answer(encode(answer)));
    answer.inspection.viruses[0].signature = "\xff";
    CHECK_FALSE(decode_answer(encode(answer)));
}

TEST_CASE("only memory that nobody can change is read")
{
    const auto sealed = sealed_memory("content");
    const auto view = SealedView::open(sealed.get(), 7);
    REQUIRE(view);
    CHECK(view->bytes() == "content");
    CHECK(write(sealed.get(), "x", 1) < 0);
    CHECK_FALSE(SealedView::open(sealed.get(), 6));

    const Descriptor open_memory(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(ftruncate(open_memory.get(), 7) == 0);
    CHECK_FALSE(SealedView::open(open_memory.get(), 7));
    CHECK_FALSE(SealedView::open(-1, 0));
}

TEST_CASE("a datagram carries one descriptor, and no second")
{
    auto [left, right] = socket_pair();
    const auto memory = sealed_memory("m");
    REQUIRE(send_datagram(left.get(), "hello", memory.get()));
    Datagram datagram;
    REQUIRE(receive_datagram(right.get(), datagram) == Received::datagram);
    CHECK(datagram.bytes == "hello");
    CHECK(SealedView::open(datagram.passed.get(), 1));
    left.reset();
    CHECK(receive_datagram(right.get(), datagram) == Received::ended);
    CHECK_FALSE(send_datagram(right.get(), "anyone?"));
}
