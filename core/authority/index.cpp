#include "authority/index.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>

namespace postern::authority {

namespace {

namespace json = boost::json;

constexpr std::int64_t format = 1;

// Certificates know seconds, so the index does too: both say the same.
std::int64_t to_seconds(Instant at)
{
    return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
}

Instant from_seconds(std::int64_t seconds)
{
    return Instant{std::chrono::seconds{seconds}};
}

json::object to_json(const Certificate& certificate)
{
    json::object object{{"serial", certificate.serial},
                        {"names", json::array(certificate.names.begin(), certificate.names.end())},
                        {"use", name_of(certificate.use)},
                        {"not_before", to_seconds(certificate.not_before)},
                        {"not_after", to_seconds(certificate.not_after)},
                        {"sha256", certificate.sha256}};
    if (certificate.revoked) {
        object["revoked"] = to_seconds(*certificate.revoked);
        object["reason"] = certificate.reason;
    }
    return object;
}

std::string text_of(const json::value& value)
{
    return std::string(value.as_string());
}

bool is_serial(std::string_view text)
{
    return text.size() == 32 && text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

/// Throws for anything unexpected; parse_index turns that into a fault.
Certificate certificate_from(const json::object& object)
{
    Certificate certificate;
    certificate.serial = text_of(object.at("serial"));
    for (const auto& name : object.at("names").as_array()) certificate.names.push_back(text_of(name));
    const auto use = use_named(text_of(object.at("use")));
    if (!use || certificate.names.empty() || !is_serial(certificate.serial))
        throw std::runtime_error("a certificate without serial, name or use");
    certificate.use = *use;
    certificate.not_before = from_seconds(object.at("not_before").as_int64());
    certificate.not_after = from_seconds(object.at("not_after").as_int64());
    certificate.sha256 = text_of(object.at("sha256"));
    if (const auto* revoked = object.if_contains("revoked")) {
        certificate.revoked = from_seconds(revoked->as_int64());
        certificate.reason = text_of(object.at("reason"));
    }
    return certificate;
}

}  // namespace

std::string print_index(const Index& index)
{
    // One certificate a line, so that people and version control can read it.
    std::string text =
        fmt::format("{{\"format\": {}, \"list_number\": {}, \"certificates\": [", format, index.list_number);
    const char* separator = "\n";
    for (const auto& certificate : index.certificates) {
        text += separator + json::serialize(to_json(certificate));
        separator = ",\n";
    }
    return text + "\n]}\n";
}

Result<Index> parse_index(std::string_view text)
{
    try {
        const json::value document = json::parse(json::string_view(text.data(), text.size()));
        if (document.at("format").as_int64() > format)
            return fault(Retry::never, "was written by a newer postern; use that one");
        Index index;
        index.list_number = static_cast<std::uint64_t>(document.at("list_number").as_int64());
        for (const auto& entry : document.at("certificates").as_array())
            index.certificates.push_back(certificate_from(entry.as_object()));
        return index;
    } catch (const std::exception& error) {
        return fault(Retry::never, fmt::format("is not an index of certificates: {}", error.what()));
    }
}

}  // namespace postern::authority
