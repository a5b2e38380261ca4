#include "base/unseen.hpp"

namespace postern {

std::size_t unseen(std::string_view text) noexcept
{
    const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lies = [at](std::size_t i, unsigned char first, unsigned char last) {
        return at(i) >= first && at(i) <= last;
    };
    if (text.size() >= 2 && at(0) == 0xc2 && (lies(1, 0x80, 0x9f) || at(1) == 0xad)) return 2;
    if (text.size() < 3) return 0;
    const bool found = (at(0) == 0xe2 && at(1) == 0x80 && (lies(2, 0x8b, 0x8f) || lies(2, 0xaa, 0xae))) ||
                       (at(0) == 0xe2 && at(1) == 0x81 && lies(2, 0xa0, 0xaf)) ||
                       (at(0) == 0xef && at(1) == 0xb8 && lies(2, 0x80, 0x8f)) ||
                       (at(0) == 0xef && at(1) == 0xbb && at(2) == 0xbf);
    return found ? 3 : 0;
}

}  // namespace postern
