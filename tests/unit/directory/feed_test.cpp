#include "directory/feed.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace postern::directory {

namespace {

using vocabulary::EntryKind;

FeedEntry eric()
{
    return {.address = "eric.brown@greenstonechambers.co.uk.cjsm.net",
            .name = "Eric Brown",
            .kind = EntryKind::user,
            .function = {},
            .organisation = "greenstone",
            .organisation_name = "Greenstone Chambers",
            .kind_of_body = "chambers",
            .place = "York",
            .details = {{"telephone", "01904 555 123"}, {"clerk", "Ann"}}};
}

FeedEntry custody()
{
    return {.address = "custody@northshire.police.example.cjsm.net",
            .name = {},
            .kind = EntryKind::function,
            .function = "custody",
            .organisation = "northshire-police",
            .organisation_name = "Northshire Police",
            .kind_of_body = {},
            .place = {},
            .details = {}};
}

std::string whole(std::unique_ptr<FeedPrinter> printer, const std::vector<FeedEntry>& entries)
{
    std::string text = printer->begin();
    for (const auto& entry : entries) text += printer->print(entry);
    return text + printer->end();
}

std::string print_feed_ldif(const std::vector<FeedEntry>& entries, const std::string& base)
{
    return whole(ldif_feed(base), entries);
}

std::string changes(const std::string& server, const std::string& feed)
{
    const auto text = ldif_changes(server, feed);
    if (!text) FAIL(text.error().describe());
    return *text;
}

}  // namespace

TEST_CASE("the feed as CSV has columns for usual details and one for all others, and no cell that a spreadsheet would run")
{
    auto bad = custody();
    bad.name = "=HYPERLINK(\"x\")";
    CHECK(whole(csv_feed(), {eric(), bad}) ==
          "address,name,kind,function,organisation,organisation_name,kind_of_body,place,telephone,mobile,fax,"
          "title,room,department,details\r\n"
          "eric.brown@greenstonechambers.co.uk.cjsm.net,Eric Brown,user,,greenstone,Greenstone Chambers,chambers,York,"
          "01904 555 123,,,,,,\"{\"\"clerk\"\":\"\"Ann\"\"}\"\r\n"
          "custody@northshire.police.example.cjsm.net,\"'=HYPERLINK(\"\"x\"\")\",function,custody,northshire-police,"
          "Northshire Police,,,,,,,,,\r\n");
}

TEST_CASE("what an LDAP server takes for one value stands once, or it would refuse the whole change")
{
    auto twice = eric();
    twice.details = {{"telephone", "01904 555 123"}, {"phone", "01904-555123"}, {"Note", "x"}, {"note", "X"}};
    const auto text = print_feed_ldif({twice}, base_of("cjsm.net"));
    const auto count = [&](std::string_view what) {
        std::size_t found = 0;
        for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
        return found;
    };
    CHECK(count("telephoneNumber: ") == 1);
    CHECK(count("description: ") == 1);
}

TEST_CASE("details that people made up cost no column")
{
    auto many = eric();
    for (int i = 0; i < 50; ++i) many.details[fmt::format("own{}", i)] = "x";
    const auto text = whole(csv_feed(), {many, custody()});
    CHECK(text.substr(0, text.find("\r\n")).size() < 200);
}

TEST_CASE("the feed as JSON is one document, however many pieces it is made of")
{
    const auto text = whole(json_feed("cjsm.net", from_micros(0)), {eric(), custody()});
    CHECK(text ==
          "{\"community\":\"cjsm.net\",\"generated\":\"1970-01-01T00:00:00.000000Z\",\"entries\":["
          "{\"address\":\"eric.brown@greenstonechambers.co.uk.cjsm.net\",\"name\":\"Eric Brown\",\"kind\":\"user\","
          "\"organisation\":\"greenstone\",\"organisation_name\":\"Greenstone Chambers\",\"kind_of_body\":\"chambers\","
          "\"place\":\"York\",\"details\":{\"clerk\":\"Ann\",\"telephone\":\"01904 555 123\"}},"
          "{\"address\":\"custody@northshire.police.example.cjsm.net\",\"name\":\"\",\"kind\":\"function\","
          "\"organisation\":\"northshire-police\",\"organisation_name\":\"Northshire Police\","
          "\"function\":\"custody\"}]}\n");
    CHECK(whole(json_feed("cjsm.net", from_micros(0)), {}) ==
          "{\"community\":\"cjsm.net\",\"generated\":\"1970-01-01T00:00:00.000000Z\",\"entries\":[]}\n");
}

