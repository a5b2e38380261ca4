#include "policy/compiler.hpp"

#include "base/text.hpp"
#include "policy/compiled_snapshot.hpp"
#include "policy/rule_check.hpp"
#include "policy/secrets_file.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

namespace postern::policy {

namespace {

using vocabulary::Organisation;

template <class Document>
Source source_of(const FileOf<Document>& file, Diagnostics& diagnostics)
{
    return Source(file.file, file.bytes, diagnostics);
}

/// Organisations with their domains, as the files stand; those that could not be read are left out of `files`.
std::vector<Organisation> build_organisations(const PolicyFiles& files, const std::optional<mail::Domain>& suffix,
                                              Diagnostics& diagnostics)
{
    std::vector<Organisation> organisations;
    organisations.reserve(files.organisations.size());
    for (const auto& file : files.organisations) {
        organisations.push_back(file.document->organisation);
        if (suffix) DomainIndex::map_domains(file, *suffix, organisations.back(), diagnostics);
    }
    return organisations;
}

void index_ids(const PolicyFiles& files, Compiled& compiled, Diagnostics& diagnostics)
{
    compiled.by_id.reserve(compiled.organisations.size());
    for (std::uint32_t o = 0; o < compiled.organisations.size(); ++o) {
        const auto& id = compiled.organisations[o].id;
        const auto& file = files.organisations[o];
        compiled.deliver_rules.push_back(fmt::format("{}:{} deliver_to", file.file, file.document->deliver_to.line));
        const auto [first, fresh] = compiled.by_id.try_emplace(id, o);
        if (fresh || id.empty()) continue;
        source_of(file, diagnostics)
            .error(file.document->id, fmt::format("two organisations are called \"{}\"", id),
                   fmt::format("the other is {}", files.organisations[first->second].file));
    }
}

/// Administrators have addresses in their own organisation's domains; those of members hosted here may be directly
/// under the suffix.
void check_administrators(const FileOf<OrganisationFile>& file, const Organisation& organisation,
                          const mail::Domain& suffix, Diagnostics& diagnostics)
{
    for (std::size_t i = 0; i < organisation.administrators.size(); ++i) {
        const auto& domain = organisation.administrators[i].domain();
        const bool own = std::ranges::any_of(organisation.domains,
                                             [&](const auto& d) { return d.domain == domain || d.secure == domain; });
        if (own || (organisation.kind == vocabulary::Kind::mailbox && domain == suffix)) continue;
        source_of(file, diagnostics)
            .error(file.document->administrators[i],
                   fmt::format("administrator {} is not in the organisation's domains",
                               printable(organisation.administrators[i].text())),
                   "administrators are the organisation's own people");
    }
}

/// What organisations need from node.yaml.
void check_authorities(const PolicyFiles& files, Diagnostics& diagnostics)
{
    if (!files.node.document || !files.node.document->node.authorities.empty()) return;
    for (const auto& file : files.organisations) {
        const auto& proof = file.document->organisation.connects_from;
        if (proof && proof->certificate && !proof->certificate->name.empty())
            return source_of(file, diagnostics)
                .error(file.document->proof, "a certificate name proves nothing without an authority",
                       "declare certificates: { members: ca.pem } in node.yaml");
    }
}

void check_hosted_members(const PolicyFiles& files, Diagnostics& diagnostics)
{
    if (!files.node.document || files.node.document->node.mailboxes) return;
    std::vector<std::string> hosted;
    for (const auto& file : files.organisations)
        if (file.document->organisation.kind == vocabulary::Kind::mailbox)
            hosted.push_back(file.document->organisation.id);
    if (hosted.empty()) return;
    const auto more = hosted.size() > 3 ? fmt::format(" and {} more", hosted.size() - 3) : std::string{};
    if (hosted.size() > 3) hosted.resize(3);
    source_of(files.node, diagnostics)
        .warning({},
                 fmt::format("no \"mailboxes\" are declared: mail for {}{} has nowhere to go", fmt::join(hosted, ", "),
                             more),
                 "mailboxes: { lmtp: /run/dovecot/lmtp }");
}

/// The names that the service itself goes by: nobody else's, and inside the community.
void check_own_names(const PolicyFiles& files, const Compiled& compiled, const mail::Domain& suffix,
                     Diagnostics& diagnostics)
{
    if (files.node.document)
        if (const auto name = mail::Domain::parse(files.node.document->node.name);
            name && compiled.domains.find(name->key()))
            source_of(files.node, diagnostics)
                .error({}, fmt::format("\"{}\" is this machine's name and a member's domain", name->text()),
                       "choose another name for one of them");
    const auto& community = files.routing.document->community;
    if (!community.operator_address) return;
    const auto& domain = community.operator_address->domain();
    const auto owner = compiled.domains.find(domain.key());
    if (domain == suffix || (owner && owner->inside)) return;
    source_of(files.routing, diagnostics)
        .error(
            community.operator_place,
            fmt::format("the operator {} is not inside the community", printable(community.operator_address->text())),
            fmt::format("write postmaster@{}", suffix.text()));
}

/// Parts of organisations: of one that there is, and in no circle.
void check_parts(const PolicyFiles& files, const Compiled& compiled, Diagnostics& diagnostics)
{
    const auto above = [&](const std::string& id) -> const std::string& {
        static const std::string none;
        const auto found = compiled.by_id.find(id);
        return found == compiled.by_id.end() ? none : compiled.organisations[found->second].part_of;
    };
    for (const auto& file : files.organisations) {
        const auto& organisation = file.document->organisation;
        if (organisation.part_of.empty()) continue;
        if (!compiled.by_id.contains(organisation.part_of)) {
            source_of(file, diagnostics)
                .error(file.document->part_of, fmt::format("there is no organisation \"{}\"", organisation.part_of),
                       "part_of names the id of another organisation");
            continue;
        }
        std::string at = organisation.part_of;
        for (std::size_t steps = 0; !at.empty() && at != organisation.id; at = above(at))
            if (++steps > compiled.organisations.size()) break;  // a circle that this one is not in; told at its own
        if (at == organisation.id)
            source_of(file, diagnostics)
                .error(file.document->part_of, fmt::format("\"{}\" would be a part of itself", organisation.id),
                       "leave part_of out in one of them");
    }
}

/// Members whose people need a second factor are there; who administers one needs its second factor as well.
void check_factor_organisations(const PolicyFiles& files, const Compiled& compiled, Diagnostics& diagnostics)
{
    if (!files.permissions.document) return;
    for (const auto& [id, place] : files.permissions.document->factor_organisations) {
        if (compiled.by_id.contains(id)) continue;
        std::vector<std::string> known;
        for (const auto& organisation : compiled.organisations) known.push_back(organisation.id);
        const auto near = nearest(id, known);
        source_of(files.permissions, diagnostics)
            .error(place, fmt::format("there is no organisation \"{}\"", printable(id, 80)),
                   near.empty() ? "name the id that a file in organisations/ begins with"
                                : fmt::format("did you mean \"{}\"?", near));
    }
}

/// Where nobody is said to hold a role, everybody with an administrator's certificate may do everything, for ever.
void check_holders(const PolicyFiles& files, Diagnostics& diagnostics)
{
    if (!files.node.document || !files.node.document->node.control_remote) return;
    if (files.permissions.document && files.permissions.document->powers.holders_declared()) return;
    const std::string what =
        "\"control\" can be reached from elsewhere, and permissions.yaml does not say who holds which role: every "
        "certificate of its authority is a service administrator's";
    const std::string remedy = "holders: [{ who: NAME, role: operations }, ...] in permissions.yaml";
    // An appliance is for others to run; there it must be said.
    if (files.node.document->machine)
        source_of(files.node, diagnostics).error(files.node.document->control, what, remedy);
    else
        source_of(files.node, diagnostics).warning(files.node.document->control, what, remedy);
}

/// What permissions.yaml says of logins, with parts of organisations and who administers them.
vocabulary::LoginRules logins_of(const Compiled& compiled)
{
    auto rules = compiled.permissions->logins;
    auto& factor = rules.second_factor;
    if (!factor.organisations.empty())
        for (const auto& organisation : compiled.organisations) {
            std::string at = organisation.part_of;
            for (std::size_t steps = 0; !at.empty() && steps < 64; ++steps) {
                if (factor.organisations.contains(at)) {
                    factor.organisations.insert(organisation.id);
                    break;
                }
                const auto above = compiled.by_id.find(at);
                at = above == compiled.by_id.end() ? std::string{} : compiled.organisations[above->second].part_of;
            }
        }
    if (factor.roles.contains(vocabulary::Role::organisation_administrator)) {
        auto named = std::make_shared<std::unordered_set<std::string>>();
        for (const auto& organisation : compiled.organisations)
            for (const auto& administrator : organisation.administrators) named->insert(administrator.key());
        factor.administrators = std::move(named);
    }
    return rules;
}

Community community_of(const CommunityPart& part)
{
    Community community;
    community.suffix = *part.suffix;
    if (part.operator_address) community.operator_address = *part.operator_address;
    community.redirects = part.carry_redirects ? Community::Redirects::carry : Community::Redirects::refuse;
    community.redirect_hops = part.redirect_hops;
    using Receipts = Community::OutsideReceipts;
    community.outside_receipts = part.refuse_outside_receipts ? Receipts::refuse : Receipts::strip;
    return community;
}

/// alerts.yaml with what its rules name.
vocabulary::AlertPolicy alerts_of(const PolicyFiles& files, std::uint64_t generation)
{
    if (!files.alerts.document) return {};
    auto alerts = files.alerts.document->policy;
    alerts.templates = files.alert_templates.inside;
    alerts.notices = files.alert_templates.non_secure;
    for (const auto& [name, script] : files.alerts.document->scripts) {
        const auto rule = std::ranges::find(alerts.rules, name, &vocabulary::AlertRule::name);
        if (rule != alerts.rules.end())
            rule->script = make_event_script(files.scripts, script, rule->place, generation);
    }
    return alerts;
}

/// Of all documents.
std::vector<std::string> named_files_of(const PolicyFiles& files)
{
    std::set<std::string> paths;
    const auto add = [&paths](const auto& document) {
        if (!document) return;
        for (const auto& file : document->named_files) paths.insert(file.path);
    };
    add(files.node.document);
    add(files.routing.document);
    add(files.permissions.document);
    add(files.alerts.document);
    for (const auto& organisation : files.organisations) add(organisation.document);
    return {paths.begin(), paths.end()};
}

std::vector<std::string> prefixes_removed(const TaggingFile& tagging)
{
    std::vector<std::string> prefixes;
    for (const auto& tag : tagging.tags)
        if (tag.remove_on_entry && std::ranges::find(prefixes, tag.subject_prefix) == prefixes.end())
            prefixes.push_back(tag.subject_prefix);
    return prefixes;
}

}  // namespace

SnapshotPtr compile(const PolicyFiles& all, std::uint64_t generation, std::string hash, Diagnostics& diagnostics)
{
    PolicyFiles files = all;
    std::erase_if(files.organisations, [](const auto& file) { return file.document == nullptr; });
    auto compiled = std::make_unique<Compiled>();
    const auto suffix = files.routing.document ? files.routing.document->community.suffix : std::nullopt;
    compiled->organisations = build_organisations(files, suffix, diagnostics);
    index_ids(files, *compiled, diagnostics);
    compiled->domains.build(files, compiled->organisations, diagnostics);
    compiled->proofs.build(files, compiled->organisations, diagnostics);
    if (suffix) check_own_names(files, *compiled, *suffix, diagnostics);
    if (suffix)
        for (std::size_t o = 0; o < compiled->organisations.size(); ++o)
            check_administrators(files.organisations[o], compiled->organisations[o], *suffix, diagnostics);
    check_parts(files, *compiled, diagnostics);
    check_factor_organisations(files, *compiled, diagnostics);
    check_holders(files, diagnostics);
    check_authorities(files, diagnostics);
    check_hosted_members(files, diagnostics);
    check_rules(files, *compiled, diagnostics);
    check_secrets(files, diagnostics);
    if (has_errors(diagnostics) || !suffix || !files.node.document) return nullptr;

    compiled->named_files = named_files_of(files);
    compiled->generation = generation;
    compiled->hash = std::move(hash);
    compiled->community = community_of(files.routing.document->community);
    compiled->node = files.node.document;
    compiled->routing = files.routing.document;
    compiled->tagging = files.tagging.document ? files.tagging.document : std::make_shared<const TaggingFile>();
    compiled->limits = files.limits.document ? files.limits.document : std::make_shared<const LimitsFile>();
    compiled->permissions =
        files.permissions.document ? files.permissions.document : std::make_shared<const PermissionsFile>();
    compiled->logins = logins_of(*compiled);
    compiled->content = files.content.document ? files.content.document : std::make_shared<const ContentFile>();
    compiled->scripts = files.scripts;
    compiled->indexes = {RuleIndex(compiled->routing->routes),   RuleIndex(compiled->tagging->tags),
                         RuleIndex(compiled->limits->limits),    RuleIndex(compiled->limits->rates),
                         RuleIndex(compiled->permissions->mail), RuleIndex(compiled->content->rules)};
    compiled->needs = needs_of(files);
    compiled->keeping = keeping_of(files);
    compiled->alerts = alerts_of(files, compiled->generation);
    compiled->prefixes_removed = prefixes_removed(*compiled->tagging);
    return std::make_shared<const CompiledSnapshot>(std::move(compiled));
}

}  // namespace postern::policy
