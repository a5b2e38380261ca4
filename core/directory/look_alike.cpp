#include "directory/look_alike.hpp"

#include "base/text.hpp"

#include <unicode/uspoof.h>
#include <unicode/ustring.h>
#include <algorithm>
#include <memory>
#include <stdexcept>

namespace postern::directory {

namespace {

struct Close {
    void operator()(USpoofChecker* checker) const noexcept { uspoof_close(checker); }
};
using Checker = std::unique_ptr<USpoofChecker, Close>;

void require(UErrorCode failed)
{
    if (U_FAILURE(failed)) throw std::runtime_error(std::string("ICU's spoof checker: ") + u_errorName(failed));
}

/// Thread-safe once it is made; its tables are the library's own.
const USpoofChecker* checker()
{
    static const Checker made = [] {
        UErrorCode failed = U_ZERO_ERROR;
        Checker opened(uspoof_open(&failed));
        require(failed);
        uspoof_setChecks(opened.get(), USPOOF_RESTRICTION_LEVEL | USPOOF_INVISIBLE, &failed);
        uspoof_setRestrictionLevel(opened.get(), USPOOF_HIGHLY_RESTRICTIVE);
        require(failed);
        return opened;
    }();
    return made.get();
}

/// Without case, in Unicode's way (RFC 6531 local parts).
std::string folded(std::string_view text)
{
    UErrorCode failed = U_ZERO_ERROR;
    std::u16string wide(text.size(), u'\0'), lower(text.size() * 3 + 1, u'\0');
    std::int32_t size = 0;
    u_strFromUTF8(wide.data(), static_cast<std::int32_t>(wide.size()), &size, text.data(),
                  static_cast<std::int32_t>(text.size()), &failed);
    size = u_strFoldCase(lower.data(), static_cast<std::int32_t>(lower.size()), wide.data(), size, U_FOLD_CASE_DEFAULT,
                         &failed);
    std::string out(static_cast<std::size_t>(size) * 3, '\0');
    std::int32_t bytes = 0;
    u_strToUTF8(out.data(), static_cast<std::int32_t>(out.size()), &bytes, lower.data(), size, &failed);
    require(failed);
    out.resize(static_cast<std::size_t>(bytes));
    return out;
}

bool is_ascii(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::string looks_of(std::string_view local)
{
    if (local.empty() || !is_utf8(local)) return std::string(local);
    const auto small = is_ascii(local) ? to_lower(local) : folded(local);
    UErrorCode failed = U_ZERO_ERROR;
    // One character may look like several ("m" like "rn"), each of at most four bytes.
    std::string skeleton(small.size() * 24 + 16, '\0');
    const auto size = uspoof_getSkeletonUTF8(checker(), 0, small.data(), static_cast<std::int32_t>(small.size()),
                                             skeleton.data(), static_cast<std::int32_t>(skeleton.size()), &failed);
    require(failed);
    skeleton.resize(static_cast<std::size_t>(size));
    // A nought looks like a capital O.
    return is_ascii(skeleton) ? to_lower(skeleton) : folded(skeleton);
}

std::string looks_as_written(std::string_view local)
{
    std::string written(local);
    std::ranges::replace(written, 'I', 'l');
    return looks_of(written);
}

std::string suspicious_letters(std::string_view local)
{
    if (is_ascii(local) || !is_utf8(local)) return {};
    UErrorCode failed = U_ZERO_ERROR;
    const auto found =
        uspoof_checkUTF8(checker(), local.data(), static_cast<std::int32_t>(local.size()), nullptr, &failed);
    require(failed);
    if ((found & USPOOF_INVISIBLE) != 0) return "it holds marks that nobody sees";
    if ((found & USPOOF_RESTRICTION_LEVEL) != 0) return "it mixes letters of several scripts";
    return {};
}

}  // namespace postern::directory
