// alerts.yaml as values, with the templates and scripts that its rules name.
//
// Pure. Templates are read at each load: they may change while alerts.yaml does not.
#pragma once

#include "policy/rule.hpp"
#include "policy/source.hpp"
#include "policy/values.hpp"
#include "ports/scripting.hpp"
#include "vocabulary/alerts.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

struct NamedFile;

/// `lua:` of one rule.
struct AlertScriptPart {
    std::string rule;  ///< its name
    ScriptPart script;
};

struct AlertsFile {
    vocabulary::AlertPolicy policy;  ///< without templates and scripts
    struct NamedTemplate {
        std::string file;
        Place place;
        std::vector<vocabulary::AlertTrigger> on;
        bool non_secure = false;  ///< for addresses outside
    };
    std::vector<NamedTemplate> templates;
    std::vector<AlertScriptPart> scripts;
    std::vector<NamedFile> named_files;
};

/// The templates of alerts.yaml's rules, by file name.
struct AlertTemplates {
    std::map<std::string, vocabulary::MailTemplate> inside;
    std::map<std::string, vocabulary::MailTemplate> non_secure;
};

[[nodiscard]] AlertsFile read_alerts_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory);

/// The bytes of a file of the policy ("templates/virus.txt"); nothing if it is not there.
using TemplateBytes = std::function<std::optional<std::string_view>(const std::string& name)>;

/// Reads and checks each template of templates/. `source`: alerts.yaml's own. What is wrong in a template is shown with
/// its own line. One for addresses outside may name what Notices have, and no link or address.
[[nodiscard]] AlertTemplates read_alert_templates(const TemplateBytes& bytes_of, const AlertsFile& file, Source source,
                                                  Diagnostics& diagnostics);

/// A rule's script as the rule asks it: `place` is the rule's, for logs and the breaker.
[[nodiscard]] std::shared_ptr<const vocabulary::EventScript> make_event_script(
    std::shared_ptr<const ports::Scripts> scripts, ScriptPart script, std::string place, std::uint64_t generation);

}  // namespace postern::policy
