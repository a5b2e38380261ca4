#include "policy/loader.hpp"

#include "base/digest.hpp"
#include "base/text.hpp"
#include "policy/compiler.hpp"
#include "policy/file_reader.hpp"
#include "policy/keys.hpp"
#include "policy/readers.hpp"
#include "policy/yaml_reader.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <map>
#include <optional>
#include <thread>

namespace postern::policy {

namespace {

constexpr std::string_view organisations_folder = "organisations";
constexpr std::size_t worth_a_second_thread = 64;  ///< files

struct KnownFile {
    std::string_view name;
    FileKind kind;
    bool required;
};
constexpr std::array<KnownFile, 7> known_files{{{"node.yaml", FileKind::node, true},
                                                {"routing.yaml", FileKind::routing, true},
                                                {"tagging.yaml", FileKind::tagging, false},
                                                {"limits.yaml", FileKind::limits, false},
                                                {"permissions.yaml", FileKind::permissions, false},
                                                {"content.yaml", FileKind::content, false},
                                                {"alerts.yaml", FileKind::alerts, false}}};
/// Belongs to the directory's import, which reads it itself.
constexpr std::string_view import_file = "directory.yaml";
constexpr std::string_view script_folder = "lua/";
/// Read whole and not as YAML of the policy: scripts, tests, texts of reports.
constexpr std::array<std::string_view, 3> kept_folders{"lua", "tests", "templates"};
constexpr int deepest_folder = 8;

/// What is kept of a file for as long as it does not change.
struct CachedFile {
    FileIdentity identity;
    bool fresh = false;  ///< see Directory::Content
    bool readable = false;
    std::string bytes;
    Digest digest{};
    Diagnostics diagnostics;
    std::shared_ptr<const NodeFile> node;
    std::shared_ptr<const RoutingFile> routing;
    std::shared_ptr<const TaggingFile> tagging;
    std::shared_ptr<const LimitsFile> limits;
    std::shared_ptr<const PermissionsFile> permissions;
    std::shared_ptr<const ContentFile> content;
    std::shared_ptr<const AlertsFile> alerts;
    std::shared_ptr<const OrganisationFile> organisation;
};

struct Listed {
    std::string name;              ///< relative to the policy's directory
    std::optional<FileKind> kind;  ///< nothing: kept whole
    friend bool operator==(const Listed&, const Listed&) = default;
};

Diagnostic about_file(std::string file, std::string what, std::string remedy = {})
{
    return {Severity::error, std::move(file), 0, 0, 0, std::move(what), std::move(remedy), {}};
}

bool is_yaml(std::string_view name)
{
    return name.ends_with(".yaml");
}

/// Dot-files, and what editors leave beside the file they edit.
bool is_ignored(std::string_view name)
{
    return name.starts_with('.') || name.starts_with('#') || name.ends_with('~');
}

/// ".yml", ".YAML": meant as policy, but never read.
bool is_nearly_yaml(const std::string& name)
{
    const auto lower = to_lower(name);
    return !is_yaml(name) && (lower.ends_with(".yml") || lower.ends_with(".yaml"));
}

void parse_into(CachedFile& file, const Listed& listed, const std::filesystem::path& directory)
{
    if (!listed.kind) return;
    Source source(listed.name, file.bytes, file.diagnostics);
    const auto tree = read_yaml(source);
    if (!tree) return;
    switch (*listed.kind) {
        case FileKind::node:
            file.node = std::make_shared<const NodeFile>(read_node_file(source, *tree, directory));
            break;
        case FileKind::routing:
            file.routing = std::make_shared<const RoutingFile>(read_routing_file(source, *tree, directory));
            break;
        case FileKind::tagging:
            file.tagging = std::make_shared<const TaggingFile>(read_tagging_file(source, *tree));
            break;
        case FileKind::limits:
            file.limits = std::make_shared<const LimitsFile>(read_limits_file(source, *tree));
            break;
        case FileKind::permissions:
            file.permissions = std::make_shared<const PermissionsFile>(read_permissions_file(source, *tree, directory));
            break;
        case FileKind::content:
            file.content = std::make_shared<const ContentFile>(read_content_file(source, *tree));
            break;
        case FileKind::alerts:
            file.alerts = std::make_shared<const AlertsFile>(read_alerts_file(source, *tree, directory));
            break;
        case FileKind::tests:  // read by gateway/policy_tests, which runs them
            break;
        case FileKind::organisation:
            file.organisation =
                std::make_shared<const OrganisationFile>(read_organisation_file(source, *tree, directory));
            break;
    }
}

CachedFile read_file(const Directory& directory, const Listed& listed, const std::filesystem::path& path)
{
    CachedFile file;
    auto content = directory.read(listed.name, largest_file);
    if (!content) {
        file.diagnostics.push_back(about_file(listed.name, content.error().detail()));
        return file;
    }
    file.readable = true;
    file.identity = content->identity;
    file.fresh = content->fresh;
    file.bytes = std::move(content->bytes);
    file.digest = sha256(file.bytes);
    parse_into(file, listed, path);
    return file;
}

/// A file in the policy's folder that is none of the known ones.
void refuse_unknown(const std::string& name, Diagnostics& diagnostics)
{
    if (is_yaml(name) || is_nearly_yaml(name)) {
        std::vector<std::string> known;
        for (const auto& file : known_files) known.emplace_back(file.name);
        known.emplace_back(import_file);
        const auto near = nearest(name, known);
        diagnostics.push_back(
            about_file(name, "unknown file",
                       near.empty() ? fmt::format("known files: {}, organisations/*.yaml", fmt::join(known, ", "))
                                    : fmt::format("did you mean \"{}\"?", near)));
    }
}

void list_organisations(const Directory& directory, std::vector<Listed>& files, Diagnostics& diagnostics)
{
    const auto members = directory.list(std::string(organisations_folder));
    if (!members) return diagnostics.push_back(about_file(std::string(organisations_folder), members.error().detail()));
    for (const auto& item : *members) {
        if (is_ignored(item.name)) continue;
        auto name = fmt::format("{}/{}", organisations_folder, item.name);
        if (item.directory)
            diagnostics.push_back(
                about_file(std::move(name), "a folder among the organisations is not read", "move its files up"));
        else if (is_nearly_yaml(item.name))
            diagnostics.push_back(about_file(std::move(name), "not read under this name", "rename it to end in .yaml"));
        else if (is_yaml(item.name))
            files.push_back({std::move(name), FileKind::organisation});
    }
}

void list_kept(const Directory& directory, const std::string& folder, int depth, std::vector<Listed>& files,
               Diagnostics& diagnostics)
{
    const auto items = directory.list(folder);
    if (!items) return diagnostics.push_back(about_file(folder, items.error().detail()));
    for (const auto& item : *items) {
        if (is_ignored(item.name)) continue;
        auto name = fmt::format("{}/{}", folder, item.name);
        if (!item.directory)
            files.push_back({std::move(name), std::nullopt});
        else if (depth < deepest_folder)
            list_kept(directory, name, depth + 1, files, diagnostics);
        else
            diagnostics.push_back(about_file(std::move(name), "folders are nested too deep", "move its files up"));
    }
}

/// What the policy consists of; names that are none of it are errors.
std::vector<Listed> list_files(const Directory& directory, Diagnostics& diagnostics)
{
    std::vector<Listed> files;
    const auto top = directory.list({});
    if (!top) {
        diagnostics.push_back(about_file({}, top.error().detail()));
        return files;
    }
    bool has_organisations = false;
    for (const auto& item : *top) {
        has_organisations |= item.name == organisations_folder;
        if (item.directory && is_kept_folder(item.name)) list_kept(directory, item.name, 1, files, diagnostics);
        if (is_ignored(item.name) || item.name == import_file || item.name == organisations_folder) continue;
        const auto known = std::ranges::find(known_files, item.name, &KnownFile::name);
        if (known != known_files.end())
            files.push_back({item.name, known->kind});
        else if (!item.directory)
            refuse_unknown(item.name, diagnostics);
    }
    for (const auto& known : known_files)
        if (known.required && std::ranges::find(files, known.name, &Listed::name) == files.end())
            diagnostics.push_back(about_file(std::string(known.name), "the file is missing"));
    if (has_organisations)
        list_organisations(directory, files, diagnostics);
    else
        diagnostics.push_back(about_file(std::string(organisations_folder), "the folder is missing",
                                         "one file for each member: organisations/NAME.yaml"));
    return files;
}

void check_named_files(Source source, const std::vector<NamedFile>& named)
{
    for (const auto& file : named)
        if (::access(file.path.c_str(), R_OK) != 0)
            source.warning(file.place, fmt::format("{} is not there or not readable", file.path),
                           "the policy does not go live without it");
}

bool is_script(std::string_view name)
{
    return name.starts_with(script_folder) && name.ends_with(".lua");
}

/// The whole line, from its first character that is no white space.
Place place_of_line(std::string_view bytes, std::size_t number)
{
    std::size_t start = 0;
    for (std::size_t line = 1; line < number && start < bytes.size(); ++line) {
        const auto end = bytes.find('\n', start);
        start = end == bytes.npos ? bytes.size() : end + 1;
    }
    const auto line = bytes.substr(start, bytes.find('\n', start) - start);
    const auto text = trim(line);
    const auto column = text.empty() ? 0 : static_cast<std::size_t>(text.data() - line.data());
    return {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(column + 1),
            static_cast<std::uint32_t>(std::max<std::size_t>(text.size(), 1))};
}

/// Compiles the policy's Lua; what is wrong with it stands beside what is wrong with YAML.
void make_scripts(const ports::ScriptMaker& maker, PolicyFiles& policy, Diagnostics& diagnostics)
{
    if (policy.script_sources.empty()) return;
    std::vector<ports::ScriptFault> faults;
    policy.scripts =
        maker.make(policy.script_sources,
                   policy.content.document ? policy.content.document->tables : ports::ScriptTables{}, faults);
    for (const auto& fault : faults) {
        const auto source = std::ranges::find(policy.script_sources, fault.file, &ports::ScriptSource::file);
        const std::string_view bytes = source == policy.script_sources.end() ? std::string_view{} : source->bytes;
        Source(fmt::format("{}{}", script_folder, fault.file), bytes, diagnostics)
            .error(fault.line == 0 ? Place{} : place_of_line(bytes, fault.line), fault.what, fault.remedy);
    }
}

/// SHA-256 over names and digests of all files, in order of name.
std::string hash_of(const std::map<std::string, CachedFile>& files)
{
    std::string all;
    for (const auto& [name, file] : files) {
        all += name;
        all += '\0';
        all.append(file.digest.begin(), file.digest.end());
    }
    return sha256_hex(all);
}

}  // namespace

struct Loader::Cache {
    std::filesystem::path directory;  ///< resolved, that the files were read from
    std::map<std::string, CachedFile> files;

