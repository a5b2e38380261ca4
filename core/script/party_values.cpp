// What a script sees of where a message comes from and for whom it is: connection, parties, their organisations,
// policy.
#include "base/text.hpp"
#include "script/values.hpp"

#include <array>
#include <optional>

namespace postern::script {

namespace {

int connection_address(lua_State* state, Sandbox& sandbox)
{
    const auto& peer = sandbox.facts().peer;
    return push_optional(state, sandbox, peer ? vocabulary::print_ip(*peer) : std::string());
}

int connection_tls(lua_State* state, Sandbox& sandbox)
{
    return push_flag(state, sandbox.facts().tls);
}

int connection_listener(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, sandbox.facts().listener);
}

constexpr std::array connection_table{
    Member{"address", "", "string?", "Address that the message came from.", &entry<connection_address>},
    Member{"listener", "", "string?", "Name of the listener that it came in by.", &entry<connection_listener>},
    Member{"tls", "", "boolean", "Whether it came over TLS.", &entry<connection_tls>},
};

const mail::Address* address_of(lua_State* state, Sandbox& sandbox)
{
    return self(state, Kind::party) == sender ? sandbox.facts().sender : sandbox.facts().recipient;
}

const vocabulary::Organisation* organisation_of(Sandbox& sandbox, std::size_t who)
{
    return who == sender ? sandbox.facts().sender_organisation : sandbox.facts().recipient_organisation;
}

int party_address(lua_State* state, Sandbox& sandbox)
{
    const auto* address = address_of(state, sandbox);
    return push_optional(state, sandbox, address == nullptr ? std::string_view{} : address->text());
}

int party_local_part(lua_State* state, Sandbox& sandbox)
{
    const auto* address = address_of(state, sandbox);
    return push_optional(state, sandbox, address == nullptr ? std::string_view{} : address->local());
}

int party_domain(lua_State* state, Sandbox& sandbox)
{
    const auto* address = address_of(state, sandbox);
    return push_optional(state, sandbox, address == nullptr ? std::string_view{} : address->domain().text());
}

int party_organisation(lua_State* state, Sandbox& sandbox)
{
    const auto who = self(state, Kind::party);
    if (organisation_of(sandbox, who) == nullptr)
        lua_pushnil(state);
    else
        push_object(state, Kind::organisation, who);
    return 1;
}

int party_inside(lua_State* state, Sandbox& sandbox)
{
    const auto& facts = sandbox.facts();
    const auto inside = self(state, Kind::party) == sender ? std::optional<bool>(facts.sender_organisation != nullptr)
                                                           : facts.recipient_inside;
    if (!inside) return push_nothing(state);
    return push_flag(state, *inside);
}

int party_function(lua_State* state, Sandbox& sandbox)
{
    const bool known = self(state, Kind::party) == recipient;
    return push_optional(state, sandbox, known ? sandbox.facts().recipient_function : std::string_view{});
}

int party_kind(lua_State* state, Sandbox& sandbox)
{
    const bool known = self(state, Kind::party) == recipient;
    return push_optional(state, sandbox, known ? sandbox.facts().recipient_kind : std::string_view{});
}

int party_first_contact(lua_State* state, Sandbox& sandbox)
{
    const bool known = self(state, Kind::party) == recipient;
    if (!known || !sandbox.facts().first_contact) return push_nothing(state);
    return push_flag(state, *sandbox.facts().first_contact);
}

constexpr std::array party_table{
    Member{"address", "", "string?", "The address in its form inside the community; a report's sender has none.",
           &entry<party_address>},
    Member{"domain", "", "string?", "The address's domain.", &entry<party_domain>},
    Member{"first_contact", "", "boolean?",
           "Of the recipient: whether it never got anything from this sender; nil: not looked up.",
           &entry<party_first_contact>},
    Member{
        "function_name", "", "string?",
        "Of the recipient: the desk's function in the directory (`recipient.function` in YAML, a reserved word here).",
        &entry<party_function>},
    Member{"inside", "", "boolean?", "Whether it is a member's, addressed inside the community.", &entry<party_inside>},
    Member{"kind", "", "string?", "Of the recipient: user, function or group; nil: not listed in the directory.",
           &entry<party_kind>},
    Member{"local_part", "", "string?", "What stands in front of the @.", &entry<party_local_part>},
    Member{"organisation", "", "postern.Organisation?", "The member whose address it is; nil: nobody's.",
           &entry<party_organisation>},
};

const vocabulary::Organisation& member(lua_State* state, Sandbox& sandbox)
{
    const auto* organisation = organisation_of(sandbox, self(state, Kind::organisation));
    if (organisation == nullptr) fail(state, "this organisation is not of this message");
    return *organisation;
}

int organisation_id(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(member(state, sandbox).id);
    return 1;
}

int organisation_name(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(member(state, sandbox).name);
    return 1;
}

int organisation_kind(lua_State* state, Sandbox& sandbox)
{
    lua_pushstring(state, member(state, sandbox).kind == vocabulary::Kind::server ? "server" : "mailbox");
    return 1;
}

int organisation_kind_of_body(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, member(state, sandbox).kind_of_body);
}

int organisation_place(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, member(state, sandbox).place);
}

int organisation_roles(lua_State* state, Sandbox& sandbox)
{
    return push_texts(state, sandbox, member(state, sandbox).roles);
}

int organisation_domains(lua_State* state, Sandbox& sandbox)
{
    const auto& domains = member(state, sandbox).domains;
    return push_list(state, sandbox, domains.size(), [&](std::size_t i) { sandbox.push(domains[i].domain.text()); });
}

int organisation_has_role(lua_State* state, Sandbox& sandbox)
{
    const auto& roles = member(state, sandbox).roles;
    const auto wanted = text_argument(state, 2);
    sandbox.charge(roles.size());
    for (const auto& role : roles)
        if (iequals(role, wanted)) return push_flag(state, true);
    return push_flag(state, false);
}

constexpr std::array organisation_table{
    Member{"domains", "", "string[]", "Its domains, outside the community.", &entry<organisation_domains>},
    Member{"id", "", "string", "As its file says: greenstone.", &entry<organisation_id>},
    Member{"kind", "", "\"server\"|\"mailbox\"", "Whether it has its own server or is hosted here.",
           &entry<organisation_kind>},
    Member{"kind_of_body", "", "string?", "What it is: court, police, charity.", &entry<organisation_kind_of_body>},
    Member{"name", "", "string", "Its name for people.", &entry<organisation_name>},
    Member{"place", "", "string?", "Where it is.", &entry<organisation_place>},
    Member{"roles", "", "string[]", "The roles that its file gives it.", &entry<organisation_roles>},
    Member{"has_role", "role: string", "boolean", "Whether its file gives it that role.", &entry<organisation_has_role>,
           true},
};

int policy_generation(lua_State* state, Sandbox& sandbox)
{
    return push_number(state, sandbox.facts().generation);
}

constexpr std::array policy_table{
    Member{"generation", "", "integer", "Number of the policy's generation.", &entry<policy_generation>},
};

}  // namespace

std::span<const Member> connection_members() noexcept
{
    return connection_table;
}

std::span<const Member> party_members() noexcept
{
    return party_table;
}

std::span<const Member> organisation_members() noexcept
{
    return organisation_table;
}

std::span<const Member> policy_members() noexcept
{
    return policy_table;
}

}  // namespace postern::script
