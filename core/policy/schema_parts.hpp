// Parts of the JSON Schemas: texts by their spelling, conditions by the table of fields, orders by that of actions.
//
// Pure; any thread. Draft 07, with what editors know beyond it: patternErrorMessage and enumDescriptions.
#pragma once

#include "policy/spelling.hpp"
#include "vocabulary/actions.hpp"

#include <boost/json.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace postern::policy::schema {

namespace json = boost::json;

/// A text that is written so.
[[nodiscard]] json::object text(const Spelling& spelling);
/// A text of one line.
[[nodiscard]] json::object line(std::size_t longest);
/// One of these words; `meanings` has as many, or none.
[[nodiscard]] json::object one_of(std::span<const std::string_view> words, std::span<const std::string_view> meanings);
/// The alternatives, each described by itself.
[[nodiscard]] json::object any_of(json::array alternatives);
/// Names of header fields and their texts.
[[nodiscard]] json::object header_texts(std::size_t longest);
/// Name of a field of the table, or header.NAME.
[[nodiscard]] json::object field_name();
/// `when:` of rules that are decided at that stage; it refers to itself as #/definitions/when_STAGE.
[[nodiscard]] json::object condition(vocabulary::Stage stage);
/// `when:` of alerts.yaml, over the fields of events; it refers to itself as #/definitions/when_event.
[[nodiscard]] json::object event_condition();
/// `then:` of rules of that file.
[[nodiscard]] json::object orders(vocabulary::RuleFile file);

}  // namespace postern::policy::schema
