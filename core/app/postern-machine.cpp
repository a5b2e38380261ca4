// postern-machine: what the policy says of the machine, as files for the system's own programs. Wiring only.
//
//   postern-machine render POLICY FOLDER [STATE]
//       writes them all, each whole or not at all; removes those that are no more. Of a policy on trial, that one's
//   postern-machine verify-disk FOLDER [POLICY [STATE]]
//       whether a configuration disk counts beside the policy in force: signed by an administrator whom that declares,
//       and newer (appliance/signed_folder). Where the policy can't be loaded those whom the last one declared count
//
// STATE is the folder of what the machine remembers, /var/lib/postern-machine where it is not named.
//
// Exit codes: 0 done, or it counts; 1 it does not, the policy has errors or a file can't be written (standard error
// says which); 2 wrong usage. Runs at the start of the appliance and after each change of the policy, as a process of
// its own that sees no mail.
#include "appliance/rendering.hpp"
#include "appliance/signed_folder.hpp"
#include "base/clock.hpp"
#include "policy/loader.hpp"
#include "ports/rates.hpp"
#include "script/maker.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace {

using namespace postern;
namespace fs = std::filesystem;

// Written by root alone; absent where there is no appliance.
constexpr const char* state_folder = "/var/lib/postern-machine";
constexpr const char* policy_in_force = "/var/etc/postern";
constexpr const char* serial_name = "serial";
constexpr const char* administrators_name = "administrators";

std::vector<std::string> administrators_in(const policy::Snapshot& policy)
{
    const auto* machine = policy::appliance_view(policy).machine;
    return machine != nullptr ? machine->administrators : std::vector<std::string>{};
}

policy::SnapshotPtr load_with(policy::Loader& loader, const std::string& directory)
{
    auto loaded = loader.load(0);
    if (!loaded.snapshot) throw std::runtime_error(policy::render(loaded.diagnostics, directory));
    return loaded.snapshot;
}

/// The policy of a directory; `files`: as if these lay there instead.
policy::SnapshotPtr load(const std::string& directory, std::shared_ptr<const policy::FileSet> files = nullptr)
{
    const SystemClock clock;
    ports::Rates rates(clock);
    const script::Maker scripts(rates, clock);
    if (!files) {
        policy::Loader loader(directory, &scripts);
        return load_with(loader, directory);
    }
    policy::Loader loader(directory, std::move(files), &scripts);
    return load_with(loader, directory);
}

/// What is in force; of a policy on trial, that one: the gateway lays it out below its storage, and takes it away when
/// the trial ends. One that can't be read is none.
policy::SnapshotPtr load_in_force(const std::string& directory, const policy::SnapshotPtr& standing)
{
    const auto trial = fs::path(standing->node().storage) / "trial";
    if (!fs::exists(trial / "node.yaml")) return standing;
    policy::Loader reader(trial);
    static_cast<void>(reader.look());
    try {
        return load(directory, std::make_shared<const policy::FileSet>(reader.file_set()));
    } catch (const std::runtime_error& error) {
        std::cerr << "postern-machine: the policy on trial can't be read, and is not followed: " << error.what()
                  << "\n";
        return standing;
    }
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

void render(const std::string& policy, const fs::path& folder, const fs::path& state)
{
    const auto standing = load(policy);
    const auto files = appliance::render(*load_in_force(policy, standing));
    for (const auto& [name, text] : files) write_whole(folder / name, text);
    remove_others(folder, files);
    if (!fs::exists(state)) return;
    // Whatever becomes of the policy's own copy later, no older disk counts again, and those who may sign one still do.
    appliance::keep_serial(state / serial_name, appliance::serial_in(policy));
    appliance::keep_administrators(state / administrators_name, administrators_in(*standing));
}

/// Of the policy in force; where that can't be loaded (a restore, a hand's mistake) of the last that could.
std::vector<std::string> who_may_sign(const std::string& policy, const fs::path& state)
try {
    return administrators_in(*load(policy));
} catch (const std::runtime_error& error) {
    std::cerr << "postern-machine: the policy in force can't be loaded, and the administrators count whom the last one "
                 "declared: "
              << error.what() << "\n";
    return appliance::remembered_administrators(state / administrators_name);
}

int verify_disk(const fs::path& folder, const std::string& policy, const fs::path& state)
{
    const auto keys = who_may_sign(policy, state);
    const auto last = std::max(appliance::serial_in(policy), appliance::remembered_serial(state / serial_name));
    const auto counts = appliance::verify_folder(folder, keys, last);
    if (!counts) {
        std::cerr << counts.error().describe() << "\n";
        return 1;
    }
    std::cout << "serial " << counts->serial << ", signed by " << counts->signer << "\n";
    return 0;
}

}  // namespace

int main(int count, char** arguments)
{
    const std::string_view word = count > 1 ? arguments[1] : "";
    const bool renders = word == "render" && (count == 4 || count == 5);
    const bool verifies = word == "verify-disk" && count >= 3 && count <= 5;
    if (!renders && !verifies) {
        std::cerr << "usage: postern-machine render POLICY FOLDER [STATE]\n"
                     "       postern-machine verify-disk FOLDER [POLICY [STATE]]\n";
        return 2;
    }
    try {
        const fs::path state = count == 5 ? arguments[4] : state_folder;
        if (verifies) return verify_disk(arguments[2], count > 3 ? arguments[3] : policy_in_force, state);
        render(arguments[2], arguments[3], state);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "postern-machine: " << error.what() << "\n";
        return 1;
    }
}