TEST_CASE("the feed as LDIF has what mail programs look for")
{
    const auto text = print_feed_ldif({eric(), custody()}, base_of("cjsm.net"));
    CHECK(text ==
          "dn: ou=directory,dc=cjsm,dc=net\nobjectClass: organizationalUnit\nou: directory\n\n"
          "dn: mail=eric.brown@greenstonechambers.co.uk.cjsm.net,ou=directory,dc=cjsm,dc=net\n"
          "businessCategory: chambers\ncn: Eric Brown\ndescription: clerk: Ann\ndisplayName: Eric Brown\n"
          "employeeType: user\ngivenName: Eric\nl: York\nmail: eric.brown@greenstonechambers.co.uk.cjsm.net\n"
          "o: Greenstone Chambers\nobjectClass: inetOrgPerson\nsn: Brown\ntelephoneNumber: 01904 555 123\n\n"
          "dn: mail=custody@northshire.police.example.cjsm.net,ou=directory,dc=cjsm,dc=net\n"
          "cn: Northshire Police, custody\ndescription: custody\ndisplayName: Northshire Police, custody\n"
          "employeeType: function\nmail: custody@northshire.police.example.cjsm.net\no: Northshire Police\n"
          "objectClass: inetOrgPerson\nsn: Northshire Police, custody\n\n");
}

TEST_CASE("what LDAP can't hold does not break the feed, and nothing breaks out of its line")
{
    auto odd = eric();
    odd.name = "Jos\xc3\xa9 \xc5\xa0";
    odd.details = {{"telephone", "ask Ann"}, {"note", "two\nlines"}};
    odd.address = "a+b,c@x.cjsm.net";
    auto utf8 = eric();
    utf8.address = "jos\xc3\xa9@x.cjsm.net";
    const auto text = print_feed_ldif({odd, utf8}, "dc=cjsm,dc=net");
    CHECK(text.find("dn: mail=a\\2Bb\\2Cc@x.cjsm.net,ou=directory,dc=cjsm,dc=net\n") != text.npos);
    CHECK(text.find("description: telephone: ask Ann\n") != text.npos);
    CHECK(text.find("description:: ") != text.npos);
    CHECK(text.find("cn:: Sm9zw6kgxaA=\n") != text.npos);
    CHECK(text.find("lines\n") == text.npos);
    CHECK(text.find("jos\xc3\xa9") == text.npos);
}

TEST_CASE("a server that has the feed lacks nothing, however it writes it")
{
    const auto feed = print_feed_ldif({eric(), custody()}, "dc=cjsm,dc=net");
    CHECK(changes(feed, feed).empty());
    std::string folded =
        "# what ldapsearch says\ndn: ou=directory,dc=cjsm,dc=net\nou: directory\nobjectClass: organizationalUnit\n\n"
        "dn: mail=custody@northshire.police.example.cjsm.net,ou=directory,dc=cjsm,\n dc=net\n"
        "objectClass: inetOrgPerson\nsn: Northshire Police, custody\ncn:: Tm9ydGhzaGlyZSBQb2xpY2UsIGN1c3RvZHk=\n"
        "displayName: Northshire Police, custody\no: Northshire Police\nemployeeType: function\n"
        "description: custody\nmail: custody@northshire.police.example.cjsm.net\n\n";
    CHECK(changes(folded, print_feed_ldif({custody()}, "dc=cjsm,dc=net")).empty());
}

TEST_CASE("additions, changes and removals are those that differ, and no others")
{
    const std::string base = "dc=cjsm,dc=net";
    CHECK(changes("", print_feed_ldif({}, base)) ==
          "dn: ou=directory,dc=cjsm,dc=net\nchangetype: add\nobjectClass: organizationalUnit\nou: directory\n\n");
    const auto before = print_feed_ldif({eric()}, base);
    CHECK(changes(before, print_feed_ldif({}, base)) ==
          "dn: mail=eric.brown@greenstonechambers.co.uk.cjsm.net,ou=directory,dc=cjsm,dc=net\nchangetype: delete\n\n");
    auto moved = eric();
    moved.place.clear();
    moved.details["telephone"] = "01904 555 999";
    CHECK(changes(before, print_feed_ldif({moved, custody()}, base)) ==
          "dn: mail=custody@northshire.police.example.cjsm.net,ou=directory,dc=cjsm,dc=net\nchangetype: add\n"
          "cn: Northshire Police, custody\ndescription: custody\ndisplayName: Northshire Police, custody\n"
          "employeeType: function\nmail: custody@northshire.police.example.cjsm.net\no: Northshire Police\n"
          "objectClass: inetOrgPerson\nsn: Northshire Police, custody\n\n"
          "dn: mail=eric.brown@greenstonechambers.co.uk.cjsm.net,ou=directory,dc=cjsm,dc=net\nchangetype: modify\n"
          "replace: l\n-\nreplace: telephoneNumber\ntelephoneNumber: 01904 555 999\n-\n\n");
}

TEST_CASE("what is no LDIF, or cut off, changes nothing")
{
    const auto feed = print_feed_ldif({eric()}, "dc=cjsm,dc=net");
    CHECK_FALSE(ldif_changes(feed, ""));
    CHECK_FALSE(ldif_changes("Can't contact LDAP server\n", feed));
    CHECK_FALSE(ldif_changes("cn: nobody's\n", feed));
    CHECK_FALSE(ldif_changes("dn: a=b\ncn:: ???\n", feed));
}

}  // namespace postern::directory
