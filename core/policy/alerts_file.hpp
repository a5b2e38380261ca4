// alerts.yaml as values, with the templates that its rules name.
//
// Pure. Templates are read at each load: they may change while alerts.yaml does not.
#pragma once

#include "policy/source.hpp"
#include "policy/values.hpp"
#include "vocabulary/alerts.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

struct NamedFile;

struct AlertsFile {
    vocabulary::AlertPolicy policy;  ///< without templates
    struct NamedTemplate {
        std::string file;
        Place place;
        std::vector<vocabulary::AlertTrigger> on;
    };
    std::vector<NamedTemplate> templates;
    std::vector<NamedFile> named_files;
};

[[nodiscard]] AlertsFile read_alerts_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory);

/// The bytes of a file of the policy ("templates/virus.txt"); nothing if it is not there.
using TemplateBytes = std::function<std::optional<std::string_view>(const std::string& name)>;

/// Reads and checks each template of templates/. `source`: alerts.yaml's own. What is wrong in a template is shown with
/// its own line.
[[nodiscard]] std::map<std::string, vocabulary::MailTemplate> read_alert_templates(const TemplateBytes& bytes_of,
                                                                                   const AlertsFile& file,
                                                                                   Source source,
                                                                                   Diagnostics& diagnostics);

}  // namespace postern::policy
