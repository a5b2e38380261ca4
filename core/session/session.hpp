// One SMTP connection: the coroutine between a socket and the server machine.
//
// Owned by its own coroutine frame on one reactor; nobody else touches it but Sessions, on the same thread. What the
// peer or the network does ends the session; an exception (a bug) is logged and ends it too.
#pragma once

#include "net/stream.hpp"
#include "session/sessions.hpp"
#include "smtp/server_machine.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>

namespace postern::session {

class Session {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    Session(Sessions& house, std::size_t reactor, net::Stream stream, net::Peer peer, ListenerSettingsPtr settings);
    ~Session();

    /// The whole conversation.
    [[nodiscard]] Async<void> run();
    /// Wakes a session that waits for its client, so that it sees that the house is closing. Same thread.
    void wake() { stream_.cancel(); }

private:
    // Each reacts to one event of the machine; false ends the session.
    [[nodiscard]] Async<bool> react(smtp::Event event);
    [[nodiscard]] Async<bool> read_more();
    [[nodiscard]] Async<bool> flush();
    [[nodiscard]] Async<bool> start_tls();
    [[nodiscard]] Async<void> on_sender(mail::Sender sender);
    void on_content_begins();
    [[nodiscard]] Async<void> on_content(smtp::Content content);
    void end_transaction();
    [[nodiscard]] bool account_content();
    [[nodiscard]] net::Deadline read_deadline() const;

    Sessions& house_;
    std::size_t reactor_;
    net::Stream stream_;
    net::Peer peer_;
    ListenerSettingsPtr settings_;
    std::unique_ptr<ports::Reception> reception_;
    smtp::ServerMachine machine_;
    IntakeMemory::Share share_;
    net::Deadline transaction_ends_ = net::Deadline::max();
};

}  // namespace postern::session
