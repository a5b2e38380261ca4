// A domain name or address literal as it stands in a mail address. A regular value; no I/O.
#pragma once

#include "base/fault.hpp"

#include <string>
#include <string_view>

namespace postern::mail {

/// RFC 5321 section 4.1.2 Domain / address-literal, with U-labels as RFC 6531 allows them.
class Domain {
public:
    /// At most 255 bytes, labels of 1 to 63; one trailing dot is refused. The fault is Retry::never and tells
    /// a peer 5.1.2 (bad destination) without echoing more than 200 printable bytes.
    [[nodiscard]] static Result<Domain> parse(std::string_view text);

    /// As it was written.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// For comparison: lower case, in A-labels (RFC 5890). Two spellings of one domain have one key.
    [[nodiscard]] const std::string& key() const noexcept { return key_; }
    /// "[192.0.2.1]" or "[IPv6:...]": syntactically fine, never a member's.
    [[nodiscard]] bool is_literal() const noexcept { return !text_.empty() && text_.front() == '['; }
    /// Whether the domain ends in `.suffix` (not merely equals it). `suffix_key` is a key().
    [[nodiscard]] bool is_below(std::string_view suffix_key) const noexcept;

    friend bool operator==(const Domain& a, const Domain& b) noexcept { return a.key_ == b.key_; }

private:
    std::string text_;
    std::string key_;
};

}  // namespace postern::mail
