// What a rule's script sees, answers and orders.
#include "scripts.hpp"

using namespace postern;
using namespace postern::script::test;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using vocabulary::ActionId;

TEST_CASE("a script answers true, false or nothing")
{
    CHECK(answer_of("return true").holds == true);
    CHECK(answer_of("return false").holds == false);
    CHECK(answer_of("return nil").holds == false);
    CHECK(answer_of("").holds == false);
    CHECK(answer_of("return true").error == "");
}

TEST_CASE("a script sees the message")
{
    CHECK(holds("message.subject == 'Café listing'"));
    CHECK(holds("message.headers:get('x-marking') == 'open'"));
    CHECK(holds("#message.headers:all('X-Marking') == 2 and message.headers:all('X-Marking')[2] == 'SECRET'"));
    CHECK(holds("message.headers:raw('Subject') == ' =?utf-8?Q?Caf=C3=A9?= listing'"));
    CHECK(holds("message.headers:all_raw('X-Marking')[1] == ' open'"));
    CHECK(holds("message.headers:get('X-None') == nil and not message.headers:has('X-None')"));
    CHECK(holds("message.headers:names()[2] == 'X-Marking'"));
    CHECK(holds("message.headers:addresses('From')[1] == 'eric.brown@greenstonechambers.co.uk'"));
    CHECK(holds("#message.parts == 2 and #message.attachments == 1"));
    CHECK(holds("message.attachments[1].name == 'notes.zip' and message.attachments[1].size == 4"));
    CHECK(holds("message.attachments[1].type == 'application/zip' and #message.attachments[1].sha256 == 64"));
    CHECK(holds("message.attachments[1].detected_type == 'application/zip'"));
    CHECK(holds("message.attachments[1].members[1] == 'run.exe' and not message.attachments[1].encrypted"));
    CHECK(holds("not message.attachments[1].broken and not message.attachments[1].macros"));
    CHECK(holds("message.parts[1].depth == 1 and not message.parts[1].attachment"));
    CHECK(holds("message.parts[1]:text():find('list this case', 1, true) ~= nil"));
    CHECK(holds("message:text():find('TOP-SECRET', 1, true) ~= nil and #message:text(6) == 6"));
    CHECK(holds("message.size > 100 and message.recipients == 2 and message.origin == 'member'"));
    CHECK(holds("not message.malformed and #message.viruses == 0 and #message.unscannable == 0"));
    CHECK(holds("message.policy.generation == 41"));
}

TEST_CASE("a script sees who writes to whom, and from where")
{
    CHECK(holds("message.sender.address == 'eric.brown@greenstonechambers.co.uk.cjsm.net'"));
    CHECK(holds("message.sender.local_part == 'eric.brown' and message.sender.inside"));
    CHECK(holds("message.sender.organisation.id == 'greenstone' and message.sender.organisation.kind == 'server'"));
    CHECK(holds("message.sender.organisation:has_role('Cleared') and #message.sender.organisation.roles == 1"));
    CHECK(holds("message.sender.organisation.domains[1] == 'greenstonechambers.co.uk'"));
    CHECK(holds("message.recipient.domain == 'crowncourt.example.cjsm.net' and message.recipient.kind == 'function'"));
    CHECK(holds("message.recipient.function_name == 'listing' and message.recipient.first_contact"));
    CHECK(holds("message.recipient.organisation.kind_of_body == 'court'"));
    CHECK(holds("not message.recipient.organisation:has_role('cleared')"));
    CHECK(holds("message.connection.tls and message.connection.address == '203.0.113.9'"));
    CHECK(holds("message.connection.listener == 'members'"));
    CHECK(holds("postern.in_network(message.connection.address, {'10.0.0.0/8', '203.0.113.8/29'})"));
    CHECK(holds("not postern.in_network(nil, '10.0.0.0/8')"));
}

TEST_CASE("a script knows the time")
{
    CHECK(holds("message.time.weekday == 'saturday' and message.time.hour == 21 and message.time.minute == 30"));
    CHECK(holds("message.time.year == 2026 and message.time.month == 11 and message.time.day == 21"));
    CHECK(holds("message.time.second == 15 and message.time.iso == '2026-11-21T21:30:15.000000Z'"));
    CHECK(holds("message.time.epoch == 1795296615"));
    CHECK(holds("message.time:between('20:00', '06:00') and not message.time:between('06:00', '21:30')"));
    CHECK_THAT(error_of("return message.time:between('8', '9')"), Contains("a time of day such as \"18:30\" expected"));
}

