// A mail address: what stands between the angle brackets of MAIL and RCPT. A regular value; no I/O.
#pragma once

#include "mail/domain.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace postern::mail {

/// RFC 5321 Mailbox: Local-part "@" ( Domain / address-literal ); RFC 6531 UTF-8 in both parts.
class Address {
public:
    /// Parses exactly one mailbox without angle brackets or source route. The local part is at most 64 bytes,
    /// the whole at most 254. UTF-8 must be well formed and normal text (no controls). A quoted local part is
    /// kept as written; local() is its unquoted meaning. Fault: Retry::never, 5.1.3 (or 5.1.2 for the domain).
    [[nodiscard]] static Result<Address> parse(std::string_view text);
    /// The same mailbox at another domain: what adding or stripping the community's suffix does.
    [[nodiscard]] Address at(Domain domain) const;

    /// As written, "local@domain".
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// The local part's meaning, unquoted, as written in case.
    [[nodiscard]] const std::string& local() const noexcept { return local_; }
    [[nodiscard]] const Domain& domain() const noexcept { return domain_; }
    /// For comparison: local part in lower case (ASCII), unquoted where that is possible, "@", domain key.
    [[nodiscard]] const std::string& key() const noexcept { return key_; }
    /// Whether SMTPUTF8 is needed to say this address.
    [[nodiscard]] bool needs_utf8() const noexcept;

    friend bool operator==(const Address& a, const Address& b) noexcept { return a.key_ == b.key_; }

private:
    std::string text_;
    std::string local_;
    std::string key_;
    Domain domain_;
};

/// MAIL FROM's argument: an address, or nothing for "<>", the null reverse-path of reports (RFC 5321 section 4.5.5).
using ReversePath = std::optional<Address>;

/// "<address>" or "<>".
[[nodiscard]] std::string to_path(const ReversePath& path);

}  // namespace postern::mail
