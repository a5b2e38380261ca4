#include "control/file_sets.hpp"

#include "base/base64.hpp"
#include "base/text.hpp"

#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

Result<std::string> bytes_of(const json::value& value)
{
    if (value.is_string()) return std::string(value.get_string());
    if (value.is_object() && value.get_object().size() == 1)
        if (const auto* encoded = value.get_object().if_contains("base64"); encoded && encoded->is_string())
            if (auto bytes = from_base64(encoded->get_string())) return std::move(*bytes);
    return fault(Retry::never, "must be text, or {\"base64\": \"...\"} with whole base64");
}

}  // namespace

json::object files_json(const policy::FileSet& files)
{
    json::object all;
    for (const auto& [name, bytes] : files) {
        if (is_utf8(bytes))
            all[name] = bytes;
        else
            all[name] = {{"base64", to_base64(bytes)}};
    }
    return all;
}

Result<policy::FileSet> files_of(const json::value& files)
{
    if (!files.is_object()) return fault(Retry::never, "\"files\" must be an object of files by name");
    policy::FileSet all;
    for (const auto& [key, value] : files.get_object()) {
        const std::string name(key);
        if (!policy::is_policy_file(name)) return fault(Retry::never, "is no file of a policy").about(printable(name));
        auto bytes = bytes_of(value);
        if (!bytes) return fault(Retry::never, bytes.error().detail()).about(name);
        all.emplace(name, std::move(*bytes));
    }
    return all;
}

}  // namespace postern::control
