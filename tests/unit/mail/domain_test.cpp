// Domains: what is one, and when two spellings are the same.
#include "mail/domain.hpp"

#include "base/text.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::mail;

namespace {

std::string key(std::string_view text)
{
    const auto domain = Domain::parse(text);
    return domain ? domain->key() : "refused";
}

}  // namespace

TEST_CASE("a domain keeps its spelling and is compared without case")
{
    const auto domain = Domain::parse("GreenstoneChambers.CO.uk");

    REQUIRE(domain);
    REQUIRE(domain->text() == "GreenstoneChambers.CO.uk");
    REQUIRE(domain->key() == "greenstonechambers.co.uk");
    REQUIRE(*domain == *Domain::parse("greenstonechambers.co.UK"));
}

TEST_CASE("a domain in U-labels has the key of its A-labels")
{
    REQUIRE(key("b\u00FCcher.example") == "xn--bcher-kva.example");
    REQUIRE(key("B\u00DCCHER.example") == "xn--bcher-kva.example");
    REQUIRE(key("XN--BCHER-KVA.Example") == "xn--bcher-kva.example");
    REQUIRE(key("bu\u0308cher.example") == "xn--bcher-kva.example");
    REQUIRE(key("stra\u00DFe.example") == "xn--strae-oqa.example");
    REQUIRE(Domain::parse("b\u00FCcher.example")->text() == "b\u00FCcher.example");
}

TEST_CASE("a name that only looks like ASCII labels is refused, because its suffix has other bytes")
{
    REQUIRE(key("example.\uFF43\uFF4A\uFF53\uFF4D.net") == "refused");  // full-width cjsm
    REQUIRE(key("b\u00FCcher\u3002cjsm.net") == "refused");             // ideographic full stop
    REQUIRE(key("exam\u00ADple.net") == "refused");                     // soft hyphen
    REQUIRE(key("example\u3002net") == "refused");
}

TEST_CASE("malformed domains are refused")
{
    const auto text =
        GENERATE(as<std::string>{}, "", ".", "a.", ".a", "a..b", "-a.b", "a-.b", "a_b.c", "a b.c", "a@b", "a/b", "a\tb",
                 "a\r\nb", std::string("a\0b", 3), "\xC3\x28.example", "\xFF.example", std::string(64, 'a') + ".b",
                 "(a)b", "a;b", "b\u00FCcher..example", "\u00FC_.example", std::string("b\u00FC\0cher.example", 17));
    INFO(printable(text));
    REQUIRE_FALSE(Domain::parse(text));
}

TEST_CASE("lengths of domains and labels are bounded")
{
    const std::string label(63, 'a');
    const std::string longest = label + "." + label + "." + label + "." + label;

    REQUIRE(longest.size() == 255);
    REQUIRE(Domain::parse(longest));
    REQUIRE_FALSE(Domain::parse(label + "." + label + "." + label + "." + label.substr(1) + ".b"));
    REQUIRE_FALSE(Domain::parse(std::string(100'000, 'a')));
}

TEST_CASE("address literals are addresses, and nobody's domain")
{
    REQUIRE(key("[192.0.2.1]") == "[192.0.2.1]");
    REQUIRE(key("[IPv6:2001:DB8:0:0::1]") == "[ipv6:2001:db8::1]");
    REQUIRE(Domain::parse("[192.0.2.1]")->is_literal());
    REQUIRE_FALSE(Domain::parse("[192.0.2.1]")->is_below("1]"));

    const auto bad = GENERATE(as<std::string>{}, "[", "[]", "[]]", "[192.0.2.1", "[192.0.2]", "[192.0.2.256]",
                              "[IPv6:]", "[IPv6:zz]", "[2001:db8::1]", "[x:y]", "[192.0.2.1]x", "[ 192.0.2.1]",
                              std::string("[192.0.2.1\0]", 12));
    INFO(bad);
    REQUIRE(key(bad) == "refused");
}

TEST_CASE("a domain is below a suffix when it ends in it behind a dot")
{
    const auto below = [](std::string_view text) { return Domain::parse(text)->is_below("cjsm.net"); };

    REQUIRE(below("greenstone.example.CJSM.net"));
    REQUIRE(below("a.cjsm.net"));
    REQUIRE_FALSE(below("cjsm.net"));
    REQUIRE_FALSE(below("acjsm.net"));
    REQUIRE_FALSE(below("cjsm.net.example"));
    REQUIRE_FALSE(Domain::parse("a.b")->is_below(""));
}

TEST_CASE("a refused domain tells the peer 5.1.2 and echoes little")
{
    const auto refused = Domain::parse(std::string(10'000, '!') + "\r\n");

    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().retry() == Retry::never);
    REQUIRE(refused.error().peer().status == Status{1, 2});
    REQUIRE(refused.error().peer().text.size() < 300);
    REQUIRE(Domain::parse("a\r\nb").error().peer().text.find('\n') == std::string::npos);
}
