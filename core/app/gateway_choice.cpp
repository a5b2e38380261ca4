#include "app/gateway_choice.hpp"

#include "policy/gateway_file.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <cstdlib>

namespace postern::app {

namespace {

std::string first_of(const std::string& said, const std::string& in_file)
{
    return said.empty() ? in_file : said;
}

/// "mx.cjsm.net", "mx.cjsm.net:8443", "[2001:db8::1]:8443".
Result<vocabulary::HostPort> host_and_port(const std::string& at)
{
    if (at.find('/') != at.npos || at.starts_with('.'))
        return fault(Retry::never, fmt::format("--at takes a gateway's name, not \"{}\"", at));
    if (at.find(':') == at.npos || at.ends_with(']'))
        return vocabulary::parse_host_port(fmt::format("{}:{}", at, control::RemoteEngine::usual_port));
    return vocabulary::parse_host_port(at);
}

}  // namespace

std::filesystem::path gateways_folder()
{
    if (const char* config = std::getenv("XDG_CONFIG_HOME"); config && *config)
        return std::filesystem::path(config) / "postern";
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home ? home : "/root") / ".config/postern";
}

Result<control::RemoteEngine> choose_gateway(const GatewayOptions& options, const std::filesystem::path& folder)
{
    const auto named = host_and_port(options.at);
    if (!named) return std::unexpected(named.error());
    const auto file = policy::read_gateway_file(folder / (named->host + ".yaml"));
    if (policy::has_errors(file.diagnostics))
        return fault(Retry::never, "the gateway's file is not right:\n" + policy::render(file.diagnostics, ""));
    const auto address = file.address.value_or(*named);
    return control::RemoteEngine{.host = address.host,
                                 .port = address.port,
                                 .name = named->host,
                                 .key = first_of(options.key, file.key),
                                 .certificate = first_of(options.certificate, file.certificate),
                                 .authority = first_of(options.authority, file.authority)};
}

}  // namespace postern::app
