// index.json: what the authority remembers about everything it issued. A value, printed and read; no I/O.
#pragma once

#include "authority/authority.hpp"

namespace postern::authority {

struct Index {
    std::uint64_t list_number = 0;  ///< of the newest revocation list; grows with each
    std::vector<Certificate> certificates;
};

[[nodiscard]] std::string print_index(const Index& index);
/// Fault never: not what print_index writes, or of a later format.
[[nodiscard]] Result<Index> parse_index(std::string_view text);

}  // namespace postern::authority
