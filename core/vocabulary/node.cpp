#include "vocabulary/node.hpp"

#include "base/base64.hpp"

namespace postern::vocabulary {

bool is_backup_key(std::string_view text)
{
    if (!text.starts_with(backup_key_word)) return false;
    const auto bytes = from_base64(text.substr(backup_key_word.size()));
    return bytes && bytes->size() == 32;
}

}  // namespace postern::vocabulary
