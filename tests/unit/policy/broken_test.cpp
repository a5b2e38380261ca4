// Broken policies and the exact words that their authors read.
//
// Each file of tests/policy-broken/ changes the demo community: "@@ NAME" begins a file that replaces the demo's or is
// added, "@@ -NAME" takes one out, "@@ expect" begins what `postern check` prints, and "@@ expect nothing wrong" says
// that the policy is fine. POSTERN_WRITE_EXPECTED=1 writes what is printed now into the file; read the difference.
#include "policy/loader.hpp"

#include "demo_copy.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace postern;
namespace fs = std::filesystem;

namespace {

struct Case {
    std::string changes;  ///< the file up to "@@ expect"
    std::string expected;
};

std::string slurp(const fs::path& path)
{
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

Case read_case(const fs::path& path)
{
    const std::string text = slurp(path);
    const std::string mark = "@@ expect\n";
    const auto at = text.find(mark);
    if (at == std::string::npos) return {text, {}};
    return {text.substr(0, at), text.substr(at + mark.size())};
}

void apply(const std::string& changes, const fs::path& directory)
{
    std::istringstream lines(changes);
    std::ofstream file;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("@@ ")) {
            file << line << '\n';
            continue;
        }
        file.close();
        const auto name = line.substr(3);
        if (name.starts_with('-'))
            fs::remove_all(directory / name.substr(1));
        else {
            fs::create_directories((directory / name).parent_path());
            file.open(directory / name, std::ios::binary);
        }
    }
}

}  // namespace

TEST_CASE("a broken policy is refused in exactly these words")
{
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(POSTERN_SOURCE_DIR "/tests/policy-broken"))
        if (entry.path().extension() == ".txt") paths.push_back(entry.path());
    std::ranges::sort(paths);
    REQUIRE(!paths.empty());
    for (const auto& path : paths) {
        const auto broken = read_case(path);
        const policy::test::DemoCopy copy("policy");
        apply(broken.changes, copy.directory);
        policy::Loader loader(copy.directory);
        const auto loaded = loader.load(1);
        auto printed = policy::render(loaded.diagnostics, "rules");
        // The folder's own name is not the same twice.
        for (auto at = printed.find(copy.directory.string()); at != printed.npos;
             at = printed.find(copy.directory.string()))
            printed.replace(at, copy.directory.string().size(), "DIR");
        if (std::getenv("POSTERN_WRITE_EXPECTED") != nullptr)  // NOLINT(concurrency-mt-unsafe)
            std::ofstream(path, std::ios::binary) << broken.changes << "@@ expect\n" << printed;
        else
            CHECK(printed == broken.expected);
        INFO(path.filename());
        CHECK((loaded.snapshot == nullptr) == policy::has_errors(loaded.diagnostics));
    }
}
