// How a stored original becomes what is sent: bytes taken out and put in at given places, nothing else touched.
//
// The original is stored once; each delivery keeps its own small list of edits, applied while sending. A
// regular value; no I/O.
#pragma once

#include "base/fault.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

/// At `offset` of the original, `removed` bytes give way to `text`. Complete lines with CRLF where lines are added.
struct Edit {
    std::uint64_t offset = 0;
    std::uint64_t removed = 0;
    std::string text;
    friend bool operator==(const Edit&, const Edit&) = default;
};

/// In order of offset, not overlapping.
using Edits = std::vector<Edit>;

/// The pieces to send, in order: views into `original` and into `edits`, which must outlive them.
/// Called as mail::apply: unqualified, std::apply competes for it.
[[nodiscard]] std::vector<std::string_view> apply(std::string_view original, const Edits& edits);
/// The whole result as one string; for tests, `explain` and reports.
[[nodiscard]] std::string applied(std::string_view original, const Edits& edits);
/// Bytes of the result.
[[nodiscard]] std::uint64_t applied_size(std::uint64_t original_size, const Edits& edits) noexcept;

/// A compact form for the database; `decode` refuses anything that `encode` did not make (Retry::later).
[[nodiscard]] std::string encode(const Edits& edits);
[[nodiscard]] Result<Edits> decode_edits(std::string_view bytes);

}  // namespace postern::mail
