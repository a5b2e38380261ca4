// Which rules can never be reached, because an earlier one that decides holds whenever they do.
//
// Used while one file is being read; borrows its rules. Sees only what the words of two conditions show: the same
// clause, or one that names more values.
#pragma once

#include "policy/rule.hpp"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::policy {

class ShadowCheck {
public:
    /// From here on `rule` decides wherever it holds. It must outlive this and not move.
    void add(const Rule& rule);
    /// The first rule added that holds whenever this one does, or null.
    [[nodiscard]] const Rule* shadow_of(const Rule& rule) const;

private:
    const Rule* always_ = nullptr;
    /// By the field of one part of its condition.
    std::unordered_multimap<std::string_view, const Rule*> by_part_;
};

}  // namespace postern::policy
