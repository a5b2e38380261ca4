// How values are written: for each form of a key and each type of a field the pattern that it matches, what to write
// where it does not, examples, and the words of the reference.
//
// The JSON Schemas and the reference are made from this; the loader has parsers, and a test compares its verdicts with
// those of an editor. Built once, immutable, all threads.
#pragma once

#include "policy/keys.hpp"
#include "vocabulary/fields.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

struct Spelling {
    std::string pattern;     ///< ECMA-262, matches the whole; empty: any text
    std::string_view hint;   ///< what an editor says of a text that does not match: "write a size such as ..."
    std::string_view words;  ///< what it is: "A number and a unit"
    std::vector<std::string_view> examples;  ///< as written in YAML, quoted where they must be
    std::size_t longest = 0;                 ///< characters; 0: the pattern says it
    bool plain = false;                      ///< numbers and truths are texts as well, as they are written
};

/// Of forms that are texts; for the others it has words alone.
[[nodiscard]] const Spelling& spelling_of(Form form);
/// One value of a condition on a field of this type, without `between` and `absent`.
[[nodiscard]] const Spelling& spelling_of(vocabulary::FieldType type);
/// One end of `between` for sizes, numbers and times.
[[nodiscard]] const Spelling& end_of_range(vocabulary::FieldType type);

}  // namespace postern::policy