TEST_CASE("helpers match as conditions do")
{
    CHECK(holds("postern.matches(message.subject, 'caf? *')"));
    CHECK(holds("postern.matches('a.EXE', {'*.com', '*.exe'})"));
    CHECK(holds("postern.matches('ab', '/^A.$/i') and not postern.matches('ab', '/^A.$/')"));
    CHECK(holds("not postern.matches(nil, '*')"));
    CHECK(holds("postern.size('4 MiB') == 4194304 and postern.duration('2 min') == 120"));
    CHECK_THAT(error_of("postern.matches('a', '/(/')"), Contains("regular expression /(/: missing )"));
    CHECK_THAT(error_of("return postern.size('4')"), Contains("rule.lua:2: postern.size: "));
}

TEST_CASE("a script looks words up in the policy's tables")
{
    CHECK(holds("postern.table('words'):get('COLOUR ') == 'red' and postern.table('words'):count() == 2"));
    CHECK(holds("postern.table('words'):has('top secret') and not postern.table('words'):has('top')"));
    CHECK(holds("postern.table('words'):find(message:text()) == 'top secret'"));
    CHECK(holds("postern.table('words'):find('stop secrets, colours') == nil"));
    CHECK(holds("#postern.table('words'):find_all('colour top secret colour') == 2"));
    const auto answer =
        answer_of("local n = 0 for k, v in postern.table('words'):each() do n = n + #k + #v end return n == 29");
    CHECK(answer.error == "");
    CHECK(answer.holds == true);
    CHECK_THAT(error_of("postern.table('word')"), Contains("(did you mean \"words\"?)"));
}

TEST_CASE("every action can be ordered, and carries what it was given")
{
    const auto answer = answer_of(R"(return {
        postern.accept(), postern.reject("5.7.2 No"), postern.defer("Later"), postern.quarantine("why"),
        postern.hold { reason = "night", lasts = "8 hours" }, postern.redirect("duty@crowncourt.example"),
        postern.add_recipient { "a@b.example", "c@d.example" }, postern.tag_subject("LARGE: "),
        postern.add_header("X-Checked", "Café\r\nX-Evil: yes"), postern.replace_header("X-A", "b"),
        postern.remove_header("X-B"), postern.set_limit("4 MiB"),
        postern.notify { to = { "sender", "a@b.example" }, text = "Taken" }, postern.annotate("seen") })");
    REQUIRE(answer.error == "");
    REQUIRE(answer.orders.size() == 14);
    CHECK_FALSE(answer.holds.has_value());
    for (std::size_t i = 0; i < answer.orders.size(); ++i) CHECK(answer.orders[i].action == static_cast<ActionId>(i));
    CHECK(answer.orders[1].status == Status{7, 2});
    CHECK(answer.orders[1].text == "No");
    CHECK(answer.orders[2].status == Status{7, 1});
    CHECK(answer.orders[3].text == "why");
    CHECK(answer.orders[4].lasts == Duration{std::chrono::hours{8}});
    CHECK(answer.orders[6].addresses.size() == 2);
    CHECK(answer.orders[8].name == "X-Checked");
    CHECK(answer.orders[8].text.find_first_of("\r\n") == std::string::npos);
    CHECK(answer.orders[11].size == 4U << 20);
    CHECK(answer.orders[12].to == std::vector<std::string>{"sender", "a@b.example"});
    CHECK(answer_of("return postern.annotate('x')").orders.size() == 1);
    CHECK(answer_of("return {}").orders.empty());
}

