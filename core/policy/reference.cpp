#include "policy/reference.hpp"

#include "policy/event_reference.hpp"
#include "policy/schema.hpp"
#include "policy/spelling.hpp"
#include "vocabulary/actions.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace postern::policy {

namespace {

using vocabulary::ActionId;
using vocabulary::ActionInfo;
using vocabulary::ActionKind;
using vocabulary::FieldId;
using vocabulary::FieldInfo;
using vocabulary::FieldType;
using vocabulary::Stage;

/// What a page says of a field beyond the table: a value for the example, and when the field is absent or unknown.
struct FieldNotes {
    FieldId id;
    std::string_view value;
    std::string_view missing;
};

constexpr std::string_view scanner_unknown =
    "While the scanner does not answer the clause is unknown, and the message is deferred unless the rest decides.";
constexpr std::string_view null_sender = "Absent for reports, whose envelope sender is `<>`.";

constexpr std::array notes = std::to_array<FieldNotes>({
    {FieldId::connection_address, "203.0.113.8/29", "Absent for mail that Postern makes itself."},
    {FieldId::connection_tls, "false", ""},
    {FieldId::connection_listener, "members", "Absent for mail that Postern makes itself."},
    {FieldId::origin, "report", ""},
    {FieldId::time, "{ between: [\"20:00\", \"06:00\"] }", ""},
    {FieldId::time_weekday, "[saturday, sunday]", ""},
    {FieldId::time_date, "\"2026-12-25\"", ""},
    {FieldId::sender_address, "\"*@greenstonechambers.co.uk\"", null_sender},
    {FieldId::sender_domain, "greenstonechambers.co.uk", null_sender},
    {FieldId::sender_organisation, "[greenstone, smith]", ""},
    {FieldId::sender_organisation_kind, "mailbox", ""},
    {FieldId::sender_organisation_kind_of_body, "police", "Absent where its file does not say."},
    {FieldId::sender_organisation_role, "cleared", "Absent where its file gives it none."},
    {FieldId::recipient_address, "\"custody@*\"", ""},
    {FieldId::recipient_domain, "crowncourt.example", ""},
    {FieldId::recipient_inside, "true", ""},
    {FieldId::recipient_kind, "group", "Absent for addresses that are in no directory here."},
    {FieldId::recipient_function, "custody", "Absent for persons and groups."},
    {FieldId::recipient_organisation, "crown-court", "Absent outside the community."},
    {FieldId::recipient_organisation_kind, "server", "Absent outside the community."},
    {FieldId::recipient_organisation_kind_of_body, "court", "Absent where its file does not say."},
    {FieldId::recipient_organisation_role, "cleared", "Absent where its file gives it none."},
    {FieldId::recipient_first_contact, "true", "Unknown while the ledger can't be read: the message is deferred."},
    {FieldId::message_size, "\"> 4 MiB\"", ""},
    {FieldId::message_subject, "\"*urgent*\"", "Absent where the message has no Subject."},
    {FieldId::message_recipients, "\"> 50\"", ""},
    {FieldId::message_from, "\"*@greenstonechambers.co.uk\"", "Absent where the message has no From."},
    {FieldId::message_reply_to, "\"*@elsewhere.example\"", "Absent where the message has no Reply-To."},
    {FieldId::message_to, "\"everybody@*\"", "Absent where the message has neither To nor Cc."},
    {FieldId::message_structure, "[malformed, too_deep, too_many]", ""},
    {FieldId::message_virus, "\"Heuristics.*\"",
     "Absent where none was found. A rule that asks for it may reject, quarantine, notify and annotate: a virus never "
     "goes on."},
    {FieldId::message_unscannable, "[encrypted, macros]",
     "Absent where it was looked into to the end. A rule with a verdict that asks for a reason decides about it, "
     "instead of `unscannable:`."},
    {FieldId::attachment_count, "\"> 20\"", ""},
    {FieldId::attachment_name, "[\"*.iso\", \"*.img\"]", "Absent for an attachment without a name."},
    {FieldId::attachment_type, "\"application/x-*\"", ""},
    {FieldId::attachment_detected_type, "\"application/x-dosexec\"", scanner_unknown},
    {FieldId::attachment_size, "\"> 5 MiB\"", ""},
    {FieldId::attachment_sha256, "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"", ""},
    {FieldId::attachment_member, "\"*.exe\"", scanner_unknown},
    {FieldId::attachment_encrypted, "true", scanner_unknown},
    {FieldId::attachment_broken, "true", scanner_unknown},
    {FieldId::attachment_macros, "true", scanner_unknown},
    {FieldId::header, "\"*restricted*\"", "Absent where the message has no such field."},
});

const FieldNotes* notes_on(FieldId id)
{
    const auto found = std::ranges::find(notes, id, &FieldNotes::id);
    return found == notes.end() ? nullptr : &*found;
}

std::string file_of(FileKind kind)
{
    if (kind == FileKind::organisation) return "organisations/*.yaml";
    return kind == FileKind::tests ? "tests/*.yaml" : fmt::format("{}.yaml", kind_name(kind));
}

/// "header.NAME" as one writes it.
std::string written(const FieldInfo& field)
{
    return field.id == FieldId::header ? "header.X-Protective-Marking" : std::string(field.name);
}

std::string field_link(const FieldInfo& field, std::string_view folder)
{
    return fmt::format("[`{}`]({}{}.md)", field.name, folder, field.name);
}

std::string action_link(const ActionInfo& action, std::string_view folder)
{
    return fmt::format("[`{}`]({}{}.md)", action.name, folder, action.name);
}

std::string_view when_known(Stage stage)
{
    switch (stage) {
        case Stage::connect:
            return "as soon as a server has connected";
        case Stage::sender:
            return "once the sender is known (MAIL FROM)";
        case Stage::recipient:
            return "once a recipient is named (RCPT TO)";
        case Stage::message:
            return "once the whole message is here, before it is answered";
        case Stage::delivery:
            return "when the message is handed over";
    }
    return "";
}

/// The files whose rules are decided late enough to ask for it.
std::string_view files_that_ask(Stage from)
{
    return from <= Stage::recipient
               ? "`routing.yaml`, `permissions.yaml`, `limits.yaml`, `tagging.yaml` and `content.yaml`"
               : "`tagging.yaml` and `content.yaml`";
}

std::string joined_words(std::span<const std::string_view> words)
{
    std::vector<std::string> quoted;
    for (const auto word : words) quoted.push_back(fmt::format("`{}`", word));
    return fmt::format("{}", fmt::join(quoted, ", "));
}

std::string forms_of(const FieldInfo& field)
{
    std::string text = field.type == FieldType::word ? fmt::format("One of {}.", joined_words(field.words))
                                                     : std::string(spelling_of(field.type).words);
    if (field.type == FieldType::size) text += " `{ between: [1 MiB, 4 MiB] }` takes both ends in.";
    if (field.type == FieldType::number) text += " `{ between: [10, 20] }` takes both ends in.";
    if (field.type == FieldType::time) text += " Written `{ between: [\"20:00\", \"06:00\"] }`.";
    text += " A list means any of its values; `absent` asks whether the field is not there.";
    const auto& examples = spelling_of(field.type).examples;
    if (!examples.empty()) text += fmt::format("\n\nFor example `{}`.", fmt::join(examples, "`, `"));
    return text;
}

std::string example_of(const FieldInfo& field)
{
    const auto* about = notes_on(field.id);
    const std::string clause = fmt::format("{}: {}", written(field), about != nullptr ? about->value : "absent");
    if (field.from <= Stage::recipient)
        return fmt::format(
            "```yaml\n# permissions.yaml\nmail:\n  - name: example\n    when: {{ {} }}\n"
            "    then: {{ refuse: \"5.7.1 This is not carried\" }}\n```\n",
            clause);
    return fmt::format(
        "```yaml\n# content.yaml\nrules:\n  - name: example\n    when: {{ {} }}\n"
        "    then: {{ quarantine: \"somebody should look at it\" }}\n```\n",
        clause);
}

std::string field_page(const FieldInfo& field)
{
    auto page = fmt::format("# `{}`\n\n{}.\n\n", field.name, field.description);
    page += fmt::format("Known from stage [{}](../stages.md) on: {}. Rules of {} can ask for it.\n\n",
                        vocabulary::stage_name(field.from), when_known(field.from), files_that_ask(field.from));
    page += fmt::format("## Values\n\n{}\n\n", forms_of(field));
    if (field.of_attachment)
        page +=
            "A message can have several attachments: the clause holds where it does for some attachment, and clauses "
            "on "
            "attachments that stand in one map mean one and the same. Under `not` it means that there is none.\n\n";
    if (const auto* about = notes_on(field.id); about != nullptr && !about->missing.empty())
        page += fmt::format("## Absent or unknown\n\n{}\n\n", about->missing);
    page += fmt::format("## Example\n\n{}\n", example_of(field));
    const std::string family(field.name.substr(0, field.name.find('.')));
    std::vector<std::string> related;
    for (const auto& other : vocabulary::fields())
        if (other.id != field.id && other.name.starts_with(family)) related.push_back(field_link(other, ""));
    if (!related.empty()) page += fmt::format("Related: {}. ", fmt::join(related, ", "));
    return page + "How conditions are put together: [conditions](../conditions.md).\n";
}

std::string_view order_of(ActionKind kind)
{
    switch (kind) {
        case ActionKind::verdict:
            return "A verdict: the first rule that orders one decides about the recipient, and no rule behind it is "
                   "considered. One rule orders at most one.";
        case ActionKind::envelope:
            return "Changes who gets the message. Those of all rules up to the one that decides add up, in order; a "
                   "recipient that an action adds passes the checks of any other recipient, once, and never leaves the "
                   "community.";
        case ActionKind::edit:
            return "Changes how this recipient's copy looks. Those of all rules up to the one that decides are made in "
                   "order, each on what the one before left.";
        case ActionKind::side:
            return "Decides nothing. Those of all rules up to the one that decides add up, in order.";
    }
    return "";
}

std::string action_page(const ActionInfo& action)
{
    auto page = fmt::format("# `{}`\n\n{}\n\n{}\n\n", action.name, action.description, order_of(action.kind));
    std::vector<std::string> files;
    for (const auto file : action.files) files.push_back(fmt::format("`{}`", vocabulary::file_name(file)));
    page += fmt::format("Takes {}. Rules and scripts of {} may order it; a script calls it `postern.{}`.\n\n",
                        action.takes, fmt::join(files, " and "), action.name);
    const bool permission = vocabulary::belongs(action.id, vocabulary::RuleFile::permissions);
    const bool bare = action.example.find(':') == std::string_view::npos;
    const auto then = bare ? std::string(action.example) : fmt::format("{{ {} }}", action.example);
    page +=
        fmt::format("## Example\n\n```yaml\n# {}\n{}:\n  - name: example\n    when: {{ {} }}\n    then: {}\n```\n\n",
                    permission ? "permissions.yaml" : "content.yaml", permission ? "mail" : "rules",
                    permission ? "sender.organisation: greenstone" : "message.subject: \"*example*\"", then);
    std::vector<std::string> related;
    for (const auto& other : vocabulary::actions())
        if (other.id != action.id && other.kind == action.kind) related.push_back(action_link(other, ""));
    page += fmt::format("Related: {}. All in their order: [actions](../actions.md).\n", fmt::join(related, ", "));
    return page;
}

std::string stages_page()
{
    std::string page =
        "# Stages and fields\n\nMail meets the stages in this order. A field exists from its stage on; a rule that "
        "asks for "
        "one too early is an error when the policy is read.\n\n| rules of | are decided at stage |\n| --- | --- |\n"
        "| `routing.yaml`, `permissions.yaml`, `limits.yaml` | recipient |\n| `tagging.yaml`, `content.yaml` | message "
        "|\n";
    for (const auto stage : {Stage::connect, Stage::sender, Stage::recipient, Stage::message}) {
        page += fmt::format("\n## {}\n\nKnown {}.\n\n| field | |\n| --- | --- |\n", vocabulary::stage_name(stage),
                            when_known(stage));
        for (const auto& field : vocabulary::fields())
            if (field.from == stage)
                page += fmt::format("| {} | {} |\n", field_link(field, "fields/"), field.description);
    }
    return page;
}

std::string actions_page()
{
    std::string page =
        "# Actions\n\n`then:` is an action's name (`accept`), a map of actions in order, or a list of both. Rules are "
        "evaluated for each recipient, in the file's order. The first rule that orders a verdict decides; edits, "
        "notices, "
        "notes and limits of the rules up to and including that one add up in order.\n\nOne message can get several "
        "verdicts, and SMTP has one answer: all refused is a refusal, all deferred is a 4xx, and otherwise the message "
        "is "
        "taken: refused recipients get a report, quarantined and held ones wait in that state, deferred ones wait and "
        "are "
        "decided again.\n\nTexts take `${FIELD}`: controls are dropped, and a value is cut at 200 bytes. A status "
        "begins "
        "with the digit of its action, 5 or 4; another is an error.\n";
    for (const auto& [kind, title] :
         std::to_array<std::pair<ActionKind, std::string_view>>({{ActionKind::verdict, "Verdicts"},
                                                                 {ActionKind::envelope, "Recipients"},
                                                                 {ActionKind::edit, "Edits"},
                                                                 {ActionKind::side, "Notices, notes and limits"}})) {
        page += fmt::format("\n## {}\n\n{}\n\n| action | |\n| --- | --- |\n", title, order_of(kind));
        for (const auto& action : vocabulary::actions())
            if (action.kind == kind)
                page += fmt::format("| {} | {} |\n", action_link(action, "actions/"), action.description);
    }
    return page;
}

std::string conditions_page()
{
    return R"(# Conditions

`when:` is a map: all of its entries must hold. A list of values means any of them. `not`, `any` and `all` take conditions
and nest.

```yaml
# content.yaml
rules:
  - name: disk-images-at-weekends
    when:
      sender.organisation: greenstone
      attachment.name: ["*.iso", "*.img"]
      any:
        - { time.weekday: [saturday, sunday] }
        - { time: { between: ["20:00", "06:00"] } }
      not: { recipient.organisation.role: cleared }
    then: { reject: "5.7.1 Disk images are not carried now" }
```

- **Text** matches without regard to case. `*` stands for anything, `?` for one character. `/.../` is a regular expression that
  matches some part, `/.../i` one without regard to case; its time is linear in the text, whatever it is.
- **Text that begins with `=`, `<`, `>` or `/`** is written with `=` in front: `"=/etc/passwd"`.
- **Sizes and numbers** compare: `"> 4 MiB"`, `"<= 20"`, `{ between: [1 MiB, 4 MiB] }`. A size without a unit is an error.
- **Times** are in UTC: `{ between: ["20:00", "06:00"] }` goes over midnight.
- **Networks** match by containment.
- **Organisations and roles** are names that must exist.
- **Many values.** On a field with several values a clause means *some value*, and under `not` *none*.
- **Absent.** A field that is not there matches only `absent`.
- **Unknown.** A clause whose look-up is not available is unknown. Where the rest decides without it, it decides; otherwise the
  message is deferred: nothing is accepted because something could not be asked.

Fields and the stages from which they exist: [stages](stages.md).
)";
}

std::string example_suffix(const Spelling& spelling)
{
    return spelling.examples.empty() ? "" : fmt::format(" For example `{}`.", fmt::join(spelling.examples, "`, `"));
}

std::string value_of(const Shape& shape)
{
    switch (shape.form) {
        case Form::word: {
            std::vector<std::string_view> words(shape.words.begin(), shape.words.end());
            if (shape.meanings.empty()) return fmt::format("One of {}.", joined_words(words));
            std::string text = "One of";
            for (std::size_t i = 0; i < shape.words.size(); ++i)
                text += fmt::format("{} `{}`: {}", i == 0 ? "" : " ·", shape.words[i], shape.meanings[i]);
            return text;
        }
        case Form::count:
        case Form::factor:
            return fmt::format("A {}number from {} to {}.", shape.form == Form::count ? "whole " : "", shape.least,
                               shape.most);
        case Form::list:
            return fmt::format("A list, at least one. {}", value_of(shape.items.front()));
        case Form::either: {
            std::vector<std::string> forms;
            for (const auto& item : shape.items) forms.push_back(value_of(item));
            return fmt::format("Either: {}", fmt::join(forms, " Or: "));
        }
        case Form::condition:
            return fmt::format("A [condition](../conditions.md) at stage {}.", vocabulary::stage_name(shape.stage));
        case Form::event_condition:
            return "A [condition](../conditions.md) over the fields of the rule's events.";
        case Form::orders:
            return "[Actions](../actions.md).";
        case Form::field:
            return "The name of a [field](../stages.md).";
        default:
            return std::string(spelling_of(shape.form).words) + example_suffix(spelling_of(shape.form));
    }
}

void add_keys(std::string& page, const Shape& shape, const std::string& above)
{
    if (shape.form == Form::list || shape.form == Form::either) {
        for (const auto& item : shape.items)
            add_keys(page, item, above.empty() || shape.form == Form::either ? above : above + "[]");
        return;
    }
    for (const auto& key : shape.keys) {
        const auto name = above.empty() ? key.name : fmt::format("{}.{}", above, key.name);
        page += fmt::format("\n### `{}`{}\n\n{}\n\n{}\n", name, key.required ? " (required)" : "", key.description,
                            value_of(key.shape));
        add_keys(page, key.shape, name);
    }
}

std::string file_page(FileKind kind)
{
    auto page = fmt::format("# {}\n\nIts [JSON Schema](../../{}.schema.json) says the same to editors.\n",
                            file_of(kind), kind_name(kind));
    add_keys(page, shape_of(kind), {});
    return page;
}

std::string index_page()
{
    std::string page =
        "# Reference of the policy language\n\nMade from the tables that the engine itself reads policies by; every "
        "example "
        "here is read by it in a test.\n\n- [Conditions](conditions.md): how `when:` is written\n- [Stages and "
        "fields](stages.md): what conditions can ask, and from when on\n- [Actions](actions.md): what rules and "
        "scripts "
        "order, and in which order it happens\n- [Events](events.md): what alerts.yaml tells people of\n\n## Files\n\n";
    for (const auto kind : file_kinds()) page += fmt::format("- [{}](files/{}.md)\n", file_of(kind), kind_name(kind));
    page += "\n## Fields\n\n";
    for (const auto& field : vocabulary::fields())
        page += fmt::format("- {}: {}\n", field_link(field, "fields/"), field.description);
    page += "\n## Actions\n\n";
    for (const auto& action : vocabulary::actions())
        page += fmt::format("- {}: {}\n", action_link(action, "actions/"), action.description);
    return page;
}

}  // namespace

std::map<std::string, std::string> reference_pages()
{
    std::map<std::string, std::string> pages{{"README.md", index_page()},
                                             {"conditions.md", conditions_page()},
                                             {"stages.md", stages_page()},
                                             {"events.md", events_page()},
                                             {"actions.md", actions_page()}};
    for (const auto& field : vocabulary::fields()) pages[fmt::format("fields/{}.md", field.name)] = field_page(field);
    for (const auto& action : vocabulary::actions())
        pages[fmt::format("actions/{}.md", action.name)] = action_page(action);
    for (const auto kind : file_kinds()) pages[fmt::format("files/{}.md", kind_name(kind))] = file_page(kind);
    return pages;
}

}  // namespace postern::policy
