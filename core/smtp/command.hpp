// SMTP command lines, from bytes to values (RFC 5321 section 4.1).
//
// Pure functions on one line without its CRLF; safe on any bytes. A fault is always Retry::never and tells the
// peer the reply that the RFC names for it; Reply::from() makes that reply.
#pragma once

#include "mail/envelope.hpp"
#include "smtp/capabilities.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

enum class Verb {
    helo,
    ehlo,
    mail,
    rcpt,
    data,
    bdat,
    rset,
    noop,
    help,
    vrfy,
    expn,
    quit,
    starttls,
    unimplemented,  ///< known to the RFCs, not served here: AUTH, ETRN, TURN, SEND, ...
    foreign,        ///< the start of another protocol: a browser made to talk to this port
    unknown,
};

/// A command line taken apart at its first space. A view into the line.
struct CommandLine {
    Verb verb = Verb::unknown;
    std::string_view argument;  ///< behind the verb, white space at both ends removed
};

/// Finds the verb, case-blind. Fault 500 5.5.2: NUL, a bare CR or LF, any other control character.
[[nodiscard]] Result<CommandLine> split_command(std::string_view line);

/// EHLO's and HELO's argument: a domain or an address literal, judged loosely (letters, digits, ".-_" and
/// literals, at most 255 bytes), since its only use is the Received field. Fault 501 5.5.4.
[[nodiscard]] Result<std::string> parse_hello(std::string_view argument);

/// "FROM:<path> parameters" (RFC 5321 section 4.1.1.2). A space behind the colon is tolerated, a source route
/// dropped. Parameters that `offered` lacks are unknown. Faults: 501 5.5.2 form, 501 5.5.4 value of a parameter
/// or one given twice, 553 5.1.7 address, 555 5.5.4 unknown parameter, 553 5.6.7 UTF-8 without SMTPUTF8.
[[nodiscard]] Result<mail::Sender> parse_mail(std::string_view argument, const Capabilities& offered);

/// What parse_rcpt needs to know of the transaction.
struct RecipientContext {
    bool smtputf8 = false;         ///< MAIL carried SMTPUTF8
    std::string_view server_name;  ///< the domain of "<Postmaster>" (RFC 5321 section 4.5.1)
};

/// "TO:<path> parameters" (RFC 5321 section 4.1.1.3). Faults as parse_mail's; a bad address is 553 5.1.3.
[[nodiscard]] Result<mail::Recipient> parse_rcpt(std::string_view argument, const Capabilities& offered,
                                                 const RecipientContext& context);

/// BDAT's argument (RFC 3030 section 2).
struct Chunk {
    std::uint64_t size = 0;  ///< bytes that follow the command line
    bool last = false;
};

/// "size" or "size LAST". Fault 501 5.5.4; where the content ends cannot be known then.
[[nodiscard]] Result<Chunk> parse_bdat(std::string_view argument);

/// RFC 3461 section 4 xtext. Decoding refuses (nothing returned) what is not xtext.
[[nodiscard]] std::string encode_xtext(std::string_view text);
[[nodiscard]] std::optional<std::string> decode_xtext(std::string_view xtext);

}  // namespace postern::smtp
