// One message and the scripts that judge it, for tests.
#pragma once

#include "script/maker.hpp"
#include "vocabulary/events.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

namespace postern::script::test {

class SetClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return Instant{Duration{micros_.load()}}; }
    void pass(Duration some) { micros_ += some.count(); }

private:
    std::atomic<std::int64_t> micros_ = Duration{std::chrono::hours{24}}.count();
};

/// Budgets that no test meets by the machine's slowness: what ends a call is its instructions or its memory.
inline Budgets patient()
{
    Budgets budgets;
    budgets.processor = std::chrono::seconds{60};
    budgets.wall = std::chrono::seconds{120};
    return budgets;
}

using Sources = std::vector<ports::ScriptSource>;

/// FILE, TEXT, FILE, TEXT, ...
template <class... Rest>
Sources sources_of(std::string file, std::string text, Rest... rest)
{
    Sources sources;
    if constexpr (sizeof...(rest) > 0) sources = sources_of(std::move(rest)...);
    ports::ScriptSource source;
    source.file = std::move(file);
    source.bytes = std::move(text);
    sources.insert(sources.begin(), std::move(source));
    return sources;
}

/// Mail from Greenstone to a court, with an archive attached.
struct Mail {
    vocabulary::Organisation greenstone;
    vocabulary::Organisation court;
    mail::Address sender = mail::Address::parse("eric.brown@greenstonechambers.co.uk.cjsm.net").value();
    mail::Address recipient = mail::Address::parse("listing@crowncourt.example.cjsm.net").value();
    std::string content;
    mail::Header header;
    mail::Structure structure;
    vocabulary::Inspection inspection;
    vocabulary::Facts facts;

    explicit Mail(const std::string& fields =
                      "Subject: =?utf-8?Q?Caf=C3=A9?= listing\r\nX-Marking: open\r\n"
                      "X-Marking: SECRET\r\n",
                  const std::string& text = "Please list this case.\r\nIt is TOP-SECRET.\r\n")
        : content(fields +
                  "From: Eric Brown <eric.brown@greenstonechambers.co.uk>\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" +
                  text +
                  "--b\r\nContent-Type: application/zip; name=notes.zip\r\n"
                  "Content-Disposition: attachment; filename=notes.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                  "UEsDBA==\r\n--b--\r\n"),
          header(mail::Header::parse(content).value()),
          structure(mail::read_structure(content, true))
    {
        greenstone.id = "greenstone";
        greenstone.name = "Greenstone Chambers";
        greenstone.kind_of_body = "chambers";
        greenstone.roles = {"cleared"};
        greenstone.domains.push_back({mail::Domain::parse("greenstonechambers.co.uk").value(),
                                      mail::Domain::parse("greenstonechambers.co.uk.cjsm.net").value()});
        court.id = "crown-court";
        court.kind_of_body = "court";
        inspection.parts.resize(structure.parts.size());
        inspection.parts.back().detected_type = "application/zip";
        inspection.parts.back().members = {"run.exe"};
        facts.stage = vocabulary::Stage::message;
        facts.peer = vocabulary::parse_ip("203.0.113.9").value();
        facts.tls = true;
        facts.listener = "members";
        facts.sender = &sender;
        facts.sender_organisation = &greenstone;
        facts.recipient = &recipient;
        facts.recipient_organisation = &court;
        facts.recipient_inside = true;
        facts.recipient_function = "listing";
        facts.recipient_kind = "function";
        facts.size = content.size();
        facts.content = content;
        facts.header = &header;
        facts.structure = &structure;
        facts.inspection = &inspection;
        facts.recipients = 2;
        facts.first_contact = true;
        facts.generation = 41;
        // Saturday, 21:30:15.
        facts.time = Instant{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}.time_since_epoch() +
                             std::chrono::minutes{21 * 60 + 30} + std::chrono::seconds{15}};
    }
    Mail(const Mail&) = delete;
    Mail& operator=(const Mail&) = delete;
};

/// A generation of scripts.
struct Scripts {
    SetClock clock;
    ports::Rates rates{clock};
    Maker maker;
    std::vector<ports::ScriptFault> faults;
    std::shared_ptr<const ports::Scripts> made;
    bool rehearsal = false;

    explicit Scripts(Sources sources, ports::ScriptTables tables = {}, const Budgets& budgets = patient(),
                     ports::Alarms* alarms = nullptr)
        : maker(rates, clock, alarms, budgets), made(maker.make(std::move(sources), std::move(tables), faults))
    {
    }

    [[nodiscard]] ports::ScriptAnswer run(const vocabulary::Facts& facts, std::string_view file = "rule.lua",
                                          vocabulary::RuleFile where = vocabulary::RuleFile::content) const
    {
        ports::ScriptCall call;
        call.file = file;
        call.rule = "content.yaml:9 rule";
        call.where = where;
        call.may = vocabulary::actions_of(where);
        call.rehearsal = rehearsal;
        return made->run(call, facts);
    }

    /// As a rule of alerts.yaml asks.
    [[nodiscard]] ports::ScriptAnswer run(const vocabulary::Event& event) const
    {
        vocabulary::Facts facts;
        facts.time = event.at;
        facts.generation = 41;
        facts.event = &event;
        return run(facts, "rule.lua", vocabulary::RuleFile::alerts);
    }
};

/// What a rule with this body answers to the usual message.
inline ports::ScriptAnswer answer_of(const std::string& body, const Budgets& budgets = patient())
{
    static const Mail mail;
    ports::ScriptTables tables;
    tables["words"]["top secret"] = "top secret";
    tables["words"]["Colour"] = "red";
    const Scripts scripts(sources_of("rule.lua", "return function(message)\n" + body + "\nend\n"), std::move(tables),
                          budgets);
    for (const auto& fault : scripts.faults) FAIL(fault.file << ":" << fault.line << ": " << fault.what);
    return scripts.run(mail.facts);
}

/// Whether the expression holds in a rule; a script's error fails the test.
inline bool holds(const std::string& expression)
{
    const auto answer = answer_of("return " + expression);
    INFO(expression);
    REQUIRE(answer.error == "");
    REQUIRE(answer.holds.has_value());
    return *answer.holds;
}

inline std::string error_of(const std::string& body, const Budgets& budgets = patient())
{
    const auto answer = answer_of(body, budgets);
    CHECK(answer.orders.empty());
    if (!answer.error.empty()) CHECK_FALSE(answer.holds.has_value());
    return answer.error;
}

}  // namespace postern::script::test
