#include "scan/zip_directory.hpp"

#include <algorithm>
#include <cstdint>

namespace postern::scan {

namespace {

using std::string_view_literals::operator""sv;

constexpr auto entry_mark = "PK\x01\x02"sv;
constexpr auto end_mark = "PK\x05\x06"sv;
constexpr std::size_t entry_size = 46, end_size = 22;
constexpr std::uint32_t elsewhere = 0xffffffff;

std::uint32_t number_at(std::string_view bytes, std::size_t place, std::size_t size)
{
    std::uint32_t value = 0;
    for (std::size_t i = size; i > 0; --i) value = value << 8U | static_cast<unsigned char>(bytes[place + i - 1]);
    return value;
}

ZipEntry read_entry(std::string_view bytes)
{
    ZipEntry entry;
    entry.method = number_at(bytes, 10, 2);
    for (const std::size_t place : {20U, 24U, 42U})
        entry.zip64 = entry.zip64 || number_at(bytes, place, 4) == elsewhere;
    entry.name = bytes.substr(entry_size, number_at(bytes, 28, 2));
    return entry;
}

std::size_t length_of(std::string_view bytes)
{
    return entry_size + number_at(bytes, 28, 2) + number_at(bytes, 30, 2) + number_at(bytes, 32, 2);
}

bool begins_with_entry(std::string_view bytes)
{
    return bytes.size() >= entry_size && bytes.starts_with(entry_mark);
}

// From its last bytes back; what stands in front of the zip does not matter.
std::string_view by_its_end(std::string_view bytes)
{
    const auto end = bytes.rfind(end_mark);
    if (end == std::string_view::npos || bytes.size() - end < end_size) return {};
    const std::size_t size = number_at(bytes, end + 12, 4);
    if (size > end) return {};
    const auto directory = bytes.substr(end - size, size);
    return begins_with_entry(directory) ? directory : std::string_view{};
}

}  // namespace

std::vector<ZipEntry> zip_directory(std::string_view bytes, std::size_t most)
{
    std::vector<ZipEntry> entries;
    const auto directory = by_its_end(bytes);
    const bool searches = directory.empty();
    auto rest = searches ? bytes : directory;
    while (entries.size() < most) {
        if (searches) {
            const auto found = rest.find(entry_mark);
            if (found == std::string_view::npos) break;
            rest.remove_prefix(found);
        }
        if (!begins_with_entry(rest)) break;
        entries.push_back(read_entry(rest));
        rest.remove_prefix(std::min(rest.size(), searches ? entry_mark.size() : length_of(rest)));
    }
    return entries;
}

}  // namespace postern::scan
