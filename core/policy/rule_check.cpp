#include "policy/rule_check.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

namespace postern::policy {

namespace {

using vocabulary::FieldId;
using vocabulary::FindingVerdict;
using vocabulary::Obstacle;
using vocabulary::Stage;

/// Calls `visit(file, rule, orders, stage)` for each rule of each file; orders of files that have none are empty.
template <class Visit>
void for_each_rule(const PolicyFiles& files, Visit visit)
{
    static const OrderTemplates none;
    if (files.routing.document)
        for (const auto& rule : files.routing.document->routes) visit(files.routing, rule, none);
    if (files.permissions.document)
        for (const auto& rule : files.permissions.document->mail) visit(files.permissions, rule, rule.then);
    if (files.limits.document) {
        for (const auto& rule : files.limits.document->rates) visit(files.limits, rule, none);
        for (const auto& rule : files.limits.document->limits) visit(files.limits, rule, none);
    }
    if (files.content.document)
        for (const auto& rule : files.content.document->rules) visit(files.content, rule, rule.then);
    if (files.tagging.document)
        for (const auto& rule : files.tagging.document->tags) visit(files.tagging, rule, none);
}

template <class Document>
Source source_of(const FileOf<Document>& file, Diagnostics& diagnostics)
{
    return Source(file.file, file.bytes, diagnostics);
}

class RuleCheck {
public:
    RuleCheck(const PolicyFiles& files, const Compiled& compiled, Diagnostics& diagnostics)
        : files_(files), compiled_(compiled), diagnostics_(diagnostics)
    {
        for (const auto& organisation : compiled.organisations)
            for (const auto& role : organisation.roles) roles_.insert(to_lower(role));
        if (files.routing.document) suffix_ = files.routing.document->community.suffix;
        if (files.node.document)
            for (const auto& listener : files.node.document->node.listeners) listeners_.push_back(listener.name);
        looks_for_viruses_ = !files.node.document || !files.node.document->node.scanner.signatures.empty();
    }

    void check()
    {
        if (!looks_for_viruses_ && files_.content.document && files_.content.document->declares_findings)
            source_of(files_.content, diagnostics_)
                .error(*files_.content.document->declares_findings, "nothing is ever found: nobody looks for viruses",
                       no_signatures);
        for_each_rule(files_, [&](const auto& file, const Rule& rule, const OrderTemplates& orders) {
            const auto source = [&] { return source_of(file, diagnostics_); };
            for (const auto& named : rule.when.names) check_name(source(), named);
            check_looks_for_viruses(source, rule);
            if (rule.script) check_script(source(), *rule.script);
            for (const auto& order : orders)
                for (std::size_t i = 0; i < order.where.size(); ++i)
                    check_address(source(), order.order.addresses[i], order.where[i]);
        });
        if (const auto& alerts = files_.alerts.document)
            for (const auto& scripted : alerts->scripts)
                check_script(source_of(files_.alerts, diagnostics_), scripted.script);
    }

private:
    /// What asks for findings of a scanner that looks for nothing would never hold.
    template <class MakeSource>
    void check_looks_for_viruses(const MakeSource& source, const Rule& rule)
    {
        if (looks_for_viruses_ || !rule.when.condition) return;
        for_each_clause(*rule.when.condition, [&](const Clause& clause) {
            if (clause.field->id == FieldId::message_virus || clause.field->id == FieldId::message_unscannable)
                source().error(rule.place,
                               fmt::format("{} is never found: nobody looks for viruses", clause.field->name),
                               no_signatures);
        });
    }

    void check_name(Source source, const NamedIn& named)
    {
        using What = NamedIn::What;
        if (is_known(named)) return;
        const auto near = nearest(named.name, names(named.what));
        const auto [kind, where] =
            named.what == What::role ? std::pair{"role", "roles are what organisations declare under roles:"}
            : named.what == What::listener
                ? std::pair{"listener", "listeners are declared in node.yaml, and named by their name"}
                : std::pair{"organisation",
                            "organisations are declared in organisations/*.yaml, and named by their id"};
        source.error(named.place, fmt::format("there is no {} \"{}\"", kind, printable(named.name, 60)),
                     near.empty() ? where : fmt::format("did you mean \"{}\"?", near));
    }

    [[nodiscard]] bool is_known(const NamedIn& named) const
    {
        switch (named.what) {
            case NamedIn::What::role:
                return roles_.contains(to_lower(named.name));
            case NamedIn::What::listener:
                return std::ranges::find(listeners_, named.name) != listeners_.end();
            case NamedIn::What::organisation:
                break;
        }
        return compiled_.by_id.contains(named.name);
    }

    [[nodiscard]] std::vector<std::string> names(NamedIn::What what) const
    {
        std::vector<std::string> known;
        switch (what) {
            case NamedIn::What::role:
                known.assign(roles_.begin(), roles_.end());
                break;
            case NamedIn::What::listener:
                known = listeners_;
                break;
            case NamedIn::What::organisation:
                for (const auto& organisation : compiled_.organisations) known.push_back(organisation.id);
                break;
        }
        return known;
    }

    void check_script(Source source, const ScriptPart& script)
    {
        if (!script.file.ends_with(".lua") || script.file.find("..") != std::string::npos) return;  // said already
        std::vector<std::string> known;
        for (const auto& one : files_.script_sources) known.push_back(one.file);
        if (std::ranges::find(known, script.file) != known.end()) {
            if (!files_.can_run_scripts)
                source.error(script.place, "this program runs no scripts", "take the rule out");
            return;
        }
        const auto near = nearest(script.file, known);
        source.error(script.place, fmt::format("there is no script lua/{}", printable(script.file, 80)),
                     !near.empty()   ? fmt::format("did you mean \"{}\"?", near)
                     : known.empty() ? "the policy's folder lua/ holds no script"
                                     : fmt::format("scripts: {}", fmt::join(known, ", ")));
    }

