// postern-machine: what the policy says of the machine, as files for the system's own programs. Wiring only.
//
//   postern-machine render POLICY FOLDER     writes them all, each whole or not at all; removes those that are no more
//
// Exit codes: 0 done, 1 the policy has errors or a file can't be written (standard error says which), 2 wrong usage.
// Runs at the start of the appliance and after each change of the policy, as a process of its own that sees no mail.
#include "appliance/rendering.hpp"
#include "base/clock.hpp"
#include "policy/loader.hpp"
#include "ports/rates.hpp"
#include "script/maker.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string_view>

namespace {

using namespace postern;
namespace fs = std::filesystem;

policy::SnapshotPtr load(const std::string& directory)
{
    const SystemClock clock;
    ports::Rates rates(clock);
    const script::Maker scripts(rates, clock);
    policy::Loader loader(directory, &scripts);
    auto loaded = loader.load(0);
    if (!loaded.snapshot) throw std::runtime_error(policy::render(loaded.diagnostics, directory));
    return loaded.snapshot;
}

void write_whole(const fs::path& path, const std::string& text)
{
    fs::create_directories(path.parent_path());
    const fs::path fresh = path.string() + ".new";
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) throw std::runtime_error(fresh.string() + ": can't be written");
    fs::rename(fresh, path);
}

void remove_others(const fs::path& folder, const appliance::Files& files)
{
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file() && !files.contains(fs::relative(entry.path(), folder).string()))
            fs::remove(entry.path());
}

void render(const std::string& policy, const fs::path& folder)
{
    const auto files = appliance::render(*load(policy));
    for (const auto& [name, text] : files) write_whole(folder / name, text);
    remove_others(folder, files);
}

}  // namespace

int main(int count, char** arguments)
{
    if (count != 4 || std::string_view(arguments[1]) != "render") {
        std::cerr << "usage: postern-machine render POLICY FOLDER\n";
        return 2;
    }
    try {
        render(arguments[2], arguments[3]);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "postern-machine: " << error.what() << "\n";
        return 1;
    }
}
