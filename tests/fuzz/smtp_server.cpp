// room: smtp
// The whole server machine: any bytes, in any pieces, with any answers of the session, go the same way.
#include "smtp/server_machine.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::smtp;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

class Session {
public:
    explicit Session(std::uint8_t choice) : choice_(choice), machine_(config(choice))
    {
        if ((choice & 0x30U) == 0x30U)
            machine_.refuse(mail::Reply::of(554, {7, 1}, "No"));
        else
            machine_.greet();
    }

    void receive(std::string_view bytes)
    {
        if (closed_) return;
        machine_.receive(bytes);
        for (;;) {
            const Event event = machine_.next();
            log_ += machine_.take_output();
            if (std::holds_alternative<NeedInput>(event)) break;
            if (std::holds_alternative<Close>(event)) {
                closed_ = true;
                break;
            }
            note(event);
        }
        if (!machine_.in_content()) must(machine_.heap_bytes() < 2048);
    }
    [[nodiscard]] const std::string& log() const { return log_; }

private:
    static ServerConfig config(std::uint8_t choice)
    {
        ServerConfig config;
        config.name = "mx.example";
        config.limits = {100, 60, 200, 2, 6, 40};
        config.tls_available = (choice & 1U) != 0;
        config.tls_required = (choice & 2U) != 0;
        return config;
    }
    void note(const Event& event)
    {
        log_ += static_cast<char>('A' + event.index());
        if (std::holds_alternative<StartTls>(event)) {
            machine_.secured();
            return;
        }
        if (std::holds_alternative<Reset>(event) || std::holds_alternative<ContentRefused>(event)) return;
        if (const auto* content = std::get_if<Content>(&event)) {
            must(content->bytes.size() <= 202 && (content->bytes.empty() || content->bytes.ends_with("\r\n")));
            log_ += content->bytes;
        }
        const bool refuse = (choice_ & 4U) != 0 && ++answers_ % 5 == 0;
        machine_.answer(refuse ? mail::Reply::of(451, {3, 0}, "Later") : mail::Reply::of(250, {0, 0}, "Ok"));
    }

    std::uint8_t choice_;
    unsigned answers_ = 0;
    bool closed_ = false;
    ServerMachine machine_;
    std::string log_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 3) return 0;
    Session whole(data[0]);
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    whole.receive(bytes);
    Session split(data[0]);
    std::uint32_t seed = data[1];
    for (std::size_t at = 0; at < bytes.size();) {
        seed = seed * 1664525U + 1013904223U;
        const std::size_t piece = 1 + (seed >> 24U) % 9;
        split.receive(bytes.substr(at, piece));
        at += piece;
    }
    // Where STARTTLS succeeds, what follows in the same packet matters: such sessions are not compared.
    if ((data[0] & 1U) == 0) must(split.log() == whole.log());
    return 0;
}
