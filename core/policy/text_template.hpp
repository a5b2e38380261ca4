// Text with ${...} that a rule puts into a message.
//
// Immutable; any thread. Values lose controls, line ends included, and are cut at 200 bytes: what a sender wrote can
// neither end a line nor flood one.
#pragma once

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

    [[nodiscard]] std::string fill(const vocabulary::Facts& facts) const;

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
