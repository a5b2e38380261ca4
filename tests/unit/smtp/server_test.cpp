// Dialogues with the server machine: order, limits, answers of the session.
#include "server_dialogue.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::smtp;
using namespace postern::smtp::test;
using namespace std::string_literals;
using Codes = std::vector<std::string>;

TEST_CASE("a message is taken in a dialogue of single commands")
{
    ServerDialogue server;
    REQUIRE(server.greeting == "220 mx.example ESMTP\r\n");
    REQUIRE(server.say("ehlo client.example\r\n") ==
            "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10485760\r\n"
            "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n"
            "250-SMTPUTF8\r\n250 CHUNKING\r\n");
    REQUIRE(server.say("MAIL FROM:<a@one.example> SIZE=30\r\n") == "250 2.0.0 Ok\r\n");
    REQUIRE(server.say("RCPT TO:<b@two.example>\r\n") == "250 2.0.0 Ok\r\n");
    REQUIRE(server.say("DATA\r\n").starts_with("354 "));
    REQUIRE(server.machine.in_content());
    REQUIRE(server.say("Subject: x\r\n\r\nHello\r\n..\r\n") == "");
    REQUIRE(server.say(".\r\n") == "250 2.0.0 Ok\r\n");
    REQUIRE(server.contents == Codes{"Subject: x\r\n\r\nHello\r\n.\r\n"});
    REQUIRE(codes(server.say("QUIT\r\n")) == Codes{"221 2.0.0"});
    REQUIRE(server.closed);
}

TEST_CASE("HELO offers no extension and no status")
{
    ServerDialogue server;
    REQUIRE(server.say("HELO client.example\r\n") == "250 mx.example\r\n");
    REQUIRE(server.say("NOOP\r\n") == "250 Ok\r\n");
    REQUIRE(codes(server.say("MAIL FROM:<a@one.example> SIZE=1\r\n")) == Codes{"555"});
    REQUIRE(codes(server.say("MAIL FROM:<a@one.example>\r\n")) == Codes{"250"});
}

TEST_CASE("pipelined commands are consumed one at a time, and their replies come together in order")
{
    ServerMachine machine(plain_config());
    machine.greet();
    machine.receive(opening + "DATA\r\nx\r\n.\r\nQUIT\r\n");
    REQUIRE(std::holds_alternative<Hello>(machine.next()));
    REQUIRE_THROWS_AS(machine.next(), std::logic_error);
    machine.answer(mail::Reply::plain(250, ""));
    REQUIRE(std::holds_alternative<MailCommand>(machine.next()));
    machine.answer(mail::Reply::of(250, {1, 0}, "Sender"));
    REQUIRE(std::holds_alternative<RecipientCommand>(machine.next()));
    machine.answer(mail::Reply::of(450, {1, 1}, "Later"));
    REQUIRE(std::holds_alternative<NeedInput>(machine.next()) == false);
    const auto replies = codes(machine.take_output());
    // No recipient: DATA is refused, its content is no content, and "x" and "." are unknown commands.
    REQUIRE(replies ==
            Codes{"220", "250", "250 2.1.0", "450 4.1.1", "554 5.5.1", "500 5.5.1", "500 5.5.1", "221 2.0.0"});
}

TEST_CASE("commands out of order are told so")
{
    ServerDialogue server;
    REQUIRE(codes(server.say("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")) ==
            Codes{"503 5.5.1", "503 5.5.1", "503 5.5.1"});
    REQUIRE(codes(server.say("EHLO x\r\nRCPT TO:<a@b.example>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\n")) ==
            Codes{"250", "503 5.5.1", "503 5.5.1", "250 2.0.0", "503 5.5.1", "554 5.5.1"});
}

TEST_CASE("commands without mail tell nothing")
{
    ServerDialogue server;
    REQUIRE(
        codes(server.say("EHLO x\r\nNOOP anything\r\nHELP\r\nVRFY root\r\nEXPN all\r\nAUTH PLAIN\r\nWHO\r\n\r\n")) ==
        Codes{"250", "250 2.0.0", "214 2.0.0", "252 2.0.0", "502 5.5.1", "502 5.5.1", "500 5.5.1", "500 5.5.1"});
    REQUIRE(codes(server.say("DATA x\r\nRSET x\r\nQUIT x\r\nEHLO\r\nSTARTTLS\r\n")) ==
            Codes{"503 5.5.1", "501 5.5.4", "501 5.5.4", "501 5.5.4", "502 5.5.1"});
}

