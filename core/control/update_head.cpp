#include "control/update_head.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cstdint>

namespace postern::control {

namespace {

constexpr std::size_t block = 512;
// No manifest and no signature is larger, bytes.
constexpr std::uint64_t most = 64 * 1024;

std::string_view text_of(std::string_view field)
{
    return field.substr(0, field.find('\0'));
}

/// The content of the archive's next member, which must have this name; takes it from the front.
Result<std::string> take_member(std::string_view& front, std::string_view name)
{
    const auto none = [&] { return fault(Retry::never, fmt::format("this is no update: it has no {}", name)); };
    if (front.size() < block || front.substr(257, 5) != "ustar" || text_of(front.substr(0, 100)) != name) return none();
    const auto digits = text_of(front.substr(124, 12));
    std::uint64_t size = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), size, 8);
    if (read.ec != std::errc{} || size > most) return none();
    front.remove_prefix(block);
    if (front.size() < size) return fault(Retry::never, fmt::format("this is no update, or its {} breaks off", name));
    std::string content(front.substr(0, size));
    front.remove_prefix(std::min(front.size(), (size + block - 1) / block * block));
    return content;
}

}  // namespace

Result<UpdateHead> read_update_head(std::string_view front)
{
    auto manifest = take_member(front, "manifest");
    if (!manifest) return std::unexpected(manifest.error());
    auto signature = take_member(front, "manifest.sig");
    if (!signature) return std::unexpected(signature.error());
    return UpdateHead{std::move(*manifest), std::move(*signature)};
}

}  // namespace postern::control
