#include "vocabulary/actions.hpp"

#include <algorithm>
#include <array>

namespace postern::vocabulary {

namespace {

using enum RuleFile;

constexpr std::array only_content{content};
constexpr std::array marking{tagging, content};
constexpr std::array limiting{limits, content};
constexpr std::array permitting{permissions};
constexpr std::array noting{content, alerts};

constexpr std::array<ActionInfo, 16> table{{
    {ActionId::accept, "accept", ActionKind::verdict, only_content, "nothing", "accept",
     "The message goes on to this recipient; no content rule behind this one is considered for it."},
    {ActionId::reject, "reject", ActionKind::verdict, only_content, "a status and a text",
     "reject: \"5.7.1 Programs are not carried\"",
     "The recipient is refused for good: 550 where it is the only verdict, else a failure report."},
    {ActionId::defer, "defer", ActionKind::verdict, only_content, "a status and a text",
     "defer: \"4.7.1 Please try again after eight\"",
     "The recipient is put off: 451 where it is the only verdict, else the message waits here and is decided again."},
    {ActionId::quarantine, "quarantine", ActionKind::verdict, only_content, "a reason, and for how long",
     "quarantine: { reason: \"marked above this service's level\", for: 30 days }",
     "The message is taken and kept for people to decide: `postern quarantine`."},
    {ActionId::hold, "hold", ActionKind::verdict, only_content, "a reason, and for how long",
     "hold: { reason: \"nobody reads at night\", for: 8 hours }",
     "The message is taken and waits; it goes on by itself after that time, or when an administrator releases it."},
    {ActionId::redirect, "redirect", ActionKind::envelope, only_content, "an address inside the community",
     "redirect: duty@crowncourt.example.cjsm.net",
     "Another recipient gets it instead, after passing the checks that any recipient passes, once."},
    {ActionId::add_recipient, "add_recipient", ActionKind::envelope, only_content, "an address inside the community",
     "add_recipient: records@cjsm.net",
     "Another recipient gets a copy, after passing the checks that any recipient passes, once."},
    {ActionId::tag_subject, "tag_subject", ActionKind::edit, marking, "a prefix", "tag_subject: \"LARGE: \"",
     "Puts a prefix in front of the subject, unless it is there already."},
    {ActionId::add_header, "add_header", ActionKind::edit, marking, "names and texts",
     "add_header: { X-Checked: marking }", "Adds a header field."},
    {ActionId::replace_header, "replace_header", ActionKind::edit, marking, "names and texts",
     "replace_header: { X-Checked: marking }", "Removes all header fields of that name and adds one."},
    {ActionId::remove_header, "remove_header", ActionKind::edit, marking, "names", "remove_header: [X-Internal]",
     "Removes all header fields of that name."},
    {ActionId::set_limit, "set_limit", ActionKind::side, limiting, "a size", "set_limit: 4 MiB",
     "A size limit for this recipient's copy; the smallest limit counts."},
    {ActionId::notify, "notify", ActionKind::side, only_content, "whom, and a text",
     "notify: { to: [sender], text: \"Your large message was taken\" }",
     "Tells the sender, the recipient, the operator, sender_administrators, recipient_administrators, or an address "
     "inside the community."},
    {ActionId::annotate, "annotate", ActionKind::side, noting, "a text", "annotate: \"checked by marking\"",
     "Keeps a note with the message, which `postern trace` shows; of an alert: with it, for its readers inside."},
    {ActionId::allow, "allow", ActionKind::verdict, permitting, "nothing", "allow",
     "This sender may write to this recipient; no rule behind this one is considered."},
    {ActionId::refuse, "refuse", ActionKind::verdict, permitting, "nothing, or a status and a text",
     "refuse: \"5.7.1 Only probation officers write to this list\"",
     "This sender may not write to this recipient: 550 at RCPT."},
}};

}  // namespace

std::span<const ActionInfo> actions() noexcept
{
    return table;
}

const ActionInfo* find_action(std::string_view name) noexcept
{
    const auto found = std::ranges::find(table, name, &ActionInfo::name);
    return found == table.end() ? nullptr : &*found;
}

const ActionInfo& info(ActionId id) noexcept
{
    return table[static_cast<std::size_t>(id)];
}

bool stands_alone(ActionId id) noexcept
{
    switch (id) {
        case ActionId::accept:
        case ActionId::reject:
        case ActionId::defer:
        case ActionId::quarantine:
        case ActionId::hold:
        case ActionId::allow:
        case ActionId::refuse:
            return true;
        default:
            return false;
    }
}

bool belongs(ActionId id, RuleFile file) noexcept
{
    return std::ranges::find(info(id).files, file) != info(id).files.end();
}

std::string_view file_name(RuleFile file) noexcept
{
    switch (file) {
        case routing:
            return "routing.yaml";
        case tagging:
            return "tagging.yaml";
        case limits:
            return "limits.yaml";
        case permissions:
            return "permissions.yaml";
        case alerts:
            return "alerts.yaml";
        case content:
            break;
    }
    return "content.yaml";
}

ActionSet actions_of(RuleFile file) noexcept
{
    ActionSet set;
    for (const auto& action : table)
        if (belongs(action.id, file)) set.add(action.id);
    return set;
}

}  // namespace postern::vocabulary
