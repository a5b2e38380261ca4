// One pass over the addresses that the mail room finds; a field without any of ours is not copied.
#include "transform/addresses.hpp"

namespace postern::transform {

void rewrite_addresses(mail::HeaderEditor& editor, std::size_t index, const vocabulary::Organisation& of,
                       DomainText replacement)
{
    const std::string_view value = editor.value(index);
    if (value.find('@') == value.npos) return;
    std::string rewritten;
    std::size_t copied = 0;
    for (const mail::AddressPlace& place : mail::find_addresses(value).places) {
        const std::string domain = replacement(place.address.domain(), of);
        if (domain.empty()) continue;
        rewritten += value.substr(copied, place.domain_offset - copied);
        rewritten += domain;
        copied = place.domain_offset + place.domain_size;
    }
    if (copied == 0) return;
    rewritten += value.substr(copied);
    editor.set_value(index, std::move(rewritten));
}

}  // namespace postern::transform
