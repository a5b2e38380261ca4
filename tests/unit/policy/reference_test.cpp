// The reference in the tree is what the tables make, and the loader takes all of its examples.
//
// `POSTERN_WRITE_REFERENCE=1 test_policy "the reference*"` writes the pages anew after a change of a table.
#include "policy/reference.hpp"
#include "policy/loader.hpp"
#include "vocabulary/fields.hpp"

#include "demo_copy.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace postern;
namespace fs = std::filesystem;

namespace {

const fs::path reference = POSTERN_SOURCE_DIR "/yaml-schema/reference";

std::string slurp(const fs::path& path)
{
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("the reference in the tree is what the tables make")
{
    const auto pages = policy::reference_pages();
    if (std::getenv("POSTERN_WRITE_REFERENCE") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
        fs::remove_all(reference);
        for (const auto& [name, text] : pages) {
            fs::create_directories((reference / name).parent_path());
            std::ofstream(reference / name, std::ios::binary) << text;
        }
    }
    for (const auto& [name, text] : pages) {
        INFO(name << " differs: run this test with POSTERN_WRITE_REFERENCE=1");
        CHECK(slurp(reference / name) == text);
    }
    for (const auto& entry : fs::recursive_directory_iterator(reference)) {
        if (!entry.is_regular_file()) continue;
        INFO(entry.path());
        CHECK(pages.contains(fs::relative(entry.path(), reference).string()));
    }
}

TEST_CASE("every field and action has an example, and the loader takes it")
{
    const policy::test::DemoCopy copy("reference");
    std::size_t examples = 0;
    for (const auto& [name, text] : policy::reference_pages()) {
        const bool due = name.starts_with("fields/") || name.starts_with("actions/");
        INFO(name);
        if (due) CHECK(text.find("```yaml\n# ") != std::string::npos);
        for (std::size_t at = 0; (at = text.find("```yaml\n# ", at)) != std::string::npos;) {
            const auto begin = at + 10;
            const auto line = text.find('\n', begin);
            const auto end = text.find("```\n", line);
            const auto file = text.substr(begin, line - begin);
            std::ofstream(copy.directory / file, std::ios::binary) << text.substr(line + 1, end - line - 1);
            policy::Loader loader(copy.directory);
            const auto loaded = loader.load(1);
            INFO(policy::render(loaded.diagnostics, "rules"));
            CHECK(loaded.snapshot != nullptr);
            fs::remove(copy.directory / file);
            if (fs::exists(fs::path(POSTERN_SOURCE_DIR "/rules") / file))
                fs::copy(fs::path(POSTERN_SOURCE_DIR "/rules") / file, copy.directory / file);
            ++examples;
            at = end;
        }
    }
    CHECK(examples > vocabulary::fields().size());
}
