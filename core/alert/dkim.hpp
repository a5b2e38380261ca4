// DKIM signatures (RFC 6376, RFC 8463): rsa-sha256 and ed25519-sha256, relaxed/relaxed.
//
// A Signer is immutable once loaded and used by all threads. It signs what the service itself made, so the message is
// well-formed: CRLF lines, a header and a body.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "vocabulary/alerts.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace postern::alert {

class Signer {
public:
    /// Reads the key. Fault (never): unreadable, not PEM, neither RSA of 1024 bits or more nor Ed25519.
    [[nodiscard]] static Result<Signer> load(const vocabulary::DkimKey& key);

    /// The message with a DKIM-Signature in front.
    [[nodiscard]] Result<std::string> sign(std::string_view message, Instant at) const;

private:
    struct Key;
    explicit Signer(std::shared_ptr<const Key> key, vocabulary::DkimKey declared)
        : key_(std::move(key)), declared_(std::move(declared))
    {
    }
    std::shared_ptr<const Key> key_;
    vocabulary::DkimKey declared_;
};

/// RFC 6376 section 3.4.2 and 3.4.4, for tests of their own.
[[nodiscard]] std::string relaxed_field(std::string_view field);
[[nodiscard]] std::string relaxed_body(std::string_view body);

}  // namespace postern::alert
