#include "net/openssl.hpp"

#include <openssl/err.h>
#include <cstring>

namespace postern::net {

std::string openssl_error(const char* otherwise)
{
    const unsigned long error = ERR_get_error();
    ERR_clear_error();
    if (error == 0) return otherwise;
    if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
    const char* reason = ERR_reason_error_string(error);
    return reason != nullptr ? reason : otherwise;
}

}  // namespace postern::net
