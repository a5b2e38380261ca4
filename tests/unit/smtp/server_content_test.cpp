// BDAT, smuggling and STARTTLS: where bytes that look like commands must not become commands.
#include "server_dialogue.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::smtp;
using namespace postern::smtp::test;
using namespace std::string_literals;
using Codes = std::vector<std::string>;

namespace {

ServerConfig tls_config()
{
    auto config = plain_config();
    config.tls_available = true;
    config.tls_required = true;
    return config;
}

struct Outcome {
    std::string replies;
    std::vector<std::string> events;
    std::vector<std::string> contents;
    bool closed = false;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome converse(std::string_view bytes, std::mt19937* random)
{
    auto config = plain_config();
    config.limits.command_line = 120;
    config.limits.message_size = 300;
    config.limits.errors = 8;
    ServerDialogue server(config);
    Outcome outcome;
    outcome.replies = random != nullptr ? server.say_split(bytes, *random) : server.say(bytes);
    outcome.events = server.events;
    outcome.contents = server.contents;
    outcome.closed = server.closed;
    return outcome;
}

}  // namespace

TEST_CASE("chunks are counted in bytes, whatever they hold")
{
    ServerDialogue server;
    const std::string first = "Subject: x\r\n\r\n.\r\n";
    const std::string second = "QUIT\r\nRSET\r\n";
    const auto replies = codes(server.say(opening + "BDAT " + std::to_string(first.size()) + "\r\n" + first + "BDAT " +
                                          std::to_string(second.size()) + " LAST\r\n" + second));
    REQUIRE(replies == Codes{"250", "250 2.0.0", "250 2.0.0", "250 2.0.0", "250 2.0.0"});
    REQUIRE(server.contents == Codes{first + second});
    REQUIRE(server.events == Codes{"hello client.example", "mail", "rcpt", "begins", "content"});
}

TEST_CASE("a content may end with an empty last chunk")
{
    ServerDialogue server;
    REQUIRE(codes(server.say(opening + "BDAT 3\r\na\r\nBDAT 0 LAST\r\n")).back() == "250 2.0.0");
    REQUIRE(server.contents == Codes{"a\r\n"});
}

TEST_CASE("a chunk that nobody takes is consumed before it is refused")
{
    ServerDialogue server;
    REQUIRE(codes(server.say("BDAT 6\r\nRSET\r\nNOOP\r\n")) == Codes{"503 5.5.1", "250 2.0.0"});
    REQUIRE(codes(server.say("EHLO x\r\nBDAT 6 LAST\r\nRSET\r\nMAIL FROM:<>\r\nBDAT 6 LAST\r\nRSET\r\n")) ==
            Codes{"250", "503 5.5.1", "250 2.0.0", "554 5.5.1"});
    REQUIRE(server.events == Codes{"hello x", "mail"});
}

TEST_CASE("a flaw in a chunk refuses the message, and the chunks behind it are consumed")
{
    ServerDialogue server;
    REQUIRE(codes(server.say(opening + "BDAT 4\r\na\nb\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\n")) ==
            Codes{"250", "250 2.0.0", "250 2.0.0", "550 5.5.2", "503 5.5.1", "503 5.5.1", "250 2.0.0"});
    REQUIRE(server.events == Codes{"hello client.example", "mail", "rcpt", "begins", "refused", "mail"});
}

TEST_CASE("a chunk that is announced too large is consumed without being kept")
{
    ServerDialogue server;
    server.say(opening + "BDAT 20000000 LAST\r\n");
    for (int i = 0; i < 199; ++i) REQUIRE(server.say(std::string(100'000, 'x')).empty());
    REQUIRE(server.machine.heap_bytes() < 2048);
    REQUIRE(codes(server.say(std::string(100'000, 'x') + "NOOP\r\n")) == Codes{"552 5.3.4", "250 2.0.0"});
}

TEST_CASE("BDAT whose size cannot be read ends the session, since what follows cannot be told from commands")
{
    for (const auto* line : {"BDAT\r\n", "BDAT x LAST\r\n", "BDAT 99999999999999999999\r\n", "BDAT -1\r\n", "BDAT5\r\n",
                             "bdat 5\n12345\r\n", " BDAT 5\r\n", "BDAT 5 \rLAST\r\n"}) {
        ServerDialogue server;
        CAPTURE(line);
        const auto replies = codes(server.say(opening + line + "QUIT\r\n"));
        REQUIRE(replies.size() == 4);
        REQUIRE((replies[3] == "501 5.5.4" || replies[3] == "500 5.5.2"));
        REQUIRE(server.closed);
    }
}

TEST_CASE("DATA, RCPT and MAIL do not mix with chunks")
{
    ServerDialogue server;
    REQUIRE(codes(server.say(opening +
                             "BDAT 3\r\na\r\nDATA\r\nRCPT TO:<c@two.example>\r\nMAIL FROM:<>\r\nBDAT 0 LAST\r\n")) ==
            Codes{"250", "250 2.0.0", "250 2.0.0", "250 2.0.0", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250 2.0.0"});
}

TEST_CASE("a content that the session refuses at its first chunk is consumed")
{
    ServerDialogue server;
    server.decide = [](const Event& event) {
        if (std::holds_alternative<ContentBegins>(event)) return mail::Reply::of(452, {3, 1}, "Full");
        return mail::Reply::of(250, {0, 0}, "Ok");
    };
    REQUIRE(codes(server.say(opening + "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")) ==
            Codes{"250", "250 2.0.0", "250 2.0.0", "452 4.3.1", "503 5.5.1", "250 2.0.0"});
}

TEST_CASE("no smuggled end of a content makes commands of what follows, however it is split")
{
    std::mt19937 random(3);
    for (const auto* end : {"\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r", "\r\n.\r\r\n", "\n\n.\r\n"}) {
        const std::string inner = "MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@two.example>\r\nDATA\r\nevil";
        const std::string bytes = opening + "DATA\r\nbody" + end + inner + "\r\n.\r\nQUIT\r\n";
        CAPTURE(end);
        for (int round = 0; round < 50; ++round) {
            const auto outcome = converse(bytes, &random);
            REQUIRE(codes(outcome.replies) == Codes{"250", "250 2.0.0", "250 2.0.0", "354", "550 5.5.2", "221 2.0.0"});
            REQUIRE(outcome.events == Codes{"hello client.example", "mail", "rcpt", "begins", "refused"});
        }
    }
}

TEST_CASE("however a session is split over packets, it goes the same way")
{
    std::mt19937 random(4);
    const std::vector<std::string> words = {opening,
                                            "DATA\r\n",
                                            "DATA\r\nx\r\n.\r\n",
                                            "\r\n.\r\n",
                                            ".\r\n",
                                            "a line\r\n",
                                            "RSET\r\n",
                                            "BDAT 7\r\nab",
                                            "BDAT 7 LAST\r\n",
                                            "NOOP\r\n",
                                            "abc\r\nde",
                                            "MAIL FROM:<>\r\n",
                                            "EHLO again\r\n",
                                            "\r",
                                            "\n",
                                            "NOOP\nRSET",
                                            "\r\n",
                                            "RCPT TO:<c@two.example>\r\n",
                                            std::string(130, 'x'),
                                            "BDAT 400 LAST\r\n",
                                            "BDAT x\r\n",
                                            "\0"s};
    for (int round = 0; round < 3000; ++round) {
        std::string bytes = opening;
        for (std::size_t i = random() % 20; i > 0; --i) bytes += words[random() % words.size()];
        CAPTURE(bytes);
        const auto whole = converse(bytes, nullptr);
        REQUIRE(converse(bytes, &random) == whole);
    }
}

TEST_CASE("without TLS a client is asked for it, and every byte it announced is consumed")
{
    ServerDialogue server(tls_config());
    const auto replies = server.say("EHLO x\r\n");
    REQUIRE(replies.find("STARTTLS") != replies.npos);
    REQUIRE(replies.find("REQUIRETLS") == replies.npos);
    REQUIRE(
        codes(server.say("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nBDAT 6\r\nQUIT\r\nVRFY x\r\nNOOP\r\n")) ==
        Codes{"530 5.7.0", "530 5.7.0", "530 5.7.0", "530 5.7.0", "530 5.7.0", "250 2.0.0"});
    REQUIRE(server.events == Codes{"hello x"});
}

TEST_CASE("after STARTTLS nothing said before counts")
{
    ServerDialogue server(tls_config());
    REQUIRE(codes(server.say("EHLO x\r\nSTARTTLS\r\n")) == Codes{"250", "220 2.0.0"});
    REQUIRE(server.wants_tls);
    server.machine.receive("MAIL FROM:<injected@x.example>\r\n");
    server.machine.secured();
    server.wants_tls = false;
    REQUIRE(server.machine.is_secure());
    REQUIRE_FALSE(server.machine.has_input());
    REQUIRE(codes(server.say("MAIL FROM:<>\r\nSTARTTLS\r\n")) == Codes{"503 5.5.1", "503 5.5.1"});
    const auto hello = server.say("EHLO x\r\n");
    REQUIRE(hello.find("STARTTLS") == hello.npos);
    REQUIRE(hello.find("REQUIRETLS") != hello.npos);
    REQUIRE(codes(server.say("MAIL FROM:<> REQUIRETLS\r\n")) == Codes{"250 2.0.0"});
    REQUIRE(server.senders.back().require_tls);
}

TEST_CASE("commands pipelined behind STARTTLS end the session before the handshake")
{
    ServerDialogue server(tls_config());
    REQUIRE(codes(server.say("EHLO x\r\nSTARTTLS\r\nMAIL FROM:<injected@x.example>\r\n")) == Codes{"250", "501 5.5.4"});
    REQUIRE(server.closed);
    REQUIRE_FALSE(server.wants_tls);
    REQUIRE(server.senders.empty());
}

TEST_CASE("STARTTLS with an argument or inside a transaction is refused")
{
    auto config = tls_config();
    config.tls_required = false;
    ServerDialogue server(config);
    REQUIRE(codes(server.say("EHLO x\r\nSTARTTLS now\r\nMAIL FROM:<>\r\nSTARTTLS\r\n")) ==
            Codes{"250", "501 5.5.4", "250 2.0.0", "503 5.5.1"});
}

TEST_CASE("UTF-8 in a reply goes to a client that said SMTPUTF8")
{
    ServerDialogue server;
    server.decide = [](const Event& event) {
        if (!std::holds_alternative<RecipientCommand>(event)) return mail::Reply::of(250, {0, 0}, "Ok");
        return mail::Reply::of(550, {1, 1}, "No j\xC3\xBCrgen");
    };
    REQUIRE(server.say(opening).ends_with("550 5.1.1 No j?rgen\r\n"));
    REQUIRE(server.say("RSET\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<j\xC3\xBCrgen@two.example>\r\n")
                .ends_with("550 5.1.1 No j\xC3\xBCrgen\r\n"));
}
