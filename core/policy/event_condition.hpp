// `when:` of alerts.yaml: the form of every other condition, over the fields of events.
//
// An event's fields are texts, compared as texts are (glob, /expression/, =literally, absent); time takes between.
// Nothing is ever unknown: an event carries what it carries. Immutable once read; all threads.
#pragma once

#include "policy/document.hpp"
#include "policy/source.hpp"
#include "vocabulary/alerts.hpp"

#include <memory>
#include <vector>

namespace postern::policy {

/// Null node: null, which always holds. A field that none of the rule's events carries is an error.
[[nodiscard]] std::shared_ptr<const vocabulary::EventCondition> read_event_condition(
    Source& source, const YamlNode* node, const std::vector<vocabulary::AlertTrigger>& on);

}  // namespace postern::policy
