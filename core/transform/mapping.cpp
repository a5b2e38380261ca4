// Domains and their secure forms. A member has few domains, so they are simply looked through.
#include "transform/mapping.hpp"

#include "base/text.hpp"

namespace postern::transform {

namespace {

using mail::Domain;
using vocabulary::MappedDomain;
using vocabulary::Organisation;

/// What follows the domain in its secure form, with the dot: ".cjsm.net". Empty if that is not how it is mapped.
std::string_view suffix_of(const MappedDomain& mapped) noexcept
{
    const std::string_view secure = mapped.secure.text();
    const std::string_view domain = mapped.domain.text();
    if (secure.size() <= domain.size() + 1 || secure[domain.size()] != '.') return {};
    return iequals(secure.substr(0, domain.size()), domain) ? secure.substr(domain.size()) : std::string_view{};
}

/// The declared text, or its A-labels where what it replaces is ASCII: an edit must not make a message need SMTPUTF8.
std::string declared(const Domain& form, const Domain& replaced)
{
    return is_ascii(replaced.text()) ? (is_ascii(form.text()) ? form.text() : form.key()) : form.text();
}

const MappedDomain* find_outside_form(const Domain& domain, const Organisation& of) noexcept
{
    const MappedDomain* found = nullptr;
    for (const MappedDomain& mapped : of.domains) {
        if (mapped.secure == domain) return nullptr;
        if (mapped.domain == domain) found = &mapped;
    }
    return found;
}

std::optional<mail::Address> moved(const mail::Address& address, const std::string& domain_text)
{
    auto domain = Domain::parse(domain_text);
    if (!domain) return std::nullopt;
    return address.at(std::move(*domain));
}

}  // namespace

bool owns(const Organisation& organisation, const Domain& domain) noexcept
{
    for (const MappedDomain& mapped : organisation.domains)
        if (mapped.secure == domain || mapped.domain == domain) return true;
    return false;
}

std::string inside_text(const Domain& domain, const Organisation& of)
{
    const MappedDomain* mapped = find_outside_form(domain, of);
    if (mapped == nullptr) return {};
    const std::string_view suffix = suffix_of(*mapped);
    if (!suffix.empty() && is_ascii(suffix) && iequals(domain.text(), mapped->domain.text()))
        return domain.text() + std::string(suffix);
    return declared(mapped->secure, domain);
}

std::string outside_text(const Domain& domain, const Organisation& of)
{
    for (const MappedDomain& mapped : of.domains) {
        if (mapped.secure != domain || mapped.domain == domain) continue;
        if (!suffix_of(mapped).empty() && iequals(domain.text(), mapped.secure.text()))
            return domain.text().substr(0, mapped.domain.text().size());
        return declared(mapped.domain, domain);
    }
    return {};
}

std::optional<mail::Address> inside(const mail::Address& address, const Organisation& of)
{
    const std::string text = inside_text(address.domain(), of);
    if (!text.empty()) return moved(address, text);
    if (owns(of, address.domain())) return address;
    return std::nullopt;
}

std::optional<mail::Address> outside(const mail::Address& address, const Organisation& of)
{
    const std::string text = outside_text(address.domain(), of);
    if (!text.empty()) return moved(address, text);
    if (owns(of, address.domain())) return address;
    return std::nullopt;
}

}  // namespace postern::transform
