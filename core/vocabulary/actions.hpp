// The one table of what rules can order: action, kind, the files that may order it, what it takes, description.
//
// policy/ reads `then:` by it, script/ offers the same actions to Lua, the JSON Schemas, the stubs and the reference
// are made from it. Immutable; all threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::vocabulary {

enum class ActionId : std::uint8_t {
    accept,
    reject,
    defer,
    quarantine,
    hold,
    redirect,
    add_recipient,
    tag_subject,
    add_header,
    replace_header,
    remove_header,
    set_limit,
    notify,
    annotate,
    allow,
    refuse,
};

/// verdict: decides about the recipient, and what stands behind it is not considered. envelope: who gets it. edit: how
/// the copy looks. side: neither; something is told or noted.
enum class ActionKind : std::uint8_t { verdict, envelope, edit, side };

/// The files whose rules can order something, or carry `lua:`.
enum class RuleFile : std::uint8_t { routing, tagging, limits, permissions, alerts, content };

struct ActionInfo {
    ActionId id;
    std::string_view name;  ///< in YAML, Lua (postern.NAME), `may`, explain and the reference
    ActionKind kind;
    std::span<const RuleFile> files;  ///< whose rules and scripts may order it
    std::string_view takes;           ///< in words, for the reference: "a code and a text"
    std::string_view example;         ///< as written in YAML: `reject: "5.7.1 Programs are not carried"`
    std::string_view description;
};

/// In the order of the reference.
[[nodiscard]] std::span<const ActionInfo> actions() noexcept;
[[nodiscard]] const ActionInfo* find_action(std::string_view name) noexcept;
[[nodiscard]] const ActionInfo& info(ActionId id) noexcept;
/// Whether it may be written as a word alone: what it would say else has a fallback.
[[nodiscard]] bool stands_alone(ActionId id) noexcept;
[[nodiscard]] bool belongs(ActionId id, RuleFile file) noexcept;
/// "content.yaml"
[[nodiscard]] std::string_view file_name(RuleFile file) noexcept;

/// A set of actions: `may:` of a rule.
class ActionSet {
public:
    constexpr ActionSet() = default;
    constexpr ActionSet(std::initializer_list<ActionId> ids)
    {
        for (const auto id : ids) add(id);
    }
    constexpr void add(ActionId id) noexcept { bits_ |= bit(id); }
    [[nodiscard]] constexpr bool has(ActionId id) const noexcept { return (bits_ & bit(id)) != 0; }
    [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
    friend bool operator==(const ActionSet&, const ActionSet&) = default;

private:
    [[nodiscard]] static constexpr std::uint32_t bit(ActionId id) noexcept
    {
        return std::uint32_t{1} << static_cast<unsigned>(id);
    }
    std::uint32_t bits_ = 0;
};
/// All that rules of this file may order.
[[nodiscard]] ActionSet actions_of(RuleFile file) noexcept;

}  // namespace postern::vocabulary
