#include "scan/virus_engine.hpp"

#include "base/text.hpp"

#include <clamav.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <algorithm>
#include <ctime>
#include <filesystem>

namespace postern::scan {

namespace {

// The industry's test file, in two halves so that this program is not taken for it.
std::string eicar()
{
    return std::string(R"(X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR)") + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
}

constexpr std::size_t most_names = 20;

struct Engine {
    cl_engine* handle = cl_engine_new();
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine()
    {
        if (handle) cl_engine_free(handle);
    }
};

struct Map {
    cl_fmap_t* handle;
    explicit Map(std::string_view bytes) : handle(cl_fmap_open_memory(bytes.data(), bytes.size())) {}
    Map(const Map&) = delete;
    Map& operator=(const Map&) = delete;
    ~Map()
    {
        if (handle) cl_fmap_close(handle);
    }
};

void add(std::vector<std::string>& names, std::string name)
{
    if (names.size() < most_names && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
}

// libclamav tells what it could not look into by names of its own.
void take_name(VirusEngine::Finding& finding, std::string_view name)
{
    struct Reason {
        std::string_view prefix;
        std::string_view reason;
    };
    static constexpr Reason reasons[] = {
        {"Heuristics.Encrypted.", "encrypted"},
        {"Heuristics.Limits.Exceeded.MaxRecursion", "depth"},
        {"Heuristics.Limits.Exceeded.MaxFiles", "files"},
        {"Heuristics.Limits.Exceeded.MaxScanTime", "time"},
        {"Heuristics.Limits.Exceeded", "size"},
        {"Heuristics.OLE2.ContainsMacros", "macros"},
        {"Heuristics.Broken.", "broken"},
    };
    for (const auto& [prefix, reason] : reasons)
        if (name.starts_with(prefix)) return add(finding.unscannable, std::string(reason));
    add(finding.viruses, printable(name, 200));
}

void found(int, const char* name, void* finding)
{
    if (name && finding) take_name(*static_cast<VirusEngine::Finding*>(finding), name);
}

// What matters of its messages comes back as an error's text; standard error is the gateway's log.
void say_nothing(cl_msg, const char*, const char*, void*) {}

bool initialise()
{
    static const bool good = [] {
        cl_set_clcb_msg(say_nothing);
        return cl_init(CL_INIT_DEFAULT) == CL_SUCCESS;
    }();
    return good;
}

std::unexpected<Fault> load_fault(const std::string& folder, const std::string& why)
{
    const Fault made = fault(Retry::later, why).about(folder);
    return std::unexpected(made);
}

std::uint64_t newest_file(const std::string& folder)
{
    std::uint64_t newest = 0;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
        struct stat facts {};
        if (stat(entry.path().c_str(), &facts) == 0 && S_ISREG(facts.st_mode))
            newest = std::max(newest, static_cast<std::uint64_t>(facts.st_mtime));
    }
    return newest;
}

// After a write that failed: whether that message alone needed too much room, since there is plenty again without it.
bool has_room(const std::string& folder, std::uint64_t wanted)
{
    struct statvfs facts {};
    return statvfs(folder.c_str(), &facts) == 0 &&
           static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize >= wanted / 2;
}

std::string moment_text(std::uint64_t moment)
{
    const auto seconds = static_cast<time_t>(moment);
    tm parts{};
    char text[32];
    gmtime_r(&seconds, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

}  // namespace

struct VirusEngine::Impl {
    Engine engine;
    unsigned signatures = 0;
    std::uint64_t made = 0;
    std::string version;
    Duration patience{};
    std::string folder;           ///< of temporary files
    std::uint64_t temporary = 0;  ///< bytes that they may have
    std::uint64_t archive_files = 0;
    std::uint64_t archive_size = 0;
};

VirusEngine::VirusEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VirusEngine::~VirusEngine() = default;

Result<std::unique_ptr<VirusEngine>> VirusEngine::load(const vocabulary::Scanner& scanner, const std::string& temporary)
{
    const auto& folder = scanner.signatures;
    if (!initialise()) return load_fault(folder, "libclamav does not start");
    auto impl = std::make_unique<Impl>();
    auto* engine = impl->engine.handle;
    if (!engine) return load_fault(folder, "no memory for a signature set");
    const auto set = [engine](cl_engine_field field, std::uint64_t value) {
        return cl_engine_set_num(engine, field, static_cast<long long>(value)) == CL_SUCCESS;
    };
    const bool configured =
        cl_engine_set_str(engine, CL_ENGINE_TMPDIR, temporary.c_str()) == CL_SUCCESS &&
        // Its cache remembers bytes as clean, whatever they were taken for: a mail that was scanned as no mail, part by
        // part, would pass as clean inside an archive, where nobody else reads it as mail.
        set(CL_ENGINE_DISABLE_CACHE, 1) && set(CL_ENGINE_MAX_RECURSION, scanner.archive_depth) &&
        set(CL_ENGINE_MAX_FILES, scanner.archive_files) && set(CL_ENGINE_MAX_SCANSIZE, scanner.archive_size) &&
        set(CL_ENGINE_MAX_FILESIZE, std::min<std::uint64_t>(scanner.archive_size, (2ULL << 30) - 1));
    impl->folder = temporary;
    impl->temporary = scanner.temporary;
    impl->patience = scanner.deadline * 3 / 4;
    impl->archive_files = scanner.archive_files;
    impl->archive_size = scanner.archive_size;
    if (!configured) return load_fault(folder, "libclamav does not take the scanner's limits");
    const auto loaded = cl_load(folder.c_str(), engine, &impl->signatures, CL_DB_STDOPT);
    if (loaded != CL_SUCCESS) return load_fault(folder, cl_strerror(loaded));
    if (impl->signatures == 0) return load_fault(folder, "there are no signatures");
    if (const auto compiled = cl_engine_compile(engine); compiled != CL_SUCCESS)
        return load_fault(folder, cl_strerror(compiled));

    cl_engine_set_clcb_virus_found(engine, found);

    const auto number = cl_engine_get_num(engine, CL_ENGINE_DB_VERSION, nullptr);
    const auto made = cl_engine_get_num(engine, CL_ENGINE_DB_TIME, nullptr);
    impl->made = made > 0 ? static_cast<std::uint64_t>(made) : newest_file(folder);
    impl->version =
        (number > 0 ? "daily " + std::to_string(number) : std::to_string(impl->signatures) + " signatures") + " of " +
        moment_text(impl->made);
    std::unique_ptr<VirusEngine> result(new VirusEngine(std::move(impl)));
    const auto bad = result->scan(eicar(), false, result->give_up());
    if (!bad) return std::unexpected(bad.error());
    if (bad->viruses.empty()) return load_fault(folder, "the set does not find the EICAR test file");
    const auto clean = result->scan("From: a@example.org\r\nSubject: Listing\r\n\r\nThe hearing is at ten.\r\n", true,
                                    result->give_up());
    if (!clean) return std::unexpected(clean.error());
    if (!clean->viruses.empty())
        return load_fault(folder, "the set takes a harmless message for " + clean->viruses.front());
    return result;
}

void VirusEngine::use_folder(const std::string& folder)
{
    cl_engine_set_str(impl_->engine.handle, CL_ENGINE_TMPDIR, folder.c_str());
    impl_->folder = folder;
}

VirusEngine::Moment VirusEngine::give_up() const noexcept
{
    return std::chrono::steady_clock::now() + impl_->patience;
}

Result<VirusEngine::Finding> VirusEngine::scan(std::string_view bytes, bool mail, Moment until) const
{
    Finding finding;
    if (bytes.empty()) return finding;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
        add(finding.unscannable, "time");
        return finding;
    }
    cl_engine_set_num(impl_->engine.handle, CL_ENGINE_MAX_SCANTIME, left);
    cl_scan_options options{};
    options.general = CL_SCAN_GENERAL_HEURISTICS | CL_SCAN_GENERAL_ALLMATCHES | CL_SCAN_GENERAL_UNPRIVILEGED;
    options.parse = ~0U;
    if (!mail) options.parse &= ~static_cast<unsigned>(CL_SCAN_PARSE_MAIL);
    options.heuristic = CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE | CL_SCAN_HEURISTIC_ENCRYPTED_DOC |
                        CL_SCAN_HEURISTIC_EXCEEDS_MAX | CL_SCAN_HEURISTIC_MACROS | CL_SCAN_HEURISTIC_BROKEN;
    const Map map(bytes);
    if (!map.handle) return fault(Retry::later, "libclamav has no memory for a part");
    const char* name = nullptr;
    const auto result =
        cl_scanmap_callback(map.handle, nullptr, &name, nullptr, impl_->engine.handle, &options, &finding);
    switch (result) {
        case CL_VIRUS:
            if (name) take_name(finding, name);
            return finding;
        case CL_CLEAN:
        case CL_VERIFIED:
            return finding;
        case CL_ETIMEOUT:
            add(finding.unscannable, "time");
            return finding;
        case CL_ETMPFILE:
        case CL_EWRITE:
            if (has_room(impl_->folder, impl_->temporary)) {
                add(finding.unscannable, "size");
                return finding;
            }
            [[fallthrough]];
        case CL_EMEM:
        case CL_EMAP:
        case CL_ETMPDIR:
        case CL_ECREAT:
            return fault(Retry::later, std::string("libclamav: ") + cl_strerror(result));
        default:
            add(finding.unscannable, "broken");
            return finding;
    }
}

std::uint64_t VirusEngine::archive_files() const noexcept
{
    return impl_->archive_files;
}

std::uint64_t VirusEngine::archive_size() const noexcept
{
    return impl_->archive_size;
}

const std::string& VirusEngine::version() const noexcept
{
    return impl_->version;
}

std::uint64_t VirusEngine::signatures() const noexcept
{
    return impl_->signatures;
}

std::uint64_t VirusEngine::made() const noexcept
{
    return impl_->made;
}

}  // namespace postern::scan
