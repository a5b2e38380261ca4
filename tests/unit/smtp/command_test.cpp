// Command lines: what is read from them, and what is refused with which reply.
#include "smtp/command.hpp"

#include "mail/reply.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::smtp;

namespace {

Capabilities everything()
{
    Capabilities offered;
    offered.pipelining = offered.eight_bit_mime = offered.smtputf8 = offered.enhanced_status_codes = true;
    offered.chunking = offered.dsn = offered.require_tls = offered.size = true;
    return offered;
}

std::string answer_to_mail(std::string_view argument, const Capabilities& offered = everything())
{
    const auto sender = parse_mail(argument, offered);
    return sender ? "ok" : mail::Reply::from(sender.error()).summary().substr(0, 9);
}

std::string answer_to_rcpt(std::string_view argument, RecipientContext context = {false, "mx.example"})
{
    const auto recipient = parse_rcpt(argument, everything(), context);
    return recipient ? recipient->address.text() : mail::Reply::from(recipient.error()).summary().substr(0, 9);
}

}  // namespace

TEST_CASE("verbs are found in any case and unknown ones are told apart")
{
    REQUIRE(split_command("mAiL FROM:<>")->verb == Verb::mail);
    REQUIRE(split_command("mAiL  FROM:<> ")->argument == "FROM:<>");
    REQUIRE(split_command("STARTTLS")->verb == Verb::starttls);
    REQUIRE(split_command("AUTH PLAIN")->verb == Verb::unimplemented);
    REQUIRE(split_command("GET / HTTP/1.1")->verb == Verb::foreign);
    REQUIRE(split_command("MAILS")->verb == Verb::unknown);
    REQUIRE(split_command("")->verb == Verb::unknown);
}

TEST_CASE("a command with a control character is refused")
{
    using namespace std::string_view_literals;
    for (const auto line : {"NOOP\0"sv, "NOOP\rRSET"sv, "NOOP\nRSET"sv, "NOOP\x7F"sv, "NOOP\tx"sv})
        REQUIRE(mail::Reply::from(split_command(line).error()).summary().starts_with("500 5.5.2"));
}

TEST_CASE("a hello names a host or an address literal")
{
    for (const auto* name : {"client.example", "under_score", "[192.0.2.1]", "[IPv6:2001:db8::1]"})
        REQUIRE(parse_hello(name).value() == name);
    for (const auto* name : {"", "two words", "a<b", "[192.0.2.1", "[]", "caf\xC3\xA9.example"})
        REQUIRE(mail::Reply::from(parse_hello(name).error()).summary().starts_with("501 5.5.4"));
}

TEST_CASE("MAIL takes a path with a slip of the space, a source route and the null path")
{
    REQUIRE(parse_mail("FROM:<a@b.example>", {})->path->text() == "a@b.example");
    REQUIRE(parse_mail("from: <a@b.example>", {})->path->text() == "a@b.example");
    REQUIRE(parse_mail("FROM:<@x.example,@y.example:a@b.example>", {})->path->text() == "a@b.example");
    REQUIRE(parse_mail("FROM:<\"a>b\"@b.example>", {})->path->local() == "a>b");
    REQUIRE_FALSE(parse_mail("FROM:<>", {})->path.has_value());
}

TEST_CASE("MAIL in a bad form is refused")
{
    for (const auto* argument : {"", "FROM", "FROM:", "FROM:a@b.example", "FROM:<a@b.example", "TO:<a@b.example>",
                                 "FROM:<a@b.example>SIZE=1", "FROM:<@x.example>", "FROM:<@x.example:>"})
        REQUIRE(answer_to_mail(argument) == "501 5.5.2");
    REQUIRE(answer_to_mail("FROM:<a>") == "553 5.1.7");
    REQUIRE(answer_to_mail("FROM:<a@b@c>") == "553 5.1.7");
}

TEST_CASE("MAIL's parameters are read")
{
    const auto sender =
        parse_mail("FROM:<a@b.example> SIZE=123 body=8bitmime SMTPUTF8 REQUIRETLS RET=HDRS ENVID=x+2By", everything());
    REQUIRE(sender);
    REQUIRE(sender->declared_size == 123);
    REQUIRE(sender->body == mail::Body::eight_bit_mime);
    REQUIRE(sender->smtputf8);
    REQUIRE(sender->require_tls);
    REQUIRE(sender->ret == mail::Return::headers);
    REQUIRE(sender->envelope_id == "x+y");
}

TEST_CASE("a parameter of MAIL that is unknown, given twice or of bad value is refused")
{
    REQUIRE(answer_to_mail("FROM:<> AUTH=<>") == "555 5.5.4");
    REQUIRE(answer_to_mail("FROM:<> NOTIFY=NEVER") == "555 5.5.4");
    for (const auto* parameters :
         {"SIZE=1 SIZE=1", "SIZE", "SIZE=", "SIZE=x", "SIZE=-1", "SIZE=99999999999999999999999", "BODY=BINARYMIME",
          "SMTPUTF8=1", "REQUIRETLS=", "RET=ALL", "ENVID=", "ENVID=a+b", "ENVID=+0D+0A"})
        REQUIRE(answer_to_mail(std::string("FROM:<> ") + parameters) == "501 5.5.4");
    REQUIRE(answer_to_mail("FROM:<> ENVID=" + std::string(100, 'x')) == "ok");
    REQUIRE(answer_to_mail("FROM:<> ENVID=" + std::string(101, 'x')) == "501 5.5.4");
}

