// The service extensions that an SMTP server offers: one value, written by our server and read by our client.
//
// Regular values and pure functions; no I/O. What a peer writes wrongly is left out, never believed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::smtp {

/// The extensions of one EHLO reply (RFC 5321 section 4.1.1.1). All false is what HELO gives.
struct Capabilities {
    bool pipelining = false;             ///< RFC 2920
    bool eight_bit_mime = false;         ///< RFC 6152
    bool smtputf8 = false;               ///< RFC 6531
    bool enhanced_status_codes = false;  ///< RFC 2034
    bool chunking = false;               ///< RFC 3030, BDAT
    bool dsn = false;                    ///< RFC 3461
    bool starttls = false;               ///< RFC 3207
    bool require_tls = false;            ///< RFC 8689
    bool auth_plain = false;             ///< RFC 4954 with RFC 4616
    bool auth_login = false;             ///< RFC 4954 with the older LOGIN
    bool size = false;                   ///< RFC 1870
    std::uint64_t size_limit = 0;        ///< bytes; 0: SIZE offered without a limit, or not offered

    friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

/// The lines of a 250 reply to EHLO: the server's name, then a line for each extension.
[[nodiscard]] std::vector<std::string> ehlo_lines(std::string_view server_name, const Capabilities& offered);

/// Reads the lines of a reply to EHLO or LHLO (without code). Unknown keywords and bad SIZE values are ignored.
[[nodiscard]] Capabilities read_ehlo(const std::vector<std::string>& lines);

}  // namespace postern::smtp
