// The MIME structure of a message (RFC 2045 to 2049, 2183, 2231), read from hostile bytes with bounds on depth, count
// and work.
//
// Values; no I/O; any thread. Reading never fails: what is over a bound or malformed is said in the structure, and
// rules decide. One linear pass finds the parts; what stands inside their fields is GMime's to read (mime_values).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

struct StructureLimits {
    std::size_t depth = 20;    ///< multiparts and messages within each other
    std::size_t parts = 1000;  ///< leaf parts that are listed
    std::size_t name = 1000;   ///< bytes of a file name
};

/// One leaf: something that is no multipart. A message within the message (message/rfc822) is walked into, and is a
/// leaf itself only where it is attached with a file name.
struct Part {
    std::string type;         ///< declared, lower case: "application/pdf"; "text/plain" where none is declared
    std::string name;         ///< file name, decoded (RFC 2231, RFC 2047, or raw UTF-8), as a program would store it:
                              ///< without folders, controls, trailing dots and blanks; too long: its middle goes
    std::string charset;      ///< declared, lower case
    bool attachment = false;  ///< Content-Disposition: attachment, or any part with a file name, or no text
    std::uint64_t size = 0;   ///< bytes, decoded
    std::string sha256;       ///< of the decoded bytes, lower-case hexadecimal; empty unless digests were asked for
    std::size_t depth = 0;    ///< 0: the message's only part
    std::size_t offset = 0;   ///< of the encoded body within the content
    std::size_t length = 0;   ///< bytes of the encoded body
    enum class Encoding : std::uint8_t { none, base64, quoted_printable, uuencode } encoding = Encoding::none;
};

struct Structure {
    std::vector<Part> parts;  ///< leaves, in the order of the message
    bool too_deep = false;    ///< something lies deeper than the limit and was not read
    bool too_many = false;    ///< more parts than the limit; the rest is not listed
    bool malformed = false;   ///< a boundary, an encoding or a header that programs read differently
    bool hidden = false;      ///< no fault, but some programs would see parts where this walk sees none: fields before
                              ///< the first boundary, or a boundary of what is no multipart
};

/// `digests`: also fill in Part::sha256.
[[nodiscard]] Structure read_structure(std::string_view content, bool digests, const StructureLimits& limits = {});
/// The part's bytes, decoded; at most `at_most`.
[[nodiscard]] std::string decoded(std::string_view content, const Part& part, std::size_t at_most);
/// The part's text as UTF-8 with LF line ends (its charset by iconv; bytes that are no text become U+FFFD), at most
/// `at_most` bytes.
[[nodiscard]] std::string text_of(std::string_view content, const Part& part, std::size_t at_most);

}  // namespace postern::mail
