#include "control/json_body.hpp"

#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

json::object object_in(const std::string& body)
{
    boost::system::error_code malformed;
    auto value = json::parse(body, malformed);
    return malformed || !value.is_object() ? json::object{} : std::move(value.get_object());
}

std::string text_in(const json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

bool flag_in(const json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::map<std::string, std::string> texts_in(const json::object& object, const char* name)
{
    std::map<std::string, std::string> texts;
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_object()) return texts;
    for (const auto& item : value->get_object())
        if (item.value().is_string()) texts[std::string(item.key())] = std::string(item.value().get_string());
    return texts;
}

std::string parameter(const Request& request, const char* name)
{
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string{} : found->second;
}

Response wrong(const Request& request, const std::string& what, unsigned status)
{
    return Response::error(status, what, request.wants_text);
}

Response done(const Request& request, const std::string& text, json::object object)
{
    if (request.wants_text) return Response::text(text + "\n");
    object["done"] = true;
    return Response::json(object);
}

}  // namespace postern::control
