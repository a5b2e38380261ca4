#include "backup/shelf.hpp"

#include "backup/making.hpp"

#include <algorithm>
#include <sstream>

namespace postern::backup {

namespace fs = std::filesystem;

// "postern-GATEWAY-20261123T163702Z.backup".
std::optional<Instant> made_at(std::string_view name, const std::string& gateway)
{
    const std::string front = "postern-" + gateway + "-";
    constexpr std::size_t length = std::string_view("20261123T163702Z").size();
    if (!name.starts_with(front) || !name.ends_with(file_ending) ||
        name.size() != front.size() + length + file_ending.size())
        return std::nullopt;
    const auto digits = [&](std::size_t at, std::size_t count) -> int {
        int value = 0;
        for (const char c : name.substr(front.size() + at, count)) {
            if (c < '0' || c > '9') return -1;
            value = value * 10 + (c - '0');
        }
        return value;
    };
    using namespace std::chrono;
    const year_month_day date{year{digits(0, 4)}, month{static_cast<unsigned>(std::max(0, digits(4, 2)))},
                              day{static_cast<unsigned>(std::max(0, digits(6, 2)))}};
    const int h = digits(9, 2), m = digits(11, 2), s = digits(13, 2);
    if (!date.ok() || digits(0, 4) < 0 || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60) return std::nullopt;
    return sys_days{date} + hours{h} + minutes{m} + seconds{s};
}

Result<std::vector<Shelved>> shelved(const fs::path& folder, const std::string& gateway)
{
    std::vector<Shelved> all;
    std::error_code failed;
    for (auto entry = fs::directory_iterator(folder, failed); !failed && entry != fs::directory_iterator();
         entry.increment(failed)) {
        const auto name = entry->path().filename().string();
        if (const auto made = made_at(name, gateway)) all.push_back({name, *made});
    }
    if (failed) return fault(Retry::later, "can't be read: " + failed.message()).about(folder.string());
    std::ranges::sort(all, {}, &Shelved::made);
    return all;
}

void keep_newest(const fs::path& folder, const std::string& gateway, std::size_t keep)
{
    const auto all = shelved(folder, gateway);
    if (!all) return;
    std::error_code ignored;
    for (std::size_t i = 0; i + keep < all->size(); ++i) fs::remove(folder / (*all)[i].name, ignored);
}

Instant last_due(const std::vector<std::chrono::minutes>& at, Instant now)
{
    const auto today = std::chrono::floor<std::chrono::days>(now);
    for (auto time = at.rbegin(); time != at.rend(); ++time)
        if (today + *time <= now) return today + *time;
    return today - std::chrono::days{1} + at.back();
}

Instant next_due(const std::vector<std::chrono::minutes>& at, Instant now)
{
    const auto today = std::chrono::floor<std::chrono::days>(now);
    for (const auto& time : at)
        if (today + time > now) return today + time;
    return today + std::chrono::days{1} + at.front();
}

}  // namespace postern::backup
