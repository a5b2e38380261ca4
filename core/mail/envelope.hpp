// What SMTP says about a message outside of it. Regular values; no I/O.
#pragma once

#include "mail/address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::mail {

/// RFC 6152 BODY and RFC 3030 BINARYMIME is not offered.
enum class Body { seven_bit, eight_bit_mime };

/// RFC 3461 section 4.3: how much of the message a report returns.
enum class Return { unspecified, headers, full };

/// RFC 3461 section 4.1: when the sender wants a report; `never` excludes the others.
struct Notify {
    bool specified = false;
    bool never = false;
    bool success = false;
    bool failure = false;
    bool delay = false;
    friend bool operator==(const Notify&, const Notify&) = default;
};

/// MAIL FROM with its parameters.
struct Sender {
    ReversePath path;
    std::optional<std::uint64_t> declared_size;  ///< SIZE=, RFC 1870, in bytes
    Body body = Body::seven_bit;
    bool smtputf8 = false;     ///< RFC 6531
    bool require_tls = false;  ///< RFC 8689
    Return ret = Return::unspecified;
    std::string envelope_id;  ///< ENVID, decoded from xtext; empty if none
};

/// RCPT TO with its parameters.
struct Recipient {
    Address address;
    Notify notify;
    std::string original_recipient;  ///< ORCPT as it came, "rfc822;user@example" in xtext; empty if none
};

struct Envelope {
    Sender sender;
    std::vector<Recipient> recipients;
};

}  // namespace postern::mail
