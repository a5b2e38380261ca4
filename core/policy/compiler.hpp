// Holds the typed documents against each other and makes them one snapshot.
//
// Pure but for memory; one thread at a time. Everything wrong is named, not only the first.
#pragma once

#include "policy/alerts_file.hpp"
#include "policy/diagnostic.hpp"
#include "policy/model.hpp"
#include "policy/snapshot.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

/// A typed document with the text that it came from, for diagnostics. Null document: not there or not readable.
template <class Document>
struct FileOf {
    std::string file;  ///< relative to the policy's directory
    std::string_view bytes;
    std::shared_ptr<const Document> document;
};

struct PolicyFiles {
    FileOf<NodeFile> node;
    FileOf<RoutingFile> routing;
    FileOf<TaggingFile> tagging;
    FileOf<LimitsFile> limits;
    FileOf<PermissionsFile> permissions;
    FileOf<ContentFile> content;
    FileOf<AlertsFile> alerts;
    AlertTemplates alert_templates;
    std::vector<FileOf<OrganisationFile>> organisations;  ///< in order of file name
    std::vector<ports::ScriptSource> script_sources;
    std::shared_ptr<const ports::Scripts> scripts;  ///< null: there are none, they are wrong, or nobody can run them
    bool can_run_scripts = false;
};

/// The snapshot, or null if there are errors in `diagnostics` then (those that it held already count).
[[nodiscard]] SnapshotPtr compile(const PolicyFiles& files, std::uint64_t generation, std::string hash,
                                  Diagnostics& diagnostics);

}  // namespace postern::policy
