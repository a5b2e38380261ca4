// A one-time password as it is shown, once, to whoever gives it.
#pragma once

#include "directory/logins.hpp"

#include <boost/json/object.hpp>
#include <string>

namespace postern::control {

[[nodiscard]] boost::json::object given_json(const directory::GivenPassword& given);
[[nodiscard]] std::string given_text(const directory::GivenPassword& given);

}  // namespace postern::control
