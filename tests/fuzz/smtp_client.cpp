// room: smtp
// The client machine against any server: one outcome for each recipient, and no content that nobody asked for.
#include "smtp/client_machine.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::smtp;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

constexpr std::size_t recipients = 3;

ClientTransaction transaction()
{
    ClientTransaction message;
    message.sender.path = mail::Address::parse("a@one.example").value();
    for (std::size_t i = 0; i < recipients; ++i)
        message.recipients.push_back({mail::Address::parse("b@two.example").value(), {}, {}});
    message.content = {"Subject: x\r\n\r\n", ".\r\nbody\r\n"};
    return message;
}

class Delivery {
public:
    explicit Delivery(std::uint8_t choice) : client_(config(choice)) {}

    void receive(std::string_view bytes)
    {
        client_.receive(bytes);
        while (step()) {
        }
    }
    void end()
    {
        client_.lost(fault(Retry::later, "end of input"));
        while (step()) {
        }
        must(!open_);
    }

private:
    static ClientConfig config(std::uint8_t choice)
    {
        ClientConfig config;
        config.name = "gw.example";
        config.protocol = (choice & 1U) != 0 ? Protocol::lmtp : Protocol::smtp;
        config.tls_required = (choice & 2U) != 0;
        config.limits = {200, 600, 10};
        config.pipelined_commands = (choice & 4U) != 0 ? 2 : 100;
        config.pipelined_content = (choice & 8U) != 0 ? 4 : 100;
        return config;
    }
    bool step()
    {
        const ClientEvent event = client_.next();
        if (const auto* done = std::get_if<RecipientDone>(&event)) {
            must(open_ && done->index < recipients && !done_[done->index]);
            must(done->reply.code >= 200 && done->reply.code < 600);
            done_[done->index] = true;
            return true;
        }
        if (std::holds_alternative<ClientNeedInput>(event)) {
            for (const auto piece : client_.output()) must(!piece.empty());
            client_.wrote();
            return false;
        }
        if (std::holds_alternative<NeedTls>(event)) {
            client_.secured();
            return true;
        }
        close_transaction();
        if (!std::holds_alternative<Ready>(event)) return false;
        if (++transactions_ > 20)
            client_.quit();
        else
            client_.start(transaction());
        open_ = transactions_ <= 20;
        return true;
    }
    void close_transaction()
    {
        if (open_)
            for (const bool done : done_) must(done);
        open_ = false;
        for (bool& done : done_) done = false;
    }

    ClientMachine client_;
    bool done_[recipients] = {};
    bool open_ = false;
    int transactions_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) return 0;
    Delivery delivery(data[0]);
    const std::size_t piece = data[1] % 16U == 0 ? size : data[1] % 16U;
    for (std::size_t at = 2; at < size; at += piece)
        delivery.receive({reinterpret_cast<const char*>(data) + at, std::min(piece, size - at)});
    delivery.end();
    return 0;
}
