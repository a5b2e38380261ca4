// How long a policy of many members takes to load: cold, unchanged, and with one changed file.
//
// policy_load [ORGANISATIONS]: makes a community of that size (10000 where absent) in a temporary folder.
#include "policy/loader.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace fs = std::filesystem;
using namespace postern;

namespace {

void write(const fs::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

std::string organisation(std::size_t i, std::string_view name)
{
    return fmt::format(R"(# yaml-language-server: $schema=../../yaml-schema/organisation.schema.json
organisation: member-{0}
name: {1}
kind: server
kind_of_body: court
place: Northshire
users: listed
domains: [member-{0}.example, {{ domain: other-{0}.example, secure: o{0}.cjsm.net }}]
administrators: [clerk@member-{0}.example]
connects_from:
  networks: [10.{2}.{3}.0/28]
  certificate: {{ name: mail.member-{0}.example }}
deliver_to:
  hosts: ["mail.member-{0}.example:25"]
  tls: verify
limits: {{ message_size: 4 MiB }}
)",
                       i, name, i / 200 % 250, i % 200);
}

void make_community(const fs::path& directory, std::size_t size)
{
    fs::create_directories(directory / "organisations");
    write(directory / "node.yaml", R"(name: mx.cjsm.net
listeners: [{ name: members, address: "127.0.0.1:2525", clear_text: true }]
storage: { directory: state }
certificates: { members: members.pem }
control: { socket: state/control }
)");
    write(directory / "members.pem", "");
    write(directory / "routing.yaml", "community: { suffix: cjsm.net, operator: postmaster@cjsm.net }\n");
    for (std::size_t i = 0; i < size; ++i)
        write(directory / "organisations" / fmt::format("member-{}.yaml", i),
              organisation(i, fmt::format("Member {}", i)));
}

bool timed(policy::Loader& loader, const char* what, std::uint64_t generation)
{
    const auto start = std::chrono::steady_clock::now();
    auto loaded = loader.load(generation);
    const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
    fmt::print("{:12} {:8.1f} ms  {} files, {} read\n", what, spent.count(), loaded.files, loaded.files_read);
    if (!loaded.snapshot) fmt::print("{}", policy::render(loaded.diagnostics, "policy"));
    return loaded.snapshot != nullptr;
}

}  // namespace

int main(int count, char** arguments)
{
    const std::size_t size = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000;
    const auto directory = fs::temp_directory_path() / fmt::format("postern-bench-{}", ::getpid());
    make_community(directory, size);
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    bool fine = true;
    {
        policy::Loader loader(directory);
        fine &= timed(loader, "cold", 1);
        fine &= timed(loader, "unchanged", 2);
        write(directory / "organisations/member-0.yaml", organisation(0, "Renamed"));
        fine &= timed(loader, "one changed", 3);
    }
    fs::remove_all(directory);
    return fine ? 0 : 1;
}
