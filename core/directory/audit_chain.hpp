// The audit as anybody can check it: records, each of whose hashes covers the one before, and heads that the gateway
// signed (Ed25519).
//
// Pure; any thread. directory/audit keeps the records; `postern audit verify` holds an export against heads that left
// the machine, with nothing but this and the public key.
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

namespace postern::directory {

/// One act, as it was done, refused or tried.
struct AuditRecord {
    std::uint64_t number = 0;  ///< from 1, without gaps
    Instant at{};
    std::string actor;         ///< who: "root", "clerk@greenstonechambers.co.uk (by root)"
    std::string act;           ///< a name of vocabulary/acts, or "login", "release", "reload"
    std::string target;        ///< whose data or what: an address, an organisation, a message's id
    std::string organisation;  ///< of the target; may be empty
    std::string outcome;       ///< "done", "denied", "failed", "asked"
    std::string detail;        ///< what changed, why it was denied; JSON or text, no secrets
    std::string hash;          ///< 32 bytes; covers all of the above and the hash before
    std::string counts_as;     ///< whose consent it is where two must agree; not on record
};

/// Whose consent this is where two must agree.
[[nodiscard]] inline const std::string& consent_of(const AuditRecord& record)
{
    return record.counts_as.empty() ? record.actor : record.counts_as;
}

/// The hash of a record whose predecessor's is `before` (32 bytes; zeros for the first).
[[nodiscard]] std::string hash_of(std::string_view before, const AuditRecord& record);

/// The end of the chain at a time, signed: one line of text, fit for a log, a mail, a sheet of paper.
///     postern-audit-head 1 NODE NUMBER TIME HASH SIGNATURE
struct AuditHead {
    std::string node;
    std::uint64_t number = 0;
    std::string at;    ///< as it stands in the line
    std::string hash;  ///< 32 bytes
    std::string signature;
    [[nodiscard]] std::string line() const;
    [[nodiscard]] static std::optional<AuditHead> parse(std::string_view line);
};

/// The gateway's signing key.
class AuditKey {
public:
    /// Reads the PEM file, or makes one (0600). Fault (later): it can't be read or written.
    [[nodiscard]] static Result<AuditKey> load_or_create(const std::filesystem::path& file);
    [[nodiscard]] AuditHead sign(std::string node, const AuditRecord& last, Instant at) const;
    /// 64 bytes of Ed25519 over any text; of another kind than a head, which begins with a word of its own.
    [[nodiscard]] std::string sign(std::string_view text) const;
    /// PEM, for whoever verifies.
    [[nodiscard]] const std::string& public_key() const noexcept { return public_key_; }

private:
    AuditKey() = default;
    std::shared_ptr<void> key_;  ///< an EVP_PKEY
    std::string public_key_;
};

/// Whether a head was signed by the owner of that public key (PEM).
[[nodiscard]] bool is_signed_by(const AuditHead& head, const std::string& public_key);

/// Whether any text was.
[[nodiscard]] bool is_signed_by(std::string_view text, std::string_view signature, const std::string& public_key);

/// An exported record is a line of JSON; the first line of an export says where it begins:
///     {"postern_audit":1,"node":...,"after":NUMBER,"hash":HEX}
[[nodiscard]] std::string print_record(const AuditRecord& record);
[[nodiscard]] std::string print_export_start(const std::string& node, std::uint64_t after, std::string_view hash);

struct AuditCheck {
    std::uint64_t records = 0, first = 0, last = 0;
    std::size_t heads = 0;              ///< that were held against the records
    std::vector<std::string> problems;  ///< empty: everything holds
};
/// Reads an export and holds it against itself and the heads. `heads`: lines; those that are none are skipped, so that
/// a log or a mail can be given as it is.
[[nodiscard]] AuditCheck verify_export(std::string_view exported, std::string_view heads,
                                       const std::string& public_key);

}  // namespace postern::directory
