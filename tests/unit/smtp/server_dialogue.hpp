// A session for tests: drives a server machine with given bytes in given pieces and writes down what happened.
#pragma once

#include "smtp/server_machine.hpp"

#include <deque>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace postern::smtp::test {

inline ServerConfig plain_config()
{
    ServerConfig config;
    config.name = "mx.example";
    return config;
}

inline const std::string opening = "EHLO client.example\r\nMAIL FROM:<a@one.example>\r\nRCPT TO:<b@two.example>\r\n";

class ServerDialogue {
public:
    explicit ServerDialogue(ServerConfig config = plain_config()) : machine(std::move(config))
    {
        machine.greet();
        greeting = machine.take_output();
    }

    /// Gives the bytes in one piece and returns the replies to them.
    std::string say(std::string_view bytes)
    {
        machine.receive(bytes);
        run();
        return machine.take_output();
    }
    /// Gives the bytes in pieces of random sizes.
    std::string say_split(std::string_view bytes, std::mt19937& random)
    {
        std::string replies;
        while (!bytes.empty() && !closed) {
            const std::size_t size = std::min<std::size_t>(1 + random() % (random() % 2 == 0 ? 3 : 40), bytes.size());
            replies += say(bytes.substr(0, size));
            bytes.remove_prefix(size);
        }
        return replies;
    }

    ServerMachine machine;
    std::string greeting;
    std::vector<std::string> events;    ///< names of the events, in order
    std::vector<std::string> contents;  ///< contents that were complete
    std::vector<mail::Sender> senders;
    std::vector<mail::Recipient> recipients;
    std::function<mail::Reply(const Event&)> decide;  ///< 250 where empty
    bool closed = false;
    bool wants_tls = false;

private:
    void run()
    {
        while (!closed && !wants_tls) {
            const Event event = machine.next();
            if (std::holds_alternative<NeedInput>(event)) return;
            note(event);
        }
    }
    void note(const Event& event)
    {
        bool answer = true;
        if (const auto* hello = std::get_if<Hello>(&event))
            events.push_back("hello " + hello->name);
        else if (const auto* mail = std::get_if<MailCommand>(&event)) {
            events.emplace_back("mail");
            senders.push_back(mail->sender);
        } else if (const auto* rcpt = std::get_if<RecipientCommand>(&event)) {
            events.emplace_back("rcpt");
            recipients.push_back(rcpt->recipient);
        } else if (std::holds_alternative<ContentBegins>(event))
            events.emplace_back("begins");
        else if (const auto* content = std::get_if<Content>(&event)) {
            events.emplace_back("content");
            contents.push_back(content->bytes);
        } else {
            answer = false;
            note_unanswered(event);
        }
        if (answer) machine.answer(decide ? decide(event) : mail::Reply::of(250, {0, 0}, "Ok"));
    }
    void note_unanswered(const Event& event)
    {
        if (std::holds_alternative<Reset>(event)) events.emplace_back("reset");
        if (std::holds_alternative<ContentRefused>(event)) events.emplace_back("refused");
        if (std::holds_alternative<StartTls>(event)) wants_tls = true;
        if (std::holds_alternative<Close>(event)) closed = true;
    }
};

/// The codes and statuses of replies, "250 2.0.0" for each last line.
inline std::vector<std::string> codes(std::string_view replies)
{
    std::vector<std::string> found;
    while (!replies.empty()) {
        const std::string_view line = replies.substr(0, replies.find("\r\n"));
        replies.remove_prefix(std::min(line.size() + 2, replies.size()));
        if (line.size() < 4 || line[3] != ' ') continue;
        const bool status = line.size() > 8 && line[5] == '.' && line[4] == line[0];
        found.emplace_back(line.substr(0, status ? line.find(' ', 4) : 3));
    }
    return found;
}

}  // namespace postern::smtp::test
