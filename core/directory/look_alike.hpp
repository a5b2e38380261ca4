// Names that look like each other: "erіc" with a Cyrillic letter, "paypa1" with a digit, "paypaI" with a capital I.
//
// Pure; any thread. By the spoof checker of ICU (UTS 39, skeletons of confusables), which keeps the tables that nobody
// writes by hand.
#pragma once

#include <string>
#include <string_view>

namespace postern::directory {

/// What a reader sees of a local part: two that look alike give the same text. Small and capital letters count as the
/// same, since addresses are compared so. Never empty but for nothing; text that is no UTF-8 comes back as it is.
[[nodiscard]] std::string looks_of(std::string_view local);
/// The same with capital letters as they are written: "paypaI" looks like "paypal", and only in small letters like
/// "paypai". A new name is held against others in both ways.
[[nodiscard]] std::string looks_as_written(std::string_view local);

/// Letters of several scripts in one name, as nobody writes one ("erіc": Latin and Cyrillic), or characters that can't
/// be seen. Digits and punctuation go with any script, and those scripts with each other that a language writes
/// together (Japanese, Korean, Chinese). Empty: nothing is wrong; else what is, in words.
[[nodiscard]] std::string suspicious_letters(std::string_view local);

}  // namespace postern::directory
