#include "policy/test_file.hpp"

#include "base/text.hpp"
#include "policy/keys.hpp"
#include "policy/matcher.hpp"
#include "policy/parse.hpp"
#include "policy/values.hpp"
#include "policy/yaml_reader.hpp"
#include "vocabulary/findings.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

namespace postern::policy {

namespace {

using vocabulary::DirectoryEntry;

std::vector<std::string> one_or_more(const Values& map, std::string_view key)
{
    const auto* node = map.node(key);
    if (node == nullptr) return {};
    return node->is_list() ? map.texts(key) : std::vector{node->text};
}

std::vector<mail::Address> addresses(const Values& map, std::string_view key)
{
    std::vector<mail::Address> read;
    for (const auto& text : one_or_more(map, key))
        if (auto address = mail::Address::parse(text)) read.push_back(std::move(*address));
    return read;
}

std::vector<std::pair<std::string, std::string>> header_texts(const Values& map, std::string_view key)
{
    std::vector<std::pair<std::string, std::string>> read;
    if (const auto* node = map.node(key); node != nullptr && node->is_map())
        for (const auto& entry : node->entries) read.emplace_back(entry.key, entry.value.text);
    return read;
}

/// Says what is wrong with a text that is to be matched.
void check_matcher(Source& source, const YamlNode* node)
{
    if (node == nullptr || !node->is_text() || node->text == "absent") return;
    if (const auto matcher = parse_text_matcher(node->text); !matcher)
        source.error_from(node->place, matcher.error().detail());
}

TestAttachment read_attachment(const Values& map)
{
    TestAttachment attachment;
    attachment.name = map.text("name");
    attachment.type = map.has("type") ? to_lower(map.text("type")) : "application/octet-stream";
    attachment.detected_type = map.has("detected_type") ? to_lower(map.text("detected_type")) : attachment.type;
    attachment.text = map.text("text");
    attachment.size = map.size("size");
    attachment.members = map.texts("members");
    attachment.encrypted = map.boolean("encrypted", false);
    attachment.broken = map.boolean("broken", false);
    attachment.macros = map.boolean("macros", false);
    return attachment;
}

bool is_safe_name(std::string_view name)
{
    return !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos;
}

TestMessage read_message(Source& source, const Values& map)
{
    TestMessage message;
    message.file = map.text("file");
    message.viruses = one_or_more(map, "virus");
    message.unscannable = one_or_more(map, "unscannable");
    if (map.has("file")) {
        if (!is_safe_name(message.file))
            source.error(map.place("file"), "a test's message lies beside it", "file: message.eml");
        for (const char* other : {"subject", "headers", "text", "size", "attachments"})
            if (map.has(other))
                source.error(map.key_place(other), fmt::format("\"{}\" beside \"file\"", other),
                             "the file is the whole message; take one of them out");
        return message;
    }
    if (map.has("subject")) message.subject = map.text("subject");
    message.headers = header_texts(map, "headers");
    message.text = map.text("text");
    message.size = map.size("size");
    for (const auto& node : map.items("attachments")) message.attachments.push_back(read_attachment(Values(node)));
    return message;
}

TestGiven read_given(Source& source, const Values& map)
{
    TestGiven given;
    given.connects_from = map.text("connects_from");
    const auto from = map.text("from");
    if (!from.empty() && from != "<>") {
        if (auto address = mail::Address::parse(from))
            given.from = std::move(*address);
        else
            source.error(map.place("from"), fmt::format("\"{}\" is no address", printable(from)),
                         "from: eric.brown@greenstonechambers.co.uk, or \"<>\" for a report");
    }
    if (!given.from && given.connects_from.empty() && map.has("from"))
        source.error(map.place("from"), "nothing says whose connection it is", "add connects_from: ORGANISATION");
    given.to = addresses(map, "to");
    if (map.has("at"))
        if (auto at = parse_instant(map.text("at"))) given.at = *at;
    if (map.has("first_contact")) given.first_contact = map.boolean("first_contact", true);
    given.message = read_message(source, map.map("message"));
    return given;
}

TestExpectation read_expectation(Source& source, const Values& map)
{
    TestExpectation expected;
    expected.place = map.place();
    expected.recipient = map.address("recipient");
    expected.verdict = map.text("verdict");
    expected.organisation = map.text("organisation");
    if (map.has("subject")) expected.subject = map.text("subject");
    expected.headers = header_texts(map, "headers");
    expected.reply = map.text("reply");
    expected.rules = one_or_more(map, "rule");
    expected.rules_not = one_or_more(map, "rule_not");
    expected.route = map.text("route");
    expected.next_hop = map.text("next_hop");
    expected.limit = map.size("limit");
    expected.notified = one_or_more(map, "notified");
    expected.redirected_to = map.address("redirected_to");
    expected.added = addresses(map, "added");
    expected.notes = one_or_more(map, "notes");
    check_matcher(source, map.node("reply"));
    check_matcher(source, map.node("next_hop"));
    if (const auto* headers = map.node("headers"); headers != nullptr && headers->is_map())
        for (const auto& entry : headers->entries) check_matcher(source, &entry.value);
    return expected;
}

Shape simple(Form form)
{
    return {.form = form};
}

Shape map_of(std::vector<Key> keys)
{
    return {.form = Form::map, .keys = std::move(keys)};
}

Shape list_of(Shape item)
{
    return {.form = Form::list, .items = {std::move(item)}};
}

Shape words(std::vector<std::string> allowed)
{
    return {.form = Form::word, .words = std::move(allowed)};
}

Shape one_or_list(const Shape& item)
{
    return {.form = Form::either, .items = {item, list_of(item)}};
}

Shape some(Form form)
{
    return one_or_list(simple(form));
}

constexpr bool required = true;

Shape attachment_shape()
{
    return map_of({{"name", simple(Form::text), "File name.", required},
                   {"type", simple(Form::text), "Declared type; application/octet-stream where absent."},
                   {"detected_type", simple(Form::text), "What the scanner sees; as declared where absent."},
                   {"text", simple(Form::prose), "Its content."},
                   {"size", simple(Form::size), "Its content is made that long."},
                   {"members", list_of(simple(Form::text)), "Names of files in it that the scanner sees."},
                   {"encrypted", simple(Form::boolean), "The scanner can't look inside without a password."},
                   {"broken", simple(Form::boolean), "The scanner sees an archive that ends or breaks within."},
                   {"macros", simple(Form::boolean), "The scanner sees macros."}});
}

Shape message_shape()
{
    constexpr auto& obstacles = vocabulary::obstacle_names;
    return map_of({{"subject", simple(Form::prose), "Subject, as people write it."},
                   {"size", simple(Form::size), "Of the whole message; filled up with text."},
                   {"headers", simple(Form::header_map),
                    "Fields that it has besides From, To, Date and Message-ID; these where given."},
                   {"text", simple(Form::prose), "What it says."},
                   {"attachments", list_of(attachment_shape()), "What hangs on it."},
                   {"virus", some(Form::text), "Signatures of the viruses that the scanner finds."},
                   {"unscannable", one_or_list(words({obstacles.begin(), obstacles.end()})),
                    "What keeps the scanner from looking into it to the end; what attachments say counts as well."},
                   {"file", simple(Form::path), "A whole message instead, beside this file: message.eml."}});
}

Shape given_shape()
{
    return map_of(
        {{"connects_from", simple(Form::id), "Organisation whose server brings it; that of `from` where absent."},
         {"from", simple(Form::text), "MAIL FROM: an address, or \"<>\".", required},
         {"to", some(Form::address), "RCPT TO, in the order said.", required},
         {"at", simple(Form::instant), "When, in UTC; now where absent."},
         {"first_contact", simple(Form::boolean),
          "Whether the recipients never got anything from this sender; true where absent."},
         {"message", message_shape(), "The message; a short one where absent."}});
}

std::vector<Key> expectation_keys()
{
    return {{"verdict", words(test_verdicts()), "refuse: at MAIL or RCPT; reject: after the content."},
            {"organisation", simple(Form::id), "Of the recipient."},
            {"subject", simple(Form::prose), "Subject of the copy, exactly."},
            {"headers", simple(Form::header_map), "Fields of the copy, matched as in conditions; `absent`."},
            {"reply", simple(Form::prose), "What the sender's server reads, matched; with or without the SMTP code."},
            {"rule", some(Form::text), "Rules that must hold."},
            {"rule_not", some(Form::text), "Rules that must not."},
            {"route", simple(Form::text), "Name of the route, or deliver_to."},
            {"next_hop", simple(Form::text), "Where it goes, matched: \"mail.example.org:25\"."},
            {"limit", simple(Form::size), "What the recipient may receive."},
            {"notified", some(Form::text), "To whom notices go."},
            {"redirected_to", simple(Form::address), "Who gets it instead."},
            {"added", some(Form::address), "Who gets it as well."},
            {"notes", some(Form::prose), "What rules note, matched."}};
}

Shape expect_shape()
{
    auto one = expectation_keys();
    one.push_back({"recipient", simple(Form::address), "The recipient that is meant; all where absent."});
    auto item = map_of(one);
    return {.form = Form::either, .items = {item, list_of(item)}};
}

Shape person_shape()
{
    return map_of({{"address", simple(Form::address), "As the member writes it.", required},
                   {"organisation", simple(Form::id), "Needed only for addresses directly at the suffix."},
                   {"kind", words({"user", "function", "group"}), "function where `function` is given, else user."},
                   {"function", simple(Form::text), "Name of the desk: custody."},
                   {"status", words({"invited", "active", "suspended", "removed"}), "active where absent."},
                   {"moved_to", simple(Form::address), "Of a removed entry."}});
}

Shape alert_test_shape()
{
    std::vector<std::string> names;
    std::vector<Key> thresholds;
    for (const auto& event : vocabulary::events()) {
        names.emplace_back(event.name);
        if (!event.threshold.empty())
            thresholds.push_back({std::string(event.threshold), simple(Form::text),
                                  fmt::format("The threshold of {} that was passed.", event.name)});
    }
    const Shape event{.form = Form::either, .items = {words(std::move(names)), map_of(std::move(thresholds))}};
    return map_of(
        {{"name", simple(Form::text), "What must be so, in words.", required},
         {"given",
          map_of({{"event", event, "What happens: a name, or { threshold: value }.", required},
                  {"fields", simple(Form::header_map), "What it carries: name: text."},
                  {"at", simple(Form::instant), "When, in UTC; now where absent."}}),
          "The event.", required},
         {"expect",
          map_of({{"rule", some(Form::text), "Rules that must make an alert."},
                  {"rule_not", some(Form::text), "Rules that must not."},
                  {"told", some(Form::address), "Who must be told by mail, as alerts.yaml names them or as inside."},
                  {"told_not", some(Form::address), "Who must not."},
                  {"told_notice", some(Form::address), "Who must be told, being outside: without content."}}),
          "What alerts.yaml must make of it.", required}});
}

void read_event(Source& source, const YamlNode* node, vocabulary::Event& event)
{
    if (node == nullptr) return;
    const auto* entry = node->is_map() && node->entries.size() == 1 ? &node->entries.front() : nullptr;
    if (node->is_map() && entry == nullptr)
        return source.error(node->place, "one event is given", "event: virus_found");
    const auto* kind = vocabulary::find_event(entry ? entry->key : node->text);
    if (kind == nullptr) return;  // named by the shape already
    event.id = kind->id;
    event.text = kind->description;
    if (kind->threshold.empty()) return;
    const auto threshold = vocabulary::parse_threshold(kind->form, entry ? entry->value.text : kind->usual);
    if (threshold)
        event.fields.emplace_back("threshold", threshold->text);
    else
        source.error_from(entry ? entry->value.place : node->place, threshold.error().detail());
}

AlertTest read_alert_test(Source& source, const YamlNode& node, std::set<std::string>& names)
{
    const Values map(node);
    AlertTest test;
    test.name = map.text("name");
    test.file = source.file();
    test.place = map.place("name");
    if (!test.name.empty() && !names.insert(test.name).second)
        source.error(test.place, fmt::format("a second test \"{}\"", printable(test.name)), "give it another name");
    const auto given = map.map("given");
    read_event(source, given.node("event"), test.event);
    test.event.object = "test";
    if (given.has("at"))
        if (auto at = parse_instant(given.text("at"))) test.event.at = *at;
    if (const auto* fields = given.node("fields"); fields != nullptr && fields->is_map())
        for (const auto& field : fields->entries) {
            if (!vocabulary::carries(vocabulary::info(test.event.id), field.key))
                source.error(field.place, fmt::format("{} carries no \"{}\"", vocabulary::info(test.event.id).name,
                                                      printable(field.key, 60)));
            test.event.fields.emplace_back(field.key, field.value.text);
        }
    const auto expect = map.map("expect");
    test.rules = one_or_more(expect, "rule");
    test.rules_not = one_or_more(expect, "rule_not");
    test.told = one_or_more(expect, "told");
    test.told_not = one_or_more(expect, "told_not");
    test.told_notice = one_or_more(expect, "told_notice");
    return test;
}

PolicyTest read_test(Source& source, const YamlNode& node, std::set<std::string>& names)
{
    const Values map(node);
    PolicyTest test;
    test.name = map.text("name");
    test.file = source.file();
    test.place = map.place("name");
    if (!test.name.empty() && !names.insert(test.name).second)
        source.error(test.place, fmt::format("a second test \"{}\"", printable(test.name)), "give it another name");
    test.given = read_given(source, map.map("given"));
    const auto* expect = map.node("expect");
    if (expect == nullptr) return test;
    if (expect->is_map()) test.expect.push_back(read_expectation(source, Values(expect)));
    if (expect->is_list())
        for (const auto& item : expect->items) test.expect.push_back(read_expectation(source, Values(item)));
    return test;
}

DirectoryEntry read_person(const Values& map, const mail::Address& address)
{
    DirectoryEntry entry;
    entry.address = address;
    entry.organisation = map.text("organisation");
    entry.function = map.text("function");
    entry.kind = vocabulary::entry_kind_named(map.text("kind"))
                     .value_or(entry.function.empty() ? vocabulary::EntryKind::user : vocabulary::EntryKind::function);
    entry.status = vocabulary::entry_status_named(map.text("status")).value_or(vocabulary::EntryStatus::active);
    entry.moved_to = map.text("moved_to");
    return entry;
}

}  // namespace

const std::vector<std::string>& test_verdicts()
{
    static const std::vector<std::string> words{"deliver", "reject",   "defer", "quarantine",
                                                "hold",    "redirect", "refuse"};
    return words;
}

Shape tests_shape()
{
    const auto test =
        map_of({{"name", simple(Form::text), "What must be so, in words.", required},
                {"given", given_shape(), "The mail.", required},
                {"expect", expect_shape(), "What must come of it; what is not named is not looked at.", required}});
    return map_of({{"people", list_of(person_shape()),
                    "Who is listed, for these tests; where absent, directory.yaml says, or everybody is."},
                   {"tests", list_of(test), "Run by `postern test` and before each reload."},
                   {"alerts", list_of(alert_test_shape()), "The same for alerts.yaml: events, and who is told."}});
}

TestsFile read_tests_file(Source& source, const YamlNode& tree)
{
    check_shape(source, tree, shape_of(FileKind::tests), {});
    const Values top(tree);
    TestsFile file;
    file.file = source.file();
    if (top.has("people")) {
        file.people.emplace();
        for (const auto& node : top.items("people"))
            if (const auto address = Values(node).address("address"))
                file.people->push_back(read_person(Values(node), *address));
    }
    std::set<std::string> names;
    for (const auto& node : top.items("tests")) file.tests.push_back(read_test(source, node, names));
    for (const auto& node : top.items("alerts")) file.alerts.push_back(read_alert_test(source, node, names));
    return file;
}

TestsFile parse_tests_file(std::string_view bytes, const std::string& name, Diagnostics& diagnostics)
{
    Source source(name, bytes, diagnostics);
    const auto tree = read_yaml(source);
    if (tree) return read_tests_file(source, *tree);
    TestsFile empty;
    empty.file = name;
    return empty;
}

}  // namespace postern::policy
