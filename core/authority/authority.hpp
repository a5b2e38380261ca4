// The community's small certificate authority: a folder with a key, its certificate, an index and a list of what was
// revoked. `postern ca` calls it; members' servers prove themselves with what it issues.
//
// Blocking; one process at a time (a lock file in the folder), which is the command line's own. Every file is replaced
// whole (temporary file, fsync, rename), so a crash leaves the old or the new state. EC P-256 keys, SHA-256.
//
// Files: ca.key (0600), ca.pem, index.json, crl.pem, and members.pem = ca.pem + crl.pem, which node.yaml's
// `authorities:` names: whoever loads it and finds a revocation list in it must check certificates against it
// (X509_V_FLAG_CRL_CHECK).
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::authority {

/// What a certificate may be used for (extended key usage). A member's server is client and server.
enum class Use { client, server, both };

struct Issue {
    std::vector<std::string> names;  ///< DNS names, at least one; the first is also the common name
    Use use = Use::both;
    Duration valid_for = std::chrono::days{825};
    std::filesystem::path out;  ///< folder for NAME.key (0600) and NAME.pem (certificate, then the authority's)
};

enum class Standing { valid, lapsed, revoked };
[[nodiscard]] std::string_view name_of(Standing standing) noexcept;
[[nodiscard]] std::string_view name_of(Use use) noexcept;
[[nodiscard]] std::optional<Use> use_named(std::string_view name) noexcept;

/// One certificate that was issued.
struct Certificate {
    std::string serial;  ///< upper-case hexadecimal, 32 digits
    std::vector<std::string> names;
    Use use = Use::both;
    Instant not_before{};
    Instant not_after{};
    std::string sha256;  ///< of its DER form, lower-case hexadecimal: what a pin names
    std::optional<Instant> revoked;
    std::string reason;  ///< why it was revoked
};
[[nodiscard]] Standing standing(const Certificate& certificate, Instant now) noexcept;

/// What issue() wrote.
struct Issued {
    Certificate certificate;
    std::filesystem::path key;
    std::filesystem::path chain;
};

/// Reasons that RFC 5280 section 5.3.1 knows, as the command line says them: unspecified, keyCompromise,
/// affiliationChanged, superseded, cessationOfOperation.
[[nodiscard]] const std::vector<std::string>& reasons();

class Authority {
public:
    /// Makes a new authority called `name` in `folder` (created, 0700). Fault: the folder holds one already; nothing
    /// is ever overwritten.
    [[nodiscard]] static Result<Authority> init(const std::filesystem::path& folder, const std::string& name,
                                                Duration valid_for, const Clock& clock);
    /// Opens one and keeps it locked until destruction. Fault later: another process holds it; never: there is none,
    /// or key, certificate and index do not belong together.
    [[nodiscard]] static Result<Authority> open(const std::filesystem::path& folder, const Clock& clock);

    Authority(Authority&&) noexcept;
    Authority& operator=(Authority&&) noexcept;
    ~Authority();

    /// Fault never: no name, a name that is not a DNS name, a validity past the authority's own end, files that exist.
    [[nodiscard]] Result<Issued> issue(const Issue& order);
    /// All that were issued, oldest first.
    [[nodiscard]] const std::vector<Certificate>& list() const noexcept;
    /// By serial or by name; a name revokes all valid certificates that bear it. How many is never zero. Fault never:
    /// none matches, already revoked, unknown reason.
    [[nodiscard]] Result<std::vector<Certificate>> revoke(const std::string& serial_or_name, const std::string& reason);
    /// Signs the revocation list anew for another 30 days; due before it lapses, or verification fails for everybody.
    [[nodiscard]] Result<void> refresh();
    /// When the revocation list lapses.
    [[nodiscard]] Instant refresh_before() const noexcept;
    /// members.pem: the authority's certificate and its revocation list.
    [[nodiscard]] std::filesystem::path bundle() const;

private:
    struct Impl;
    explicit Authority(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace postern::authority
