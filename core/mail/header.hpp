// The header section of a message as bytes with names: finding fields, and editing them without touching others.
//
// Views into the content, which must outlive them. No I/O; safe on any bytes.
#pragma once

#include "base/fault.hpp"
#include "mail/address.hpp"
#include "mail/edit.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

/// One header field (RFC 5322 section 2.2). Offsets count from the start of the content.
struct Field {
    std::string_view name;   ///< as written, without colon or trailing space
    std::string_view value;  ///< behind the colon up to and without the last CRLF; folding kept
    std::size_t offset = 0;  ///< of the name's first byte
    std::size_t size = 0;    ///< whole field with its last CRLF
};

struct HeaderLimits {
    std::size_t bytes = 256 * 1024;  ///< of the whole section
    std::size_t fields = 1000;
};

/// The header section of one message.
class Header {
public:
    /// Content is complete lines ending in CRLF (the SMTP machine has seen to that). A section without the
    /// empty line (no body) is fine; a line that is neither field nor folding ends the section (what follows is
    /// body, as every mail program reads it). Fault (never, 5.6.0) only over `limits`.
    [[nodiscard]] static Result<Header> parse(std::string_view content, const HeaderLimits& limits = {});

    [[nodiscard]] const std::vector<Field>& fields() const noexcept { return fields_; }
    /// First field of that name (ASCII case-blind), or nullptr.
    [[nodiscard]] const Field* find(std::string_view name) const noexcept;
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
    /// Where the body begins (behind the empty line), or the content's size.
    [[nodiscard]] std::size_t body_offset() const noexcept { return body_offset_; }
    /// Where the header section ends: at the empty line (or at body_offset where there is none).
    [[nodiscard]] std::size_t end_offset() const noexcept { return end_offset_; }

private:
    std::vector<Field> fields_;
    std::size_t body_offset_ = 0;
    std::size_t end_offset_ = 0;
};

/// An addr-spec found inside an address field's value, by place. Comments, display names, groups, quoted
/// strings and obsolete routes are stepped over; RFC 2047 words are not decoded (an address in one is no address).
/// White space or comments may stand inside the domain; then domain_size is not that of address.domain().text().
/// Replacing all of [domain_offset, domain_offset + domain_size) by another domain's text is right in any case.
struct AddressPlace {
    Address address;
    std::size_t domain_offset = 0;  ///< of the domain's first byte, within the value given
    std::size_t domain_size = 0;
    bool in_group = false;
};

struct AddressList {
    std::vector<AddressPlace> places;
    bool has_group = false;
    bool malformed = false;  ///< something stood there that is no address; `places` holds those that are
};

/// Reads the value of From, To, Cc and the like (RFC 5322 section 3.4 with its obsolete forms, RFC 6854 groups).
/// Reads at most 10,000 addresses; more of them is malformed. Linear in the value's size.
[[nodiscard]] AddressList find_addresses(std::string_view value);

/// Unfolds and decodes RFC 2047 encoded words into UTF-8 (charsets beyond UTF-8, US-ASCII and ISO-8859-x by
/// iconv; an unknown one leaves the word as written). Gives one line of well-formed UTF-8 of at most `longest`
/// bytes without white space at its ends: CR, LF and NUL become spaces, bytes that are no text U+FFFD.
[[nodiscard]] std::string decode_text(std::string_view value, std::size_t longest = 10'000);
/// UTF-8 text as a header value: as it is when printable ASCII, else as encoded words (Q or B, whichever is
/// shorter), folded at 76. `first_line_used` counts what stands on the line already. CR, LF and NUL become spaces.
[[nodiscard]] std::string encode_text(std::string_view utf8, std::size_t first_line_used);

/// Collects changes to a header section and gives them as edits against the original. Copyable: the edits that
/// all deliveries share are made once, each delivery goes on from a copy. `content` must outlive it.
class HeaderEditor {
public:
    HeaderEditor(std::string_view content, const Header& header);

    /// Number of original fields; the index below is that of Header::fields().
    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
    [[nodiscard]] std::string_view name(std::size_t index) const noexcept;
    /// The value as edited so far: behind the colon, without the last CRLF. Valid until that field is edited again.
    [[nodiscard]] std::string_view value(std::size_t index) const noexcept;
    [[nodiscard]] bool removed(std::size_t index) const noexcept;
    /// Indices of fields of that name that are not removed.
    [[nodiscard]] std::vector<std::size_t> find(std::string_view name) const;

    void remove(std::size_t index);
    /// Replaces the value only; name, colon and other fields stay. Lines of more than 998 bytes are folded
    /// at white space (RFC 5322 section 2.1.1). CRLF before white space is folding; any other CR, LF or NUL becomes
    /// a space. A value without leading white space gets one where the original had some.
    void set_value(std::size_t index, std::string value);
    /// A new field in front of all others; the last one added stands first. `value` may be folded already and is
    /// made safe as in set_value(); a byte that no name may have becomes '-'.
    void prepend(std::string_view name, std::string_view value);
    /// A new field behind the last one.
    void append(std::string_view name, std::string_view value);

    [[nodiscard]] Edits edits() const;

private:
    struct Slot {
        std::string_view name;
        std::string_view value;
        std::size_t offset = 0;
        std::size_t size = 0;
        std::size_t value_offset = 0;
        bool removed = false;
        std::optional<std::string> changed;
    };
    std::vector<Slot> fields_;
    std::string in_front_;
    std::string behind_;
    std::size_t end_offset_ = 0;
    bool lacks_empty_line_ = false;  ///< a body follows without one
    bool lacks_line_end_ = false;    ///< the content stops within its last field
};

}  // namespace postern::mail