    /// Mail leaves the community by no rule.
    void check_address(Source source, const mail::Address& address, const Place& place)
    {
        const auto owner = compiled_.domains.find(address.domain().key());
        if ((owner && owner->inside) || (suffix_ && address.domain() == *suffix_)) return;
        const auto inside = owner ? fmt::format("write {}", address.at(secure_of(*owner)).text())
                                  : fmt::format("mail stays among the members: write an address that ends in {}",
                                                suffix_ ? suffix_->text() : "the community's suffix");
        source.error(place, fmt::format("{} is not inside the community", printable(address.text(), 80)), inside);
    }

    template <class Owner>
    const mail::Domain& secure_of(const Owner& owner) const
    {
        return compiled_.organisations[owner.organisation].domains[owner.domain].secure;
    }

    const PolicyFiles& files_;
    const Compiled& compiled_;
    Diagnostics& diagnostics_;
    static constexpr auto no_signatures = "declare scanner: { signatures: /var/lib/clamav } in node.yaml";

    std::set<std::string> roles_;
    std::vector<std::string> listeners_;
    std::optional<mail::Domain> suffix_;
    bool looks_for_viruses_ = true;
};

void need(Needs& needs, FieldId field)
{
    switch (field) {
        case FieldId::attachment_sha256:
            needs.digests = true;
            needs.structure = true;
            return;
        case FieldId::attachment_detected_type:
            needs.types = true;
            needs.structure = true;
            return;
        case FieldId::attachment_member:
        case FieldId::attachment_encrypted:
        case FieldId::attachment_broken:
        case FieldId::attachment_macros:
            needs.members = true;
            needs.structure = true;
            return;
        case FieldId::attachment_count:
        case FieldId::attachment_name:
        case FieldId::attachment_type:
        case FieldId::attachment_size:
        case FieldId::message_structure:
            needs.structure = true;
            return;
        case FieldId::recipient_first_contact:
            needs.first_contact = true;
            return;
        default:
            return;
    }
}

/// Scripts name what they look at by these words; a word that stands there for something else costs only time.
void need_for_scripts(Needs& needs, const std::vector<ports::ScriptSource>& sources)
{
    const auto says = [&](std::string_view word) {
        return std::ranges::any_of(sources, [&](const auto& one) { return one.bytes.find(word) != std::string::npos; });
    };
    needs.structure = true;
    needs.digests |= says("sha256");
    needs.types |= says("detected_type");
    needs.members |= says("members") || says("encrypted") || says("broken") || says("macros");
    needs.first_contact |= says("first_contact");
}

/// Calls `visit(field, header)` for each field that a rule asks for or writes into a text.
template <class Visit>
void for_each_field(const Rule& rule, const OrderTemplates& orders, Visit visit)
{
    if (rule.when.condition)
        for_each_clause(*rule.when.condition, [&](const Clause& clause) { visit(*clause.field, clause.header); });
    for (const auto& order : orders)
        if (order.text)
            for (const auto* field : order.text->fields()) visit(*field, std::string{});
}

}  // namespace

void check_rules(const PolicyFiles& files, const Compiled& compiled, Diagnostics& diagnostics)
{
    RuleCheck(files, compiled, diagnostics).check();
}

Needs needs_of(const PolicyFiles& files)
{
    Needs needs;
    needs.viruses = files.node.document && !files.node.document->node.scanner.signatures.empty();
    // What libclamav can open and is broken, it mostly passes over: only a look of our own tells.
    const auto& declared = files.content.document ? files.content.document->findings : FindingVerdicts{};
    for (const auto obstacle : {Obstacle::encrypted, Obstacle::broken, Obstacle::macros})
        needs.obstacles |=
            needs.viruses && declared.unscannable[static_cast<std::size_t>(obstacle)] != FindingVerdict::accept;
    const auto take = [&](const vocabulary::FieldInfo& field, const std::string&) { need(needs, field.id); };
    for_each_rule(files, [&](const auto&, const Rule& rule, const OrderTemplates& orders) {
        for_each_field(rule, orders, take);
    });
    if (files.tagging.document)
        for (const auto& tag : files.tagging.document->tags)
            for (const auto& [name, text] : tag.add_headers)
                for (const auto* field : text.fields()) need(needs, field->id);
    if (files.content.document)
        for (const auto& name : files.content.document->record)
            if (const auto* field = vocabulary::find_field(name)) need(needs, field->id);
    const auto scripted = [](const auto& rules) {
        return std::ranges::any_of(rules, [](const Rule& rule) { return rule.script.has_value(); });
    };
    if ((files.content.document && scripted(files.content.document->rules)) ||
        (files.tagging.document && scripted(files.tagging.document->tags)))
        need_for_scripts(needs, files.script_sources);
    return needs;
}

Keeping keeping_of(const PolicyFiles& files)
{
    Keeping keeping;
    if (const auto& content = files.content.document) {
        keeping.quarantine = content->quarantine_keep.value_or(keeping.quarantine);
        keeping.hold = content->hold_keep.value_or(keeping.hold);
        keeping.record = content->record;
    }
    std::set<std::string> asked;
    for_each_rule(files, [&](const auto&, const Rule& rule, const OrderTemplates&) {
        for_each_field(rule, {}, [&](const vocabulary::FieldInfo& field, const std::string& header) {
            asked.insert(field.id == FieldId::header ? "header." + header : std::string(field.name));
        });
    });
    keeping.asked.assign(asked.begin(), asked.end());
    return keeping;
}

}  // namespace postern::policy
