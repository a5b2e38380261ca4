// What a field is in given facts: the only place that knows which fact a field's name stands for.
//
// Pure; any thread; nothing is kept.
#pragma once

#include "vocabulary/fields.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace postern::policy {

/// The answer of looking at all values of a field.
enum class Seen { absent, no, yes };

/// Calls `matches` for each value of a text, word, role or organisation field until it says true. `header` is the
/// name behind "header." for that field. Views are good during the call only.
[[nodiscard]] Seen some_text(vocabulary::FieldId field, std::string_view header, const vocabulary::Facts& facts,
                             const std::function<bool(std::string_view)>& matches);

/// Value of a boolean field.
[[nodiscard]] std::optional<bool> truth_of(vocabulary::FieldId field, const vocabulary::Facts& facts) noexcept;

/// First value of any field as text, for ${...}; empty where absent.
[[nodiscard]] std::string text_of(const vocabulary::FieldInfo& field, std::string_view header,
                                  const vocabulary::Facts& facts);

}  // namespace postern::policy
