// Text with ${...} that a rule puts into a message.
//
// Immutable; any thread. Values lose controls, line ends included, and are cut at 200 bytes: what a sender wrote can
// neither end a line nor flood one.
#pragma once

#include "policy/field_values.hpp"
#include "policy/source.hpp"
#include "vocabulary/fields.hpp"

#include <string>
#include <vector>

namespace postern::policy {

class TextTemplate {
public:
    /// Reads "text ${sender.organisation} text"; "$${" stands for "${". Fields later than `stage` and unknown ones
    /// are errors.
    [[nodiscard]] static TextTemplate read(Source& source, const YamlNode& node, vocabulary::Stage stage);

    /// The same of a text that is not a node's own: what follows a reply's code.
    [[nodiscard]] static TextTemplate read(Source& source, const Place& place, std::string_view text,
                                           vocabulary::Stage stage);

    [[nodiscard]] std::string fill(FieldValues& values) const;
    /// The fields whose values it takes.
    [[nodiscard]] std::vector<const vocabulary::FieldInfo*> fields() const;

private:
    struct Piece {
        std::string text;  ///< literally, where `field` is null and it is no generation
        const vocabulary::FieldInfo* field = nullptr;
        std::string header;
        bool generation = false;  ///< ${policy.generation}
    };
    std::vector<Piece> pieces_;
};

}  // namespace postern::policy
