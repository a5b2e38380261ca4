// Logins that Postern says to others, from the secrets file. Never logged, shown or sent but over verified TLS.
#pragma once

#include <map>
#include <string>

namespace postern::vocabulary {

struct Login {
    std::string user;
    std::string password;
};

/// By the name that a route's `credentials:` gives.
using Logins = std::map<std::string, Login>;

}  // namespace postern::vocabulary
