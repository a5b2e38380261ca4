// The signed trace token: a delivery carries it, and a message that comes back shows by it where it has been.
//
//     Postern-Trace: v1 id=01J...; org=greenstone; hops=1; to=Qm9va3NtYXJ0; sig=...
//
// Recipients stand in it only as keyed digests, so it names no one. White space does not count: a server that folds
// it anew does not break it. Values and pure functions, but for load_or_create_key(), which reads and writes a file.
#pragma once

#include "base/fault.hpp"
#include "mail/header.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct evp_mac_ctx_st;

namespace postern::transform {

/// A key of 32 random bytes for HMAC-SHA256. Copies share one prepared state; safe on all threads.
class TraceKey {
public:
    /// `bytes` must be at least 32; throws std::invalid_argument otherwise.
    explicit TraceKey(std::string_view bytes);
    /// All 32 bytes of HMAC-SHA256 (RFC 2104).
    [[nodiscard]] std::string mac(std::string_view text) const;

private:
    std::shared_ptr<const evp_mac_ctx_st> prepared_;
};

/// Reads the key, or makes one: mode 0600, on disk (fsync of file and directory) before this returns. Fault (later) if
/// the file can't be read or made, has another size than 32 bytes, or may be read by group or others.
[[nodiscard]] Result<TraceKey> load_or_create_key(const std::string& path);

/// What a valid token says.
struct TraceToken {
    std::string message_id;       ///< ours
    std::string organisation;     ///< id of the member it was handed to
    unsigned hops = 0;            ///< times it has been handed over, from 1
    std::vector<std::string> to;  ///< keyed digests of recipients

    /// Whether it was handed over for this recipient (Address::key() of its form inside the community). Takes the same
    /// time for every recipient.
    [[nodiscard]] bool names(std::string_view recipient_key, const TraceKey& key) const;
};

/// The value of a Postern-Trace field, folded. `recipient_keys` are Address::key() of the form inside the community.
[[nodiscard]] std::string make_token(std::string_view message_id, std::string_view organisation, unsigned hops,
                                     std::span<const std::string> recipient_keys, const TraceKey& key);
/// Nothing unless the signature holds and the form is exactly ours.
[[nodiscard]] std::optional<TraceToken> verify_token(std::string_view value, const TraceKey& key);
/// The valid token with most hops among the first 20 Postern-Trace fields of a message that has come in.
[[nodiscard]] std::optional<TraceToken> find_token(const mail::Header& header, const TraceKey& key);

/// What a token means for one recipient of a message that `organisation` sent now.
enum class Comeback {
    none,      ///< no token, or it was handed to another member: mail like any other
    loop,      ///< it comes back from the member it was handed to, for the same recipient
    redirect,  ///< it comes back from that member for someone else
};
[[nodiscard]] Comeback comes_back(const std::optional<TraceToken>& token, std::string_view organisation,
                                  std::string_view recipient_key, const TraceKey& key);

}  // namespace postern::transform
