#include "control/file_sets.hpp"

#include "base/text.hpp"

#include <openssl/evp.h>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

std::string to_base64(const std::string& bytes)
{
    std::string text((bytes.size() + 2) / 3 * 4, '\0');  // and the zero that OpenSSL writes behind it
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                    static_cast<int>(bytes.size()));
    return text;
}

Result<std::string> from_base64(std::string_view text)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    // OpenSSL passes over blanks and takes "=" anywhere.
    if (text.size() % 4 != 0 || text.find_first_not_of(alphabet) < text.size() - padding)
        return fault(Retry::never, "is no base64");
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return fault(Retry::never, "is no base64");
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

Result<std::string> bytes_of(const json::value& value)
{
    if (value.is_string()) return std::string(value.get_string());
    if (value.is_object() && value.get_object().size() == 1)
        if (const auto* encoded = value.get_object().if_contains("base64"); encoded && encoded->is_string())
            return from_base64(encoded->get_string());
    return fault(Retry::never, "must be text, or {\"base64\": \"...\"}");
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