TEST_CASE("RSET and EHLO forget the transaction")
{
    ServerDialogue server;
    REQUIRE(codes(server.say(opening + "RSET\r\nDATA\r\n")).back() == "503 5.5.1");
    REQUIRE(codes(server.say("MAIL FROM:<>\r\nEHLO again\r\nRCPT TO:<a@b.example>\r\n")) ==
            Codes{"250 2.0.0", "250", "503 5.5.1"});
    REQUIRE(server.events == Codes{"hello client.example", "mail", "rcpt", "reset", "mail", "hello again"});
}

TEST_CASE("only CRLF ends a command, and a line with a bare LF or CR is one refused line")
{
    ServerDialogue server;
    REQUIRE(codes(server.say("NOOP\nRSET\nQUIT\r\nNOOP\r\n")) == Codes{"500 5.5.2", "250 2.0.0"});
    REQUIRE(codes(server.say("NOOP\rRSET\r\nNOOP\r\n")) == Codes{"500 5.5.2", "250 2.0.0"});
    REQUIRE(codes(server.say("NOOP\r\r\nNOOP\r\n")) == Codes{"500 5.5.2", "250 2.0.0"});
    REQUIRE(codes(server.say("NO\0OP\r\nNOOP\r\n"s)) == Codes{"500 5.5.2", "250 2.0.0"});
    REQUIRE(server.events.empty());
}

