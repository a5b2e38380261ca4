#include "base/ids.hpp"

#include <sys/random.h>
#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <stdexcept>

namespace postern {

namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// getrandom costs a system call; a per-thread reserve makes it one for 25 ids.
std::array<std::uint8_t, 10> random_tail()
{
    thread_local std::array<std::uint8_t, 250> reserve;
    thread_local std::size_t used = reserve.size();
    if (used == reserve.size()) {
        if (getrandom(reserve.data(), reserve.size(), 0) != static_cast<ssize_t>(reserve.size()))
            throw std::runtime_error("getrandom failed");
        used = 0;
    }
    std::array<std::uint8_t, 10> tail;
    std::copy_n(reserve.begin() + static_cast<std::ptrdiff_t>(used), tail.size(), tail.begin());
    used += tail.size();
    return tail;
}

}  // namespace

std::string make_message_id(Instant at)
{
    const auto millis =
        static_cast<std::uint64_t>(std::chrono::floor<std::chrono::milliseconds>(at).time_since_epoch().count());
    std::string id(26, '0');
    for (std::size_t i = 0; i < 10; ++i) id[i] = alphabet[(millis >> (45 - 5 * i)) & 31];
    const auto tail = random_tail();
    for (std::size_t i = 0; i < 16; ++i) {
        const std::size_t bit = i * 5;
        const unsigned pair =
            static_cast<unsigned>(tail[bit / 8]) << 8 | (bit / 8 + 1 < tail.size() ? tail[bit / 8 + 1] : 0u);
        id[10 + i] = alphabet[(pair >> (11 - bit % 8)) & 31];
    }
    return id;
}

bool is_message_id(std::string_view text) noexcept
{
    return text.size() == 26 && std::ranges::all_of(text, [](char c) { return alphabet.find(c) != alphabet.npos; });
}

}  // namespace postern
