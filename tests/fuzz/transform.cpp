// room: transform
//
// Any message through the door and out to a member: nothing crashes, no field appears that was not put there, no byte
// of the body changes, and what was rewritten reads right.
#include "mail/header.hpp"
#include "transform/delivery.hpp"
#include "transform/entry.hpp"
#include "transform/mapping.hpp"
#include "transform/subject.hpp"
#include "transform/trace_token.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>

using namespace postern;

namespace {

using Names = std::map<std::string, int>;

void expect(bool holds)
{
    if (!holds) std::abort();
}

vocabulary::Organisation member(const std::string& domain)
{
    vocabulary::Organisation organisation;
    organisation.id = "member";
    organisation.name = "Member";
    organisation.domains = {{mail::Domain::parse(domain).value(), mail::Domain::parse(domain + ".cjsm.net").value()}};
    return organisation;
}

/// Complete lines, as the SMTP machine passes them on.
std::string lines(const std::uint8_t* data, std::size_t size)
{
    std::string content;
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == '\r' || data[i] == '\0') continue;  // refused by the SMTP machine
        if (data[i] == '\n') content += '\r';
        content += static_cast<char>(data[i]);
    }
    if (!content.ends_with("\r\n")) content += "\r\n";
    return content;
}

Names names_of(const mail::Header& header)
{
    Names names;
    for (const auto& field : header.fields()) ++names[to_lower(field.name)];
    return names;
}

mail::Header parse(const std::string& content)
{
    return mail::Header::parse(content, {content.size() + 1, content.size() + 1}).value();
}

/// The names a message must have behind the door.
Names expected(Names names)
{
    for (const char* gone : {"bcc", "resent-bcc", "return-path", "x-secure-email", "x-mailer"}) names.erase(gone);
    std::erase_if(names, [](const auto& entry) { return entry.first.starts_with("postern-"); });
    for (const char* added : {"date", "message-id", "subject"}) names.try_emplace(added, 1);
    ++names["received"];
    ++names["x-secure-email"];
    ++names["postern-trace"];
    return names;
}

void check_addresses(const mail::Header& header, const vocabulary::Organisation& sender)
{
    for (const auto& field : header.fields()) {
        if (!iequals(field.name, "From") && !iequals(field.name, "Reply-To")) continue;
        const auto list = mail::find_addresses(field.value);
        for (const auto& place : list.places) expect(place.address.domain() != sender.domains[0].domain);
    }
}

void check_subjects(const mail::Header& header)
{
    for (const auto& field : header.fields())
        if (iequals(field.name, "Subject")) expect(transform::carries_tag(field.value, "CJSM: "));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const auto sender = member("a.example");
    static const auto recipient = member("b.example");
    static const transform::TraceKey key{std::string(32, 'k')};
    static const std::vector<std::string> tagged{"X-Secure-Email"};
    static const std::vector<std::string> prefixes{"CJSM: ", "[X]"};
    static const std::vector<std::pair<std::string, std::string>> add{{"X-Secure-Email", "yes"}};
    static const std::vector<std::string> remove{"X-Mailer"};

    const std::string content = lines(data, size);
    const auto header = mail::Header::parse(content);
    if (!header) return 0;
    (void)transform::check_from(*header, sender);
    (void)transform::is_report_or_auto(*header);
    (void)transform::find_token(*header, key);

    const std::string helo = content.substr(0, 40);
    transform::EntryFacts facts;
    facts.message_id = "01HYA3Z6Q8F0K2M4P6R8T0V2X4";
    facts.node = "mx.cjsm.net";
    facts.suffix = "cjsm.net";
    facts.helo = helo;
    facts.sender = &sender;
    facts.added_by_tags = tagged;
    facts.prefixes_removed_on_entry = prefixes;
    const auto entry = transform::on_entry(content, *header, facts);
    const transform::Tag tag{"CJSM: ", true, add, remove};
    const auto delivery = transform::for_delivery(entry, {&recipient, std::span(&tag, 1), "v1 id=x; sig=y"});
    const std::string sent = mail::applied(content, delivery.edits());

    const auto after = parse(sent);
    const std::string_view body = std::string_view(content).substr(header->body_offset());
    expect(std::string_view(sent).substr(after.body_offset()) == body);
    auto wanted = expected(names_of(*header));
    auto got = names_of(after);
    // Authentication-Results go or stay by their value.
    wanted.erase("authentication-results");
    got.erase("authentication-results");
    expect(got == wanted);
    check_addresses(after, sender);
    check_subjects(after);
    return 0;
}