TEST_CASE("wrong arguments say what is expected")
{
    CHECK_THAT(error_of("postern.reject(7)"), Contains("postern.reject: a text such as \"5.7.1"));
    CHECK_THAT(error_of("postern.reject('4.7.1 Later')"), Contains("contradicts reject"));
    CHECK_THAT(error_of("postern.reject('')"), Contains("is empty"));
    CHECK_THAT(error_of("postern.reject('a', 'b')"), Contains("takes at most 1, got 2 arguments"));
    CHECK_THAT(error_of("postern.quarantine { why = 'x' }"), Contains("knows no \"why\"; it takes reason, lasts"));
    CHECK_THAT(error_of("postern.hold { reason = 'x', lasts = 3 }"), Contains("`lasts` is a duration such as"));
    CHECK_THAT(error_of("postern.redirect('nobody')"), Contains("\"nobody\" is no address"));
    CHECK_THAT(error_of("postern.add_header('X A', 'b')"), Contains("\"X A\" is no name of a header field"));
    CHECK_THAT(error_of("postern.add_header('X-A')"), Contains("a value expected, got"));
    CHECK_THAT(error_of("postern.set_limit('4')"), Contains("postern.set_limit: "));
    CHECK_THAT(error_of("postern.notify { to = 'everybody', text = 'x' }"), Contains("no address"));
    CHECK_THAT(error_of("postern.notify { text = 'x' }"), Contains("`to` is sender, recipient, operator"));
    CHECK_THAT(error_of("return message.sizze"),
               Equals("rule.lua:2: message has no field \"sizze\" (did you mean \"size\"?)"));
    CHECK_THAT(error_of("message.size = 1"), Contains("can't be set"));
    CHECK_THAT(error_of("return 7"), Contains("rule.lua: returned number where true, false, nil, an action"));
    CHECK_THAT(error_of("return postern.accept(), postern.accept()"), Contains("returned 2 values"));
    CHECK_THAT(error_of("return { a = postern.accept() }"), Contains("is no list"));
    CHECK_THAT(error_of("return { 'x' }"), Contains("returned string where"));
}

TEST_CASE("an action beyond the rule's may, or not of its file, is an error")
{
    const Mail mail;
    const Scripts scripts(sources_of("rule.lua", "return function() return postern.quarantine('x') end"));
    ports::ScriptCall call;
    call.file = "rule.lua";
    call.rule = "content.yaml:9 rule";
    call.may = {ActionId::add_header};
    auto answer = scripts.made->run(call, mail.facts);
    CHECK(answer.error == "rule.lua: ordered quarantine, which the rule's `may` doesn't name");
    CHECK(answer.orders.empty());
    call.may = {ActionId::quarantine};
    call.where = vocabulary::RuleFile::tagging;
    answer = scripts.made->run(call, mail.facts);
    CHECK(answer.error == "rule.lua: ordered quarantine, which rules of tagging.yaml can't order");
}

TEST_CASE("an error names file, line and callers")
{
    const Mail mail;
    const Scripts scripts(sources_of("rule.lua",
                                     "local function check(m)\n  return m.nothing.at.all\nend\n"
                                     "return function(message)\n  local x = check({})\n  return x\nend\n"));
    CHECK(scripts.run(mail.facts).error ==
          "rule.lua:2: attempt to index a nil value (field 'nothing') (called from rule.lua:5)");
    CHECK_THAT(error_of("error('own words')"), Equals("rule.lua:2: own words"));
    CHECK_THAT(error_of("error({})"), Equals("rule.lua:2: error(table): the error is no text"));
    CHECK_THAT(error_of("error('no place', 0)"), Equals("rule.lua:2: no place"));
    CHECK_THAT(error_of("return print('x')"), Contains("scripts have no print: use postern.log(text)"));
    CHECK_THAT(error_of("count = 1"), Contains("\"count\" is no local variable: write `local count`"));
}

TEST_CASE("what a script says is kept, within bounds")
{
    CHECK(answer_of("postern.log('marking ' .. 3) postern.log(nil)").said ==
          std::vector<std::string>{"marking 3", "nil"});
    const auto answer = answer_of("for i = 1, 100 do postern.log(('x'):rep(5000)) end");
    CHECK(answer.error == "");
    CHECK(answer.said.size() == 50);
    for (const auto& line : answer.said) CHECK(line.size() <= 500);
}

