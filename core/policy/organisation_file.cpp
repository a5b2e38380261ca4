#include "base/text.hpp"
#include "policy/keys.hpp"
#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>

namespace postern::policy {

namespace {

using vocabulary::Kind;
using vocabulary::Organisation;
using vocabulary::Users;

vocabulary::Proof read_proof(Source& source, const Values& map, OrganisationFile& file)
{
    vocabulary::Proof proof;
    for (const auto& item : map.items("networks")) {
        const auto network = vocabulary::parse_network(item.text);
        if (!network) continue;
        proof.networks.push_back(*network);
        file.networks.push_back(item.place);
    }
    if (map.has("certificate")) {
        const auto certificate = map.map("certificate");
        if (certificate.has("name") == certificate.has("sha256"))
            source.error(map.place("certificate"), "a certificate is given by one of \"name\" and \"sha256\"");
        vocabulary::CertificateProof shown;
        if (const auto name = certificate.domain("name")) shown.name = name->key();
        if (auto pin = parse_sha256(certificate.text("sha256"))) shown.sha256 = std::move(*pin);
        proof.certificate = std::move(shown);
    }
    if (!map.has("networks") && !map.has("certificate"))
        source.error(map.place(), "no proof is listed",
                     "name networks, a certificate, or both: every listed proof is required");
    return proof;
}

void read_suspension(Source& source, const Values& map, Organisation& organisation)
{
    vocabulary::Suspension suspension;
    const bool outage = map.text("kind") == "outage";
    suspension.kind = outage ? vocabulary::Suspension::Kind::outage : vocabulary::Suspension::Kind::sanction;
    suspension.reason = map.text("reason");
    if (const auto until = parse_instant(map.text("until"))) suspension.until = *until;
    if (outage && !map.has("until"))
        source.error(map.place("kind"), "an outage needs \"until\"",
                     "its end in UTC, such as 2026-12-01T06:00:00Z: mail is held until then");
    organisation.suspended = std::move(suspension);
}

void read_domains(Source& source, const Values& top, OrganisationFile& file)
{
    for (const auto& item : top.items("domains")) {
        DomainEntry entry;
        entry.place = item.place;
        if (item.is_text()) {
            if (auto domain = mail::Domain::parse(item.text)) entry.outside = std::move(*domain);
            file.domains.push_back(std::move(entry));
            continue;
        }
        const Values map(item);
        entry.outside = map.domain("domain");
        entry.secure = map.domain("secure");
        entry.label = map.text("label");
        if (map.has("domain") == map.has("label"))
            source.error(item.place, "an entry names one of \"domain\" and \"label\"");
        if (map.has("label") && map.has("secure"))
            source.error(map.key_place("secure"), "a label has no other secure form");
        if (map.has("label") && file.organisation.kind == Kind::server)
            source.error(map.key_place("label"), "labels are for members hosted here (kind: mailbox)",
                         "name the member's own domain");
        file.domains.push_back(std::move(entry));
    }
}

void read_administrators(const Values& top, OrganisationFile& file)
{
    for (const auto& item : top.items("administrators")) {
        auto address = mail::Address::parse(item.text);
        if (!address) continue;
        file.organisation.administrators.push_back(std::move(*address));
        file.administrators.push_back(item.place);
    }
}

/// What a kind of member needs and cannot have.
void check_kind(Source& source, const Values& top, const Organisation& organisation)
{
    if (organisation.kind == Kind::server) {
        if (!top.has("deliver_to"))
            source.error(top.place("kind"), "a server member needs \"deliver_to\"",
                         "deliver_to: { hosts: [\"mail.example.org:25\"], tls: verify }");
        if (!top.has("connects_from"))
            source.warning(top.place("kind"), "without \"connects_from\" this member can receive only");
        if (top.has("ask") && organisation.users != Users::ask)
            source.error(top.key_place("ask"), "\"ask\" counts only with users: ask");
        return;
    }
    for (const char* key : {"deliver_to", "connects_from", "ask"})
        if (top.has(key))
            source.error(top.key_place(key), fmt::format("a member hosted here has no \"{}\"", key),
                         "kind: server is for members with their own server");
    if (organisation.users == Users::ask)
        source.error(top.place("users"), "a member hosted here has no server to ask", "users: listed");
}

void read_words(const Values& top, Organisation& organisation)
{
    organisation.id = top.text("organisation");
    organisation.name = top.text("name");
    organisation.kind = top.text("kind") == "mailbox" ? Kind::mailbox : Kind::server;
    organisation.kind_of_body = top.text("kind_of_body");
    organisation.place = top.text("place");
    organisation.roles = top.texts("roles");
    organisation.part_of = top.text("part_of");
    organisation.signatory = top.text("signatory");
    const auto users = top.text("users");
    organisation.users = users == "any" ? Users::any : users == "ask" ? Users::ask : Users::listed;
    organisation.ask_remembers = top.map("ask").duration("remembers", organisation.ask_remembers);
    organisation.ask_remembers_no = top.map("ask").duration("remembers_no", organisation.ask_remembers_no);
    organisation.limits.message_size = top.map("limits").size("message_size");
    organisation.alerts_also_to = top.map("alerts").texts("also_to");
    organisation.from_must_agree = top.boolean("from_must_agree", true);
}

}  // namespace

OrganisationFile read_organisation_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory)
{
    check_shape(source, tree, shape_of(FileKind::organisation), {});
    const Values top(tree);
    OrganisationFile file;
    auto& organisation = file.organisation;
    read_words(top, organisation);
    file.id = top.place("organisation");
    file.part_of = top.place("part_of");
    read_domains(source, top, file);
    read_administrators(top, file);
    if (top.has("connects_from")) {
        file.proof = top.key_place("connects_from");
        organisation.connects_from = read_proof(source, top.map("connects_from"), file);
    }
    if (top.has("deliver_to")) {
        file.deliver_to = top.key_place("deliver_to");
        organisation.deliver_to = read_next_hop(source, top.map("deliver_to"), "hosts", directory, file.named_files);
        organisation.deliver_to->name = "organisation:" + organisation.id;
    }
    if (top.has("suspended")) read_suspension(source, top.map("suspended"), organisation);
    check_kind(source, top, organisation);
    return file;
}

}  // namespace postern::policy
