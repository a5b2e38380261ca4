#include "app/commands.hpp"
#include "appliance/signed_folder.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace postern::app {

namespace {

namespace fs = std::filesystem;

struct Options {
    std::string folder, key;
    std::uint64_t serial = 0;
};

/// Runs a program of this machine with the terminal, for its questions; false, and said why, where it fails.
bool run(Context& context, std::vector<std::string> words)
{
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    if (const int failed = ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ);
        failed != 0)
        return fail(context,
                    fmt::format("{} can't be started ({}); it comes with OpenSSH", words[0], std::strerror(failed))),
               false;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    return fail(context, words[0] + " made no signature"), false;
}

void sign(Context& context, const Options& options)
{
    const fs::path folder = options.folder;
    const auto before = appliance::serial_in(folder);
    const auto serial = options.serial > 0 ? options.serial : before + 1;
    const auto text = appliance::make_manifest(folder, serial);
    if (!text) return fail(context, text.error().describe());
    const auto manifest = folder / appliance::manifest_name;
    std::error_code ignored;
    fs::remove(folder / appliance::signature_name, ignored);
    {
        std::ofstream file(manifest, std::ios::binary | std::ios::trunc);
        file << *text;
        file.close();
        if (!file) return fail(context, manifest.string() + ": can't be written");
    }
    if (!run(context, {"ssh-keygen", "-q", "-Y", "sign", "-n", std::string(appliance::signature_namespace), "-f",
                       options.key, manifest.string()}))
        return;
    std::cout << fmt::format("{} is signed with serial {}: put it on a disk with the label POSTERN as postern/\n",
                             folder.string(), serial);
}

}  // namespace

void add_configuration_commands(CLI::App& app, Context& context)
{
    auto* configuration = app.add_subcommand("configuration", "disks that configure an appliance");
    configuration->require_subcommand(1);
    auto options = std::make_shared<Options>();
    auto* command = configuration->add_subcommand(
        "sign", "sign a policy's folder, so that an appliance takes it from a disk after its first start");
    command->add_option("FOLDER", options->folder, "the policy: it gets manifest and manifest.sig")->required();
    command
        ->add_option(
            "--key", options->key,
            "your SSH key (ssh-ed25519), or its .pub where an agent holds it; node.yaml names it under machine: "
            "administrators")
        ->required();
    command->add_option("--serial", options->serial,
                        "higher than any before; one more than the folder's last where absent");
    command->callback([&context, options] { sign(context, *options); });
}

}  // namespace postern::app
