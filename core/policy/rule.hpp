// What a rule of any file is: a name, a condition, perhaps a script, and what it orders.
//
// Read by the readers, compiled into a snapshot; immutable once read.
#pragma once

#include "policy/condition.hpp"
#include "policy/text_template.hpp"
#include "vocabulary/order.hpp"

#include <optional>
#include <string>
#include <vector>

namespace postern::policy {

/// What a rule means when its script fails or goes over its budget.
enum class OnError : std::uint8_t { defer, reject, ignore };

/// `lua:`, `may:` and `on_error:`.
struct ScriptPart {
    std::string file;  ///< relative to the policy's lua/ folder: "marking.lua"
    Place place;
    vocabulary::ActionSet may;
    OnError on_error = OnError::defer;
};

struct Rule {
    std::string name;
    std::string label;  ///< "content.yaml:9 marking": logs, explain, orders
    Place place;        ///< of its name
    When when;
    std::optional<ScriptPart> script;
};

/// One action as written: what is fixed, and a text that may hold values of the message.
struct OrderTemplate {
    vocabulary::Order order;  ///< all but its text
    std::optional<TextTemplate> text;
    Place place;               ///< of the action's name
    std::vector<Place> where;  ///< of each of order.addresses, then of each address in order.to

    [[nodiscard]] vocabulary::Order fill(FieldValues& values) const
    {
        auto filled = order;
        if (text) filled.text = text->fill(values);
        return filled;
    }
};
using OrderTemplates = std::vector<OrderTemplate>;

}  // namespace postern::policy
