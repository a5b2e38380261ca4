// room: control
// Files of a policy as an administrator's client sends them, and lists of files as the archive keeps them.
//
// What is taken must be names that stay in the policy's folders, and must come back as it went in.
#include "control/file_sets.hpp"
#include "gateway/archive.hpp"

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace postern;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto entries = gateway::read_list(text))
        for (const auto& entry : *entries)
            if (entry.digest.size() != 32 || (entry.is_list && !entry.name.empty())) std::abort();
    boost::system::error_code failed;
    const auto value = boost::json::parse(text, failed);
    if (failed) return 0;
    const auto files = control::files_of(value);
    if (!files) return 0;
    for (const auto& [name, bytes] : *files)
        if (!policy::is_policy_file(name) || name.find("..") == 0 || name.front() == '/') std::abort();
    if (control::files_of(control::files_json(*files)).value() != *files) std::abort();
    return 0;
}
