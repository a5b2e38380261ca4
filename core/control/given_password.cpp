#include "control/given_password.hpp"

#include <fmt/format.h>

namespace postern::control {

boost::json::object given_json(const directory::GivenPassword& given)
{
    return {{"user_name", given.user_name},
            {"one_time_password", given.password},
            {"valid_until", to_iso8601(given.valid_until)}};
}

std::string given_text(const directory::GivenPassword& given)
{
    return fmt::format("user name          {}\none-time password  {}\ngood until         {}", given.user_name,
                       given.password, to_iso8601(given.valid_until));
}

}  // namespace postern::control