    std::size_t refresh(const Directory& opened, const std::vector<Listed>& listed);
    void read(const Directory& opened, const std::vector<const Listed*>& changed);
    void collect(const std::vector<Listed>& listed, PolicyFiles& policy, Diagnostics& diagnostics) const;
};

/// Brings the cache up to the listed files; returns how many were read.
std::size_t Loader::Cache::refresh(const Directory& opened, const std::vector<Listed>& listed)
{
    std::vector<const Listed*> changed;
    std::map<std::string, CachedFile> kept;
    for (const auto& file : listed) {
        const auto cached = files.find(file.name);
        const auto identity = opened.identify(file.name);
        const bool same = cached != files.end() && cached->second.readable && !cached->second.fresh && identity &&
                          *identity == cached->second.identity;
        if (!same) {
            changed.push_back(&file);
            kept.emplace_hint(kept.end(), file.name, CachedFile{});
        } else {
            kept.insert(kept.end(), files.extract(cached));
        }
    }
    files = std::move(kept);
    read(opened, changed);
    return changed.size();
}

/// Files are independent: with many of them two threads share the work.
void Loader::Cache::read(const Directory& opened, const std::vector<const Listed*>& changed)
{
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    const auto work = [&](std::exception_ptr& failed) {
        try {
            for (std::size_t i = next++; i < changed.size(); i = next++)
                files.at(changed[i]->name) = read_file(opened, *changed[i], directory);
        } catch (...) {
            failed = std::current_exception();
        }
    };
    std::exception_ptr own_failure;
    {
        std::jthread helper;
        if (changed.size() >= worth_a_second_thread) helper = std::jthread([&] { work(failure); });
        work(own_failure);
    }
    if (failure) std::rethrow_exception(failure);
    if (own_failure) std::rethrow_exception(own_failure);
}

void Loader::Cache::collect(const std::vector<Listed>& listed, PolicyFiles& policy, Diagnostics& diagnostics) const
{
    for (const auto& item : listed) {
        const auto& file = files.at(item.name);
        diagnostics.insert(diagnostics.end(), file.diagnostics.begin(), file.diagnostics.end());
        const auto source = [&] { return Source(item.name, file.bytes, diagnostics); };
        if (!item.kind) {
            if (is_script(item.name))
                policy.script_sources.push_back({item.name.substr(script_folder.size()), file.bytes});
            continue;
        }
        switch (*item.kind) {
            case FileKind::node:
                policy.node = {item.name, file.bytes, file.node};
                if (file.node) check_named_files(source(), file.node->named_files);
                break;
            case FileKind::routing:
                policy.routing = {item.name, file.bytes, file.routing};
                if (file.routing) check_named_files(source(), file.routing->named_files);
                break;
            case FileKind::tagging:
                policy.tagging = {item.name, file.bytes, file.tagging};
                break;
            case FileKind::limits:
                policy.limits = {item.name, file.bytes, file.limits};
                break;
            case FileKind::permissions:
                policy.permissions = {item.name, file.bytes, file.permissions};
                if (file.permissions) check_named_files(source(), file.permissions->named_files);
                break;
            case FileKind::content:
                policy.content = {item.name, file.bytes, file.content};
                break;
            case FileKind::alerts:
                policy.alerts = {item.name, file.bytes, file.alerts};
                if (file.alerts) check_named_files(source(), file.alerts->named_files);
                break;
            case FileKind::tests:  // read by gateway/policy_tests, which runs them
                break;
            case FileKind::organisation:
                policy.organisations.push_back({item.name, file.bytes, file.organisation});
                if (file.organisation) check_named_files(source(), file.organisation->named_files);
                break;
        }
    }
}

namespace {

/// Whether every file is still the one that was read: what changes while it is read may be half of an edit.
bool rests(const Directory& opened, const std::vector<Listed>& listed, const std::map<std::string, CachedFile>& files)
{
    Diagnostics ignored;
    if (list_files(opened, ignored) != listed) return false;
    return std::ranges::all_of(listed, [&](const Listed& item) {
        const auto& file = files.at(item.name);
        const auto identity = opened.identify(item.name);
        return !file.readable || (identity && *identity == file.identity);
    });
}

}  // namespace

bool is_kept_folder(std::string_view name) noexcept
{
    return std::ranges::find(kept_folders, name) != kept_folders.end();
}

bool is_policy_file(std::string_view name) noexcept
{
    std::vector<std::string_view> parts;
    for (std::size_t at = 0; at <= name.size();) {
        const auto slash = std::min(name.find('/', at), name.size());
        parts.push_back(name.substr(at, slash - at));
        if (parts.back().empty() || is_ignored(parts.back()) || parts.back().find('\0') != std::string_view::npos)
            return false;
        at = slash + 1;
    }
    if (parts.size() == 1) return std::ranges::find(known_files, name, &KnownFile::name) != known_files.end();
    if (is_kept_folder(parts.front())) return parts.size() <= std::size_t{deepest_folder} + 1;
    return parts.size() == 2 && parts.front() == organisations_folder && is_yaml(parts.back());
}

Loader::Loader(std::filesystem::path directory, const ports::ScriptMaker* scripts)
    : directory_(std::move(directory)), scripts_(scripts), cache_(std::make_unique<Cache>())
{
}

Loader::Loader(std::filesystem::path directory, std::shared_ptr<const FileSet> files, const ports::ScriptMaker* scripts)
    : directory_(std::move(directory)), given_(std::move(files)), scripts_(scripts), cache_(std::make_unique<Cache>())
{
}

Loader::~Loader() = default;

Loaded Loader::load(std::uint64_t generation)
{
    return load([generation](const std::string&) { return generation; });
}

Result<Directory> Loader::open()
{
    std::error_code error;
    const auto resolved =
        given_ ? std::filesystem::weakly_canonical(directory_, error) : std::filesystem::canonical(directory_, error);
    // Paths in a policy count from where it lies: what was read elsewhere means something else here.
    if (cache_->directory != resolved) *cache_ = Cache{resolved, {}};
    if (given_) return Directory(*given_);
    if (error) return fault(Retry::later, "cannot be read: " + error.message());
    return Directory::open(resolved.string());
}

Loaded Loader::load(const Numbering& number)
{
    const auto opened = open();
    if (opened) return load_from(*opened, number);
    Loaded loaded;
    loaded.diagnostics.push_back(about_file({}, opened.error().detail()));
    return loaded;
}

std::string Loader::look(Diagnostics* wrong)
{
    Diagnostics found;
    std::string hash;
    if (const auto opened = open()) {
        static_cast<void>(cache_->refresh(*opened, list_files(*opened, found)));
        for (const auto& [name, file] : cache_->files)
            found.insert(found.end(), file.diagnostics.begin(), file.diagnostics.end());
        hash = hash_of(cache_->files);
    } else {
        found.push_back(about_file({}, opened.error().detail()));
    }
    if (wrong) *wrong = std::move(found);
    return hash;
}

Loaded Loader::load_from(const Directory& opened, const Numbering& number)
{
    Loaded loaded;
    const auto listed = list_files(opened, loaded.diagnostics);
    loaded.files = listed.size();
    loaded.files_read = cache_->refresh(opened, listed);
    loaded.hash = hash_of(cache_->files);
    PolicyFiles policy;
    cache_->collect(listed, policy, loaded.diagnostics);
    policy.can_run_scripts = scripts_ != nullptr;
    if (scripts_ != nullptr) make_scripts(*scripts_, policy, loaded.diagnostics);
    if (policy.alerts.document)
        policy.alert_templates = read_alert_templates(
            [this](const std::string& name) -> std::optional<std::string_view> {
                const auto found = cache_->files.find(name);
                if (found == cache_->files.end() || !found->second.readable) return std::nullopt;
                return found->second.bytes;
            },
            *policy.alerts.document, Source(policy.alerts.file, policy.alerts.bytes, loaded.diagnostics),
            loaded.diagnostics);
    loaded.snapshot = compile(policy, number(loaded.hash), loaded.hash, loaded.diagnostics);
    if (loaded.snapshot && !rests(opened, listed, cache_->files)) {
        loaded.diagnostics.push_back(
            about_file({}, "files changed while they were read", "reload again once they rest"));
        loaded.snapshot.reset();
    }
    return loaded;
}

std::vector<LoadedFile> Loader::files() const
{
    std::vector<LoadedFile> all;
    all.reserve(cache_->files.size());
    for (const auto& [name, file] : cache_->files)
        all.push_back({name, file.bytes, {reinterpret_cast<const char*>(file.digest.data()), file.digest.size()}});
    return all;
}

FileSet Loader::file_set() const
{
    FileSet all;
    for (const auto& [name, file] : cache_->files) all.emplace_hint(all.end(), name, file.bytes);
    return all;
}

}  // namespace postern::policy
