#include "mail/file_name.hpp"

#include "base/text.hpp"
#include "base/unseen.hpp"
#include "mail/charset.hpp"

#include <cstddef>

namespace postern::mail {

namespace {

constexpr std::string_view stream = "::$DATA";

bool is_control(char c)
{
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void drop_end(std::string& name)
{
    for (std::size_t before = name.size() + 1; name.size() < before;) {
        before = name.size();
        while (name.ends_with('.') || name.ends_with(' ')) name.pop_back();
        if (name.size() >= stream.size() && iequals(std::string_view(name).substr(name.size() - stream.size()), stream))
            name.resize(name.size() - stream.size());
    }
}

}  // namespace

std::string stored_name(std::string_view raw)
{
    std::string text;
    append_utf8(text, raw);
    std::string name;
    for (std::string_view rest = text; !rest.empty();) {
        const auto skip = is_control(rest.front()) ? 1 : unseen(rest);
        if (skip == 0) name.push_back(rest.front());
        rest.remove_prefix(skip == 0 ? 1 : skip);
    }
    drop_end(name);
    return name;
}

}  // namespace postern::mail