TEST_CASE("fields that are not known yet are errors, and absent ones are nil")
{
    Mail mail;
    mail.facts.stage = vocabulary::Stage::recipient;
    mail.facts.header = nullptr;
    mail.facts.structure = nullptr;
    mail.facts.sender = nullptr;
    mail.facts.sender_organisation = nullptr;
    const Scripts scripts(sources_of("rule.lua", "return function(m) return m.subject end", "absent.lua",
                                     "return function(m) return m.sender.address == nil and "
                                     "m.sender.organisation == nil end",
                                     "scan.lua", "return function(m) return m.attachments[1].macros end"));
    CHECK_THAT(scripts.run(mail.facts).error, Contains("is not known at stage recipient"));
    CHECK(scripts.run(mail.facts, "absent.lua").holds == true);
    Mail unscanned;
    unscanned.facts.inspection = nullptr;
    CHECK_THAT(scripts.run(unscanned.facts, "scan.lua").error, Contains("the scanner has not looked at this message"));
}

TEST_CASE("rates are counted for each rule, and not in a rehearsal")
{
    const Mail mail;
    Scripts scripts(
        sources_of("rule.lua", "return function(m) return postern.rate(m.sender.address, '2 per hour') end"));
    scripts.rehearsal = true;
    for (int i = 0; i < 5; ++i) CHECK(scripts.run(mail.facts).holds == true);
    scripts.rehearsal = false;
    CHECK(scripts.run(mail.facts).holds == true);
    CHECK(scripts.run(mail.facts).holds == true);
    CHECK(scripts.run(mail.facts).holds == false);
    scripts.rehearsal = true;
    CHECK(scripts.run(mail.facts).holds == false);
}

TEST_CASE("require reaches the policy's own modules, in folders too")
{
    const Mail mail;
    const Scripts scripts(sources_of("rule.lua",
                                     "local words = require 'lib.words'\nreturn function(m) return "
                                     "words.is(m) and require('lib.words') == words end",
                                     "lib/words.lua", "return { is = function(m) return m.size > 0 end }"));
    REQUIRE(scripts.made != nullptr);
    CHECK(scripts.run(mail.facts).holds == true);
    CHECK(scripts.made->has("rule.lua"));
    CHECK_FALSE(scripts.made->has("lib/words.lua"));
    CHECK_FALSE(scripts.made->has("none.lua"));
}

TEST_CASE("what is wrong with a script is said when it is loaded, with its line")
{
    const auto fault_of = [](Sources sources) {
        const Scripts scripts(std::move(sources));
        REQUIRE(scripts.made == nullptr);
        REQUIRE(scripts.faults.size() == 1);
        return scripts.faults.front();
    };
    auto fault = fault_of(sources_of("a.lua", "return function(m)\n  return 1 +\nend\n"));
    CHECK(fault.file == "a.lua");
    CHECK(fault.line == 3);
    CHECK_THAT(fault.what, Contains("unexpected symbol near 'end'"));
    fault = fault_of(sources_of("a.lua", "\nlocal x = nil + 1\nreturn function() end"));
    CHECK(fault.line == 2);
    CHECK_THAT(fault.what, Contains("attempt to perform arithmetic on a nil value"));
    fault = fault_of(sources_of("a.lua", "local x = 1"));
    CHECK_THAT(fault.what, Contains("returns nothing where a function is due"));
    CHECK_THAT(fault.remedy, Contains("return function(message)"));
    fault = fault_of(sources_of("a.lua", "return require 'bb'", "b.lua", "return {}"));
    CHECK(fault.line == 1);
    CHECK_THAT(fault.what, Contains("there is no module \"bb\"") && Contains("did you mean b.lua?"));
    fault = fault_of(sources_of("a.lua", "return require '../../etc/passwd'"));
    CHECK_THAT(fault.what, Contains("there is no module"));
    fault = fault_of(sources_of("a.lua", "while true do end"));
    CHECK_THAT(fault.what, Contains("used more than 2000000 instructions"));
    fault = fault_of(sources_of("a.lua", "return postern.rate('a', '1 per hour')"));
    CHECK_THAT(fault.what, Contains("there is no message while a script is loaded"));
    fault = fault_of(sources_of("a.lua", std::string("\x1bLua") + std::string(40, '\0')));
    CHECK_THAT(fault.what, Contains("scripts are text"));

    const Scripts cyclic(sources_of("a.lua", "return require 'b'", "b.lua", "return require 'a'"));
    CHECK(cyclic.made == nullptr);
    REQUIRE_FALSE(cyclic.faults.empty());
    CHECK_THAT(cyclic.faults.front().what, Contains("requires itself: a.lua -> b.lua -> a.lua"));
}
