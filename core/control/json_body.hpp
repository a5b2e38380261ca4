// Fields of a request's JSON, read forgivingly: what is not there or of another kind is empty, and its handler says
// what it needs. Pure; any thread.
#pragma once

#include "control/http.hpp"

#include <boost/json/object.hpp>
#include <map>
#include <string>

namespace postern::control {

/// Empty where it is no object.
[[nodiscard]] boost::json::object object_in(const std::string& body);
[[nodiscard]] std::string text_in(const boost::json::object& object, const char* name);
[[nodiscard]] bool flag_in(const boost::json::object& object, const char* name);
[[nodiscard]] std::map<std::string, std::string> texts_in(const boost::json::object& object, const char* name);

/// One of the query; empty where it is not there.
[[nodiscard]] std::string parameter(const Request& request, const char* name);

/// 400 where nothing else is said.
[[nodiscard]] Response wrong(const Request& request, const std::string& what, unsigned status = 400);
/// The text, or the object with "done": true.
[[nodiscard]] Response done(const Request& request, const std::string& text, boost::json::object object = {});

}  // namespace postern::control
