// What a large policy costs: a decision for one recipient, compiling, and the memory of one more snapshot.
//
// policy_decide [ORGANISATIONS] [RULES]: 10000 and 1000 where absent. Ends with 1 where more than 50 us, 500 ms or
// 64 MiB are taken.
#include "policy/loader.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>

using namespace postern;

namespace {

constexpr double most_microseconds = 50, most_milliseconds = 500, most_mib = 64;
constexpr std::size_t decisions = 20'000;

std::string organisation(std::size_t i)
{
    return fmt::format(R"(organisation: member-{0}
name: Member {0}
kind: server
kind_of_body: court
users: any
roles: [role-{4}]
domains: [member-{0}.example]
administrators: [clerk@member-{0}.example]
connects_from:
  networks: [10.{1}.{2}.{3}]
  certificate: {{ name: mail.member-{0}.example }}
deliver_to: {{ hosts: ["mail.member-{0}.example:25"], tls: verify }}
limits: {{ message_size: 4 MiB }}
)",
                       i, i >> 16 & 255, i >> 8 & 255, i & 255, i % 50);
}

/// The conditions that people write, in turns.
std::string rule(std::size_t i)
{
    switch (i % 10) {
        case 0:
        case 1:
            return fmt::format("recipient.organisation: member-{}, attachment.name: \"*.iso\"", i);
        case 2:
            return fmt::format("sender.organisation: [member-{}, member-{}], message.size: \"> 3 MiB\"", i, i + 1);
        case 3:
            return fmt::format("sender.address: \"*@member-{}.example.cjsm.net\"", i);
        case 4:
            return fmt::format("attachment.name: [\"*.x{0}\", \"*.y{0}\"]", i);
        case 5:
            return fmt::format("header.X-Mark-{}: secret", i);
        case 6:
            return fmt::format("message.subject: \"*case {}*\"", i);
        case 7:
            return fmt::format("recipient.organisation.role: role-{}, not: {{ sender.organisation: member-{} }}",
                               i % 50, i);
        case 8:
            return fmt::format("any: [{{ recipient.address: \"desk{0}@*\" }}, {{ sender.organisation: member-{0} }}]",
                               i);
        default:
            return i % 100 == 99 ? fmt::format("message.subject: \"/ref [0-9]+-{}/i\"", i)
                                 : fmt::format("message.from: \"*.member-{}.example\", attachment.count: \"> 3\"", i);
    }
}

std::shared_ptr<const policy::FileSet> community(std::size_t members, std::size_t rules)
{
    auto files = std::make_shared<policy::FileSet>();
    (*files)["node.yaml"] = R"(name: mx.cjsm.net
listeners: [{ name: members, address: "127.0.0.1:2525", clear_text: true }]
storage: { directory: state }
certificates: { members: members.pem }
control: { socket: state/control }
)";
    (*files)["routing.yaml"] = "community: { suffix: cjsm.net, operator: postmaster@cjsm.net }\n";
    std::string content = "rules:\n", mail = "mail:\n", limits = "rates:\n";
    for (std::size_t i = 0; i < rules; ++i)
        content += fmt::format("  - {{ name: r{}, when: {{ {} }}, then: {{ annotate: \"r{}\" }} }}\n", i, rule(i), i);
    for (std::size_t i = 0; i < rules / 10; ++i) {
        mail += fmt::format(
            "  - {{ name: m{0}, when: {{ recipient.organisation: member-{0}, not: {{ "
            "sender.organisation.role: role-1 }} }}, then: refuse }}\n",
            i);
        limits += fmt::format(
            "  - {{ name: l{0}, when: {{ sender.organisation: member-{0} }}, per: sender.address, "
            "allow: 200 per hour }}\n",
            i);
    }
    (*files)["content.yaml"] = content;
    (*files)["permissions.yaml"] = mail;
    (*files)["limits.yaml"] = limits;
    for (std::size_t i = 0; i < members; ++i)
        (*files)[fmt::format("organisations/member-{}.yaml", i)] = organisation(i);
    return files;
}

