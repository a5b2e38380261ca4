#include "policy/domain_index.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

/// With a local part of 64 bytes and "@" an address has at most 254 (RFC 5321 section 4.5.3.1).
constexpr std::size_t longest_domain = 254 - 64 - 1;

/// The form inside, or nothing after an error.
std::optional<mail::Domain> inside_form(Source& source, const DomainEntry& entry, const mail::Domain& suffix)
{
    const std::string text = !entry.label.empty() ? entry.label + "." + suffix.text()
                             : entry.secure       ? entry.secure->text()
                                                  : entry.outside->text() + "." + suffix.text();
    auto inside = mail::Domain::parse(text);
    if (!inside || inside->key().size() > longest_domain || text.size() > longest_domain) {
        source.error(entry.place,
                     fmt::format("\"{}\" is too long for a domain of addresses ({} bytes at most)", printable(text, 80),
                                 longest_domain),
                     "declare a shorter one: { domain: ..., secure: ... }");
        return {};
    }
    if (!inside->is_below(suffix.key())) {
        source.error(entry.place, fmt::format("\"{}\" is not below the community's suffix {}", text, suffix.text()),
                     fmt::format("secure: NAME.{}", suffix.text()));
        return {};
    }
    return std::move(*inside);
}

/// Whether the outside domain may be a member's.
bool outside_is_fine(Source& source, const DomainEntry& entry, const mail::Domain& suffix)
{
    const auto& outside = *entry.outside;
    if (outside.is_literal()) return false;
    if (outside.key().find('.') == std::string::npos) {
        source.error(entry.place, fmt::format("\"{}\" is a single label", outside.text()), "name a whole domain");
        return false;
    }
    if (outside == suffix || outside.is_below(suffix.key())) {
        source.error(entry.place, fmt::format("\"{}\" is inside the community already", outside.text()),
                     "name the domain that the member uses outside; a member hosted here may have { label: NAME }");
        return false;
    }
    return true;
}

/// Where a mapped domain was declared.
Place place_of(const FileOf<OrganisationFile>& file, const vocabulary::MappedDomain& mapped)
{
    for (const auto& entry : file.document->domains) {
        const bool labelled = !entry.label.empty() && mapped.secure.text().starts_with(entry.label + ".");
        const bool named =
            entry.outside && *entry.outside == mapped.domain && (!entry.secure || *entry.secure == mapped.secure);
        if (mapped.domain == mapped.secure ? labelled : named) return entry.place;
    }
    return file.document->id;
}

}  // namespace

void DomainIndex::map_domains(const FileOf<OrganisationFile>& file, const mail::Domain& suffix,
                              vocabulary::Organisation& organisation, Diagnostics& diagnostics)
{
    Source source(file.file, file.bytes, diagnostics);
    organisation.domains.reserve(file.document->domains.size());
    for (const auto& entry : file.document->domains) {
        const bool label = !entry.label.empty();
        if (!label && (!entry.outside || !outside_is_fine(source, entry, suffix))) continue;
        auto inside = inside_form(source, entry, suffix);
        if (!inside) continue;
        auto outside = label ? *inside : *entry.outside;
        organisation.domains.push_back({std::move(outside), std::move(*inside)});
    }
}

void DomainIndex::build(const PolicyFiles& files, const std::vector<vocabulary::Organisation>& organisations,
                        Diagnostics& diagnostics)
{
    owners_.reserve(organisations.size() * 3);
    const auto claim = [&](const mail::Domain& domain, Owner owner) {
        const auto [first, fresh] = owners_.try_emplace(domain.key(), owner);
        if (fresh) return true;
        const auto& mine = files.organisations[owner.organisation];
        const auto& other = files.organisations[first->second.organisation];
        const auto& others_domain = organisations[first->second.organisation].domains[first->second.domain];
        Source(mine.file, mine.bytes, diagnostics)
            .error(place_of(mine, organisations[owner.organisation].domains[owner.domain]),
                   fmt::format("the domain \"{}\" has two owners", domain.text()),
                   fmt::format("the other is {}:{}", other.file, place_of(other, others_domain).line));
        return false;
    };
    for (std::uint32_t o = 0; o < organisations.size(); ++o)
        for (std::uint32_t d = 0; d < organisations[o].domains.size(); ++d) {
            const auto& mapped = organisations[o].domains[d];
            if (claim(mapped.secure, {o, d, true}) && !(mapped.domain == mapped.secure))
                claim(mapped.domain, {o, d, false});
        }
}

std::optional<DomainIndex::Owner> DomainIndex::find(std::string_view key) const noexcept
{
    const auto found = owners_.find(key);
    return found == owners_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace postern::policy
