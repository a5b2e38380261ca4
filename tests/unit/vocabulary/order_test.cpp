// Orders: what a reply's text says, and how an order reads.
#include "vocabulary/order.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::vocabulary;

namespace {

std::string detail_of(ActionId action, std::string_view text)
{
    const auto coded = parse_coded_text(action, text);
    REQUIRE(!coded);
    return coded.error().detail();
}

}  // namespace

TEST_CASE("a reply's text may carry a code and a status, a status alone, or neither")
{
    const auto full = parse_coded_text(ActionId::reject, "554 5.6.0 Not readable").value();
    CHECK(full.digits == 54);
    CHECK(full.status == Status{6, 0});
    CHECK(full.text == "Not readable");
    const auto status = parse_coded_text(ActionId::defer, "4.3.2 Later").value();
    CHECK(status.digits == 51);
    CHECK(status.status == Status{3, 2});
    const auto words = parse_coded_text(ActionId::refuse, "Only probation officers write here").value();
    CHECK(words.digits == 50);
    CHECK(words.status == Status{7, 1});
    CHECK(words.text == "Only probation officers write here");
    CHECK(parse_coded_text(ActionId::reject, "5000 files are too many")->text == "5000 files are too many");
    CHECK(parse_coded_text(ActionId::reject, "1.2.3.4 is no host")->text == "1.2.3.4 is no host");
    CHECK(parse_coded_text(ActionId::reject, "a\r\nb")->text == "a  b");
}

TEST_CASE("a code that contradicts its action is refused, with what to write")
{
    CHECK(detail_of(ActionId::reject, "4.7.1 Later") ==
          "\"4.7.1\" contradicts reject, whose codes begin with 5; write \"5.7.1 text\", or the text alone");
    CHECK(detail_of(ActionId::defer, "550 4.7.1 Later").starts_with("\"550\" contradicts defer"));
    CHECK(detail_of(ActionId::refuse, "2.0.0 Fine").starts_with("\"2.0.0\" contradicts refuse"));
    CHECK(detail_of(ActionId::reject, " 5.7.1 ").starts_with("reject says nothing to the sender"));
}

TEST_CASE("an order reads as it is written")
{
    Order order;
    order.action = ActionId::reject;
    order.text = "Programs are not carried";
    CHECK(describe(order) == "reject 5.7.1 \"Programs are not carried\"");
    order.action = ActionId::hold;
    order.lasts = std::chrono::hours{8};
    order.text = "night";
    CHECK(describe(order) == "hold for 8 hours \"night\"");
    order.action = ActionId::add_header;
    order.name = "X-Checked";
    order.text = "yes";
    CHECK(describe(order) == "add_header X-Checked: \"yes\"");
    order.action = ActionId::redirect;
    order.addresses = {mail::Address::parse("duty@cjsm.net").value()};
    CHECK(describe(order) == "redirect duty@cjsm.net");
    order.action = ActionId::notify;
    order.to = {"sender", "operator"};
    CHECK(describe(order) == "notify sender, operator \"yes\"");
    order.action = ActionId::set_limit;
    order.size = 4 << 20;
    CHECK(describe(order) == "set_limit 4 MiB");
    order.action = ActionId::accept;
    CHECK(describe(order) == "accept");
}