double resident_mib()
{
    std::ifstream statm("/proc/self/statm");
    std::size_t pages = 0, resident = 0;
    statm >> pages >> resident;
    return static_cast<double>(resident) * 4096 / (1 << 20);
}

using Watch = std::chrono::steady_clock;

double since(Watch::time_point start, double unit)
{
    return std::chrono::duration<double>(Watch::now() - start).count() * unit;
}

/// One recipient, through all that is asked about it.
void decide(const policy::Snapshot& policy, vocabulary::Facts facts)
{
    facts.stage = vocabulary::Stage::recipient;
    static_cast<void>(policy.may_mail(facts));
    static_cast<void>(policy.rates(facts));
    static_cast<void>(policy.receiving_limit(facts));
    facts.stage = vocabulary::Stage::message;
    if (policy.content(facts).verdict != policy::ContentDecision::Verdict::deliver) std::abort();
    static_cast<void>(policy.tags(facts));
    static_cast<void>(policy.route(facts));
}

/// Median and 99th percentile, microseconds.
std::pair<double, double> time_decisions(const policy::Snapshot& policy, std::size_t members)
{
    std::string content = "Subject: Listing of case 77 and others\r\nX-Mark-15: open\r\n";
    for (int i = 0; i < 25; ++i) content += fmt::format("X-Field-{}: value {}\r\n", i, i);
    content += "\r\nbody\r\n";
    const auto header = mail::Header::parse(content).value();
    mail::Structure structure;
    for (const char* name : {"", "report.pdf", "Photo of the place.JPG", "notes.docx"}) {
        mail::Part part;
        part.name = name;
        part.attachment = *name != 0;
        structure.parts.push_back(part);
    }
    vocabulary::Inspection inspection;
    inspection.parts.resize(structure.parts.size());
    std::vector<double> times;
    for (std::size_t i = 0; i < decisions; ++i) {
        const auto& from = policy.organisations()[i * 7919 % members];
        const auto& to = policy.organisations()[i * 104729 % members];
        const auto sender = mail::Address::parse("eric.brown@" + from.domains[0].secure.text()).value();
        const auto recipient = mail::Address::parse("listing@" + to.domains[0].secure.text()).value();
        vocabulary::Facts facts;
        facts.sender = &sender;
        facts.sender_organisation = &from;
        facts.recipient = &recipient;
        facts.recipient_organisation = &to;
        facts.recipient_inside = true;
        facts.size = 1 << 20;
        facts.content = content;
        facts.header = &header;
        facts.structure = &structure;
        facts.inspection = &inspection;
        facts.recipients = 1;
        const auto start = Watch::now();
        decide(policy, facts);
        times.push_back(since(start, 1e6));
    }
    std::ranges::sort(times);
    return {times[decisions / 2], times[decisions * 99 / 100]};
}

}  // namespace

int main(int count, char** arguments)
{
    const std::size_t members = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000;
    const std::size_t rules = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1'000;
    policy::Loader loader("/etc/postern", community(members, rules));
    const auto first = loader.load(1);
    if (!first.snapshot) {
        fmt::print("{}", policy::render(first.diagnostics, "policy"));
        return 1;
    }
    ::malloc_trim(0);
    const auto before = resident_mib();
    const auto start = Watch::now();
    const auto second = loader.load(2);  // nothing is read again: only compiled
    const auto compile = since(start, 1e3);
    const auto memory = resident_mib() - before;
    const auto [median, late] = time_decisions(*second.snapshot, members);
    fmt::print("decision for one recipient: median {:.1f} us, p99 {:.1f} us (at most {})\n", median, late,
               most_microseconds);
    fmt::print("compile with unchanged files: {:.0f} ms (at most {})\n", compile, most_milliseconds);
    fmt::print("one more snapshot: {:.1f} MiB resident (at most {})\n", memory, most_mib);
    return median <= most_microseconds && compile <= most_milliseconds && memory <= most_mib ? 0 : 1;
}
