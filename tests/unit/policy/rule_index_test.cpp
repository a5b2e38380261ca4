// The index over rules is a short cut and nothing else: whoever looks on sees every rule, and the same decision.
#include "policy_folder.hpp"

#include <fmt/format.h>
#include <random>

using namespace postern;
using namespace postern::policy;
using policy::test::policy_with;

namespace {

class Chance {
public:
    explicit Chance(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t end) { return engine_() % end; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    template <class List>
    const auto& of(const List& list)
    {
        return list[below(std::size(list))];
    }

private:
    std::mt19937 engine_;
};

constexpr std::array members{"greenstone", "smith", "crown-court", "northshire-police", "victim-care"};
constexpr std::array names{"a.exe", "list.zip", "PHOTO.jpg", "report.pdf", "", "x"};
constexpr std::array clauses{
    "sender.organisation: smith",
    "sender.organisation: [greenstone, crown-court]",
    "recipient.organisation: northshire-police",
    "recipient.organisation.kind: server",
    "recipient.organisation: absent",
    "sender.address: 'eric*'",
    "sender.address: '*@smithsolicitors.co.uk.cjsm.net'",
    "message.subject: '*listing*'",
    "message.subject: 're*'",
    "message.subject: '*ing'",
    "message.subject: absent",
    "message.subject: '/^L.*g$/'",
    "header.X-Mark: SECRET",
    "header.X-Mark: absent",
    "header.X-Other: '*b'",
    "attachment.name: '*.zip'",
    "attachment.name: ['*.exe', '*.jpg']",
    "attachment.name: absent",
    "attachment.size: '> 1 KiB'",
    "attachment.detected_type: application/zip",
    "attachment.encrypted: true",
    "attachment.count: '> 1'",
    "recipient.function: custody",
    "recipient.first_contact: true",
    "message.recipients: '> 2'",
    "time.weekday: [saturday, sunday]",
};

/// A map of one to three clauses, now and then with groups in it.
std::string condition(Chance& chance, int depth)
{
    std::map<std::string, std::string> entries;  // no key twice
    for (std::size_t i = 0; i <= chance.below(3); ++i) {
        const std::string clause = chance.of(clauses);
        const auto colon = clause.find(": ");
        entries[clause.substr(0, colon)] = clause.substr(colon + 2);
    }
    constexpr std::array groups{"any", "all", "not"};
    if (depth < 2 && chance.one_in(3))
        entries[chance.of(groups)] =
            fmt::format("[{}, {}]", condition(chance, depth + 1), condition(chance, depth + 1));
    std::string text;
    for (const auto& [key, value] : entries) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, value);
    return "{ " + text + " }";
}

std::string rules(Chance& chance, std::size_t count)
{
    constexpr std::array orders{"reject", "{ annotate: \"${attachment.name} ${message.subject}\" }", "accept",
                                "{ add_header: { X-Y: \"${attachment.name}\" } }", "{ quarantine: why }"};
    std::string text = "rules:\n";
    for (std::size_t i = 0; i < count; ++i)
        text += fmt::format("  - {{ name: r{}, when: {}, then: {} }}\n", i, condition(chance, 0),
                            chance.one_in(8) ? chance.of(orders) : orders[1 + 2 * chance.below(2)]);
    return text;
}

/// What any message could be, with some of it not known.
struct RandomMail {
    std::optional<mail::Address> sender, recipient;
    std::string content;
    std::optional<mail::Header> header;
    mail::Structure structure;
    vocabulary::Inspection inspection;
    vocabulary::Facts facts;

    RandomMail(Chance& chance, const Snapshot& policy)
    {
        constexpr std::array senders{"eric.brown@greenstonechambers.co.uk.cjsm.net",
                                     "a@smithsolicitors.co.uk.cjsm.net"};
        constexpr std::array subjects{"Subject: Re: Listing\r\n", "Subject: urgent\r\n", ""};
        constexpr std::array marks{"X-Mark: secret\r\n", "X-Other: ab\r\nx-mark: open\r\n", ""};
        sender = mail::Address::parse(chance.of(senders)).value();
        content = fmt::format("{}{}\r\nbody\r\n", chance.of(subjects), chance.of(marks));
        header = mail::Header::parse(content).value();
        for (std::size_t i = 0; i < chance.below(4); ++i) {
            mail::Part part;
            part.name = chance.of(names);
            part.attachment = !chance.one_in(5);
            part.size = chance.below(4000);
            structure.parts.push_back(part);
            inspection.parts.emplace_back();
            inspection.parts.back().detected_type = chance.one_in(3) ? "" : "application/zip";
            inspection.parts.back().encrypted = chance.one_in(2);
        }
        structure.too_many = chance.one_in(10);
        facts.stage = vocabulary::Stage::message;
        facts.sender = chance.one_in(6) ? nullptr : &*sender;
        facts.sender_organisation = policy.organisation(chance.of(members));
        facts.recipient_organisation = chance.one_in(6) ? nullptr : policy.organisation(chance.of(members));
        facts.recipient_function = chance.one_in(3) ? "custody" : "";
        facts.header = &*header;
        facts.content = content;
        facts.structure = chance.one_in(6) ? nullptr : &structure;
        facts.inspection = chance.one_in(4) ? nullptr : &inspection;
        if (!chance.one_in(4)) facts.first_contact = chance.one_in(2);
        if (!chance.one_in(4)) facts.recipients = chance.below(5);
        facts.time = Instant{std::chrono::hours{chance.below(24 * 14)}};
    }
};

bool same(const ContentDecision& a, const ContentDecision& b)
{
    return a.verdict == b.verdict && a.rule == b.rule && a.rules == b.rules && a.notes == b.notes &&
           a.edits == b.edits && a.reason == b.reason && a.fault.has_value() == b.fault.has_value();
}

}  // namespace

TEST_CASE("the index and the witnessed walk decide alike for any rules and any message")
{
    std::size_t decided = 0;
    for (unsigned seed = 1; seed <= 12; ++seed) {
        Chance chance(seed);
        const auto policy = policy_with({{"content.yaml", rules(chance, 40)}});
        for (int i = 0; i < 60; ++i) {
            const RandomMail mail(chance, *policy);
            Trail trail;
            const auto quick = policy->content(mail.facts);
            const auto witnessed = policy->content(mail.facts, {}, &trail);
            INFO("seed " << seed << ", message " << i << ": " << quick.rule << " / " << witnessed.rule);
            REQUIRE(same(quick, witnessed));
            REQUIRE(trail.rules.size() == 40);
            decided += quick.rules.empty() ? 0U : 1U;
        }
    }
    REQUIRE(decided > 100);  // else it proves little
}
