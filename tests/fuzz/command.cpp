// room: smtp
// Command lines: any bytes are a command or a fault with a 5xx; what is read back from xtext is what was said.
#include "smtp/command.hpp"
#include "mail/reply.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::smtp;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

template <class T>
void must_be_permanent(const Result<T>& result)
{
    if (!result) must(mail::Reply::from(result.error()).permanent());
}

void parse_arguments(std::string_view argument, const Capabilities& offered)
{
    const auto sender = parse_mail(argument, offered);
    must_be_permanent(sender);
    if (sender && sender->path) must(offered.smtputf8 || !sender->path->needs_utf8());
    if (sender) must(decode_xtext(encode_xtext(sender->envelope_id)) == sender->envelope_id);
    const auto recipient = parse_rcpt(argument, offered, {offered.smtputf8, "mx.example"});
    must_be_permanent(recipient);
    if (recipient) must(recipient->original_recipient.find_first_of("\r\n \t") == std::string::npos);
    must_be_permanent(parse_bdat(argument));
    must_be_permanent(parse_hello(argument));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const auto command = split_command(line);
    must_be_permanent(command);
    Capabilities everything;
    everything.size = everything.eight_bit_mime = everything.smtputf8 = everything.require_tls = everything.dsn = true;
    const std::string_view argument = command ? command->argument : line;
    parse_arguments(argument, everything);
    parse_arguments(argument, {});
    if (const auto text = decode_xtext(line)) must(decode_xtext(encode_xtext(*text)) == text);
    return 0;
}
