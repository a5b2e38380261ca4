// A policy made of the demo community's files with some of them changed, in memory.
#pragma once

#include "policy/file_reader.hpp"
#include "policy/loader.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace postern::policy::test {

using Changes = std::map<std::string, std::string>;

inline std::shared_ptr<const FileSet> demo_with(const Changes& changes)
{
    const std::filesystem::path demo = POSTERN_SOURCE_DIR "/rules";
    auto files = std::make_shared<FileSet>();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(demo)) {
        const auto name = std::filesystem::relative(entry.path(), demo).string();
        const bool own = name.find('/') == std::string::npos || name.starts_with("organisations/");
        if (!entry.is_regular_file() || !own || !name.ends_with(".yaml") || name == "directory.yaml") continue;
        // What the demo decides is not what these tests are about.
        if (name == "content.yaml" || name == "permissions.yaml" || name == "alerts.yaml") continue;
        std::ostringstream text;
        text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
        (*files)[name] = text.str();
    }
    for (const auto& [name, text] : changes) (*files)[name] = text;
    return files;
}

inline Loaded load_with(const Changes& changes, const ports::ScriptMaker* scripts = nullptr)
{
    Loader loader(POSTERN_SOURCE_DIR "/rules", demo_with(changes), scripts);
    return loader.load(7);
}

inline SnapshotPtr policy_with(const Changes& changes, const ports::ScriptMaker* scripts = nullptr)
{
    auto loaded = load_with(changes, scripts);
    INFO(render(loaded.diagnostics, "rules"));
    REQUIRE(loaded.snapshot);
    return loaded.snapshot;
}

/// What is wrong with it, as people read it.
inline std::string faults_of(const Changes& changes, const ports::ScriptMaker* scripts = nullptr)
{
    return render(load_with(changes, scripts).diagnostics, "rules");
}

}  // namespace postern::policy::test