TEST_CASE("parameters of extensions that are not offered are unknown")
{
    for (const auto* parameter : {"SIZE=1", "BODY=7BIT", "SMTPUTF8", "REQUIRETLS", "RET=FULL", "ENVID=x"})
        REQUIRE(answer_to_mail(std::string("FROM:<> ") + parameter, {}) == "555 5.5.4");
}

TEST_CASE("an address in UTF-8 needs SMTPUTF8")
{
    REQUIRE(answer_to_mail("FROM:<j\xC3\xBCrgen@b.example>") == "553 5.6.7");
    REQUIRE(answer_to_mail("FROM:<j\xC3\xBCrgen@b.example> SMTPUTF8") == "ok");
    REQUIRE(answer_to_rcpt("TO:<j\xC3\xBCrgen@b.example>") == "553 5.6.7");
    REQUIRE(answer_to_rcpt("TO:<j\xC3\xBCrgen@b.example>", {true, "mx.example"}) == "j\xC3\xBCrgen@b.example");
}

TEST_CASE("RCPT takes a path, and postmaster without a domain is this server's")
{
    REQUIRE(answer_to_rcpt("TO:<b@two.example>") == "b@two.example");
    REQUIRE(answer_to_rcpt("to: <@route.example:b@two.example>") == "b@two.example");
    REQUIRE(answer_to_rcpt("TO:<Postmaster>") == "Postmaster@mx.example");
    REQUIRE(answer_to_rcpt("TO:<>") == "553 5.1.3");
    REQUIRE(answer_to_rcpt("TO:<b>") == "553 5.1.3");
    REQUIRE(answer_to_rcpt("TO:b@two.example") == "501 5.5.2");
}

TEST_CASE("NOTIFY and ORCPT are read, and bad ones refused")
{
    const auto recipient =
        parse_rcpt("TO:<b@two.example> NOTIFY=success,DELAY ORCPT=rfc822;b+2Bx@two.example", everything(), {});
    REQUIRE(recipient);
    REQUIRE(recipient->notify == mail::Notify{true, false, true, false, true});
    REQUIRE(recipient->original_recipient == "rfc822;b+2Bx@two.example");
    REQUIRE(parse_rcpt("TO:<b@two.example> NOTIFY=NEVER", everything(), {})->notify.never);

    for (const auto* parameters :
         {"NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=SUCCESS,", "NOTIFY=OFTEN", "ORCPT=b@two.example", "ORCPT=;b@x",
          "ORCPT=rfc822;", "ORCPT=rfc822;a=b", "NOTIFY=DELAY NOTIFY=DELAY", "ORCPT=utf-8;\xC3\xBC@x"})
        REQUIRE(answer_to_rcpt(std::string("TO:<b@two.example> ") + parameters) == "501 5.5.4");
    REQUIRE(answer_to_rcpt("TO:<b@two.example> ORCPT=rfc822;" + std::string(494, 'x')) == "501 5.5.4");
    REQUIRE(answer_to_rcpt("TO:<b@two.example> ORCPT=rfc822;" + std::string(493, 'x')) == "b@two.example");
    REQUIRE(answer_to_rcpt("TO:<b@two.example> ORCPT=utf-8;\xC3\xBC@x", {true, "mx"}) == "b@two.example");
}

TEST_CASE("BDAT takes a size that fits 64 bits, and LAST")
{
    REQUIRE(parse_bdat("18446744073709551615")->size == 18446744073709551615ULL);
    REQUIRE(parse_bdat("0 last")->last);
    for (const auto* argument :
         {"", "x", "-1", "+1", "1x", "1LAST", "1 FIRST", "1 LAST x", "18446744073709551616", "0x10"})
        REQUIRE(mail::Reply::from(parse_bdat(argument).error()).summary().starts_with("501 5.5.4"));
}

TEST_CASE("xtext comes back as it was")
{
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    REQUIRE(decode_xtext(encode_xtext(all)) == all);
    for (const auto* text : {"a b", "a=b", "+", "+4", "+4G"}) REQUIRE_FALSE(decode_xtext(text));
}

TEST_CASE("what our server offers our client reads")
{
    Capabilities offered = everything();
    offered.starttls = true;
    offered.size_limit = 1234;
    REQUIRE(read_ehlo(ehlo_lines("mx.example", offered)) == offered);
    REQUIRE(read_ehlo({"PIPELINING", "size 99999999999999999999", "x-other", " chunking "}).size_limit == 0);
    REQUIRE(read_ehlo({"PIPELINING", "x-other", "chunking"}) == read_ehlo({"name", "CHUNKING"}));
}