TEST_CASE("a command line over the limit is discarded to its end")
{
    auto config = plain_config();
    config.limits.command_line = 100;
    ServerDialogue server(config);
    REQUIRE(codes(server.say("NOOP " + std::string(93, 'x') + "\r\nNOOP\r\n")) == Codes{"250 2.0.0", "250 2.0.0"});
    REQUIRE(codes(server.say("NOOP " + std::string(94, 'x') + "\r\nNOOP\r\n")) == Codes{"500 5.5.2", "250 2.0.0"});
    REQUIRE(codes(server.say(std::string(100'000, 'x'))) == Codes{"500 5.5.2"});
    REQUIRE(server.machine.heap_bytes() < 2048);
    REQUIRE(codes(server.say("yet\nmore\r\nNOOP\r\n")) == Codes{"250 2.0.0"});
}

TEST_CASE("too many errors end the session")
{
    auto config = plain_config();
    config.limits.errors = 2;
    ServerDialogue server(config);
    REQUIRE(codes(server.say("X\r\nX\r\nX\r\nNOOP\r\n")) == Codes{"500 5.5.1", "500 5.5.1", "421 4.7.0"});
    REQUIRE(server.closed);
}

TEST_CASE("too many commands without mail end the session, and a message starts the count anew")
{
    auto config = plain_config();
    config.limits.commands = 3;
    ServerDialogue server(config);
    const std::string message = "MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n.\r\n";
    const auto replies = codes(server.say("EHLO x\r\nNOOP\r\n" + message + "NOOP\r\nNOOP\r\n" + message +
                                          "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n"));
    REQUIRE(std::ranges::count(replies, "250 2.0.0") == 12);
    REQUIRE(replies.back() == "421 4.7.0");
    REQUIRE(server.closed);
}

TEST_CASE("recipients over the limit are deferred and the others stand")
{
    auto config = plain_config();
    config.limits.recipients = 1;
    ServerDialogue server(config);
    REQUIRE(codes(server.say(opening + "RCPT TO:<c@two.example>\r\nDATA\r\n")) ==
            Codes{"250", "250 2.0.0", "250 2.0.0", "452 4.5.3", "354"});
}

TEST_CASE("a declared size over the limit is refused, and the session may lower the limit")
{
    ServerDialogue server;
    REQUIRE(codes(server.say("EHLO x\r\nMAIL FROM:<> SIZE=10485761\r\n")).back() == "552 5.3.4");
    server.decide = [&](const Event& event) {
        if (!std::holds_alternative<RecipientCommand>(event)) return mail::Reply::of(250, {0, 0}, "Ok");
        const bool fits = server.machine.set_size_limit(20, "Custody takes 20 bytes");
        return fits ? mail::Reply::of(250, {0, 0}, "Ok") : server.machine.size_reply();
    };
    REQUIRE(server.say("MAIL FROM:<> SIZE=21\r\nRCPT TO:<a@b.example>\r\n") ==
            "250 2.0.0 Ok\r\n552 5.3.4 Custody takes 20 bytes\r\n");
    REQUIRE(codes(server.say("RSET\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")).back() == "354");
    REQUIRE(server.say("0123456789\r\n0123456\r\n.\r\n") == "552 5.3.4 Custody takes 20 bytes\r\n");
    REQUIRE(server.events.back() == "refused");
}

TEST_CASE("a content over the limit is consumed to its end and holds no memory")
{
    auto config = plain_config();
    config.limits.message_size = 1000;
    ServerDialogue server(config);
    server.say(opening + "DATA\r\n");
    for (int i = 0; i < 1000; ++i) REQUIRE(server.say("a line of text\r\n").empty());
    REQUIRE(server.machine.heap_bytes() < 2048);
    REQUIRE(codes(server.say(".\r\nNOOP\r\n")) == Codes{"552 5.3.4", "250 2.0.0"});
}

TEST_CASE("the session's answers decide: refused sender, refused content, temporary failure at the end")
{
    ServerDialogue server;
    server.decide = [](const Event& event) {
        if (std::holds_alternative<MailCommand>(event)) return mail::Reply::of(550, {7, 1}, "No");
        return mail::Reply::of(250, {0, 0}, "Ok");
    };
    REQUIRE(codes(server.say(opening)) == Codes{"250", "550 5.7.1", "503 5.5.1"});
    server.decide = [](const Event& event) {
        if (std::holds_alternative<ContentBegins>(event)) return mail::Reply::of(452, {3, 1}, "Full");
        return mail::Reply::of(250, {0, 0}, "Ok");
    };
    REQUIRE(codes(server.say(opening + "DATA\r\n")) == Codes{"250", "250 2.0.0", "250 2.0.0", "452 4.3.1"});
    server.decide = [](const Event& event) {
        if (std::holds_alternative<Content>(event)) return mail::Reply::of(451, {3, 0}, "Disk");
        return mail::Reply::of(250, {0, 0}, "Ok");
    };
    REQUIRE(codes(server.say("DATA\r\n.\r\nDATA\r\n")) == Codes{"354", "451 4.3.0", "503 5.5.1"});
}

TEST_CASE("a refused client may only quit")
{
    ServerMachine machine(plain_config());
    machine.refuse(mail::Reply::of(554, {7, 1}, "Go away"));
    machine.receive("EHLO x\r\nMAIL FROM:<>\r\nBDAT 4\r\nQUITQUIT\r\nNOOP\r\n");
    REQUIRE(std::holds_alternative<Close>(machine.next()));
    REQUIRE(codes(machine.take_output()) == Codes{"554 5.7.1", "503 5.5.1", "503 5.5.1", "503 5.5.1", "221 2.0.0"});

    ServerMachine busy(plain_config());
    busy.refuse(mail::Reply::of(421, {3, 2}, "Too many connections"));
    REQUIRE(std::holds_alternative<Close>(busy.next()));
}

TEST_CASE("a browser is sent away at once")
{
    ServerDialogue server;
    REQUIRE(codes(server.say("POST / HTTP/1.1\r\nHost: mx\r\n\r\nEHLO x\r\n")) == Codes{"421 4.7.0"});
    REQUIRE(server.closed);
}

TEST_CASE("an answer of 421 and a shutdown close the session")
{
    ServerDialogue server;
    server.decide = [](const Event&) { return mail::Reply::of(421, {3, 2}, "Closing"); };
    REQUIRE(codes(server.say("EHLO x\r\nNOOP\r\n")) == Codes{"421 4.3.2"});
    REQUIRE(server.closed);

    ServerDialogue other;
    other.say(opening + "DATA\r\nhalf");
    other.machine.close(mail::Reply::of(421, {4, 2}, "Too slow"));
    REQUIRE(other.say(".\r\n") == "421 4.4.2 Too slow\r\n");
    REQUIRE(other.closed);
    REQUIRE(other.contents.empty());
}

TEST_CASE("an idle connection owns almost no memory")
{
    ServerDialogue server;
    server.say(opening + "DATA\r\n" + std::string(50'000, 'x') + "\r\n.\r\n" + opening + "RSET\r\n");
    REQUIRE(server.machine.heap_bytes() < 2048);
}
