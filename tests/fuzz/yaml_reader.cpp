// Any bytes as a policy file: the YAML reader and every typed reader behind it.
// room: policy
#include "policy/yaml_reader.hpp"
#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <cstddef>
#include <cstdint>

using namespace postern::policy;

namespace {

/// Conditions must bear being looked at.
void ask(const When& when)
{
    if (when.condition) static_cast<void>(keeps_mail_inside(*when.condition));
}

}  // namespace

/// The first byte chooses the kind of file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    Diagnostics diagnostics;
    Source source("fuzzed.yaml", bytes, diagnostics);
    if (const auto tree = read_yaml(source)) {
        switch (data[0] % 7) {
            case 0:
                static_cast<void>(read_node_file(source, *tree, "/etc/postern"));
                break;
            case 1:
                for (const auto& route : read_routing_file(source, *tree, "/etc/postern").routes) ask(route.when);
                break;
            case 2:
                for (const auto& tag : read_tagging_file(source, *tree).tags) ask(tag.when);
                break;
            case 3:
                for (const auto& limit : read_limits_file(source, *tree).limits) ask(limit.when);
                break;
            case 4:
                for (const auto& rule : read_permissions_file(source, *tree, "/etc/postern").mail) ask(rule.when);
                break;
            case 5:
                for (const auto& rule : read_content_file(source, *tree).rules) ask(rule.when);
                break;
            default:
                static_cast<void>(read_organisation_file(source, *tree, "/etc/postern"));
                break;
        }
    }
    static_cast<void>(render(diagnostics, "rules"));
    static_cast<void>(render_json(diagnostics));
    return 0;
}
