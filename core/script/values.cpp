// What a script sees of a message, or of an event: objects that ask the facts of the call only when a field is read.
//
// An object is a kind and an index; it holds nothing of the engine. What was once made (a decoded header, a list of
// parts) is kept in the object's own table for the rest of the call.
#include "base/text.hpp"
#include "mail/charset.hpp"
#include "script/api.hpp"
#include "script/sandbox.hpp"
#include "vocabulary/events.hpp"
#include "vocabulary/fields.hpp"

#include <fmt/format.h>
#include <array>
#include <ctime>
#include <vector>

namespace postern::script {

namespace {

constexpr std::size_t usual_text = std::size_t{256} << 10, most_text = std::size_t{1} << 20;
constexpr std::size_t most_header = 10'000;

enum class Kind : std::size_t { message, headers, connection, party, organisation, part, policy, time, event };

constexpr std::array<const char*, 9> types{"postern.Message", "postern.Headers",      "postern.Connection",
                                           "postern.Party",   "postern.Organisation", "postern.Part",
                                           "postern.Policy",  "postern.Time",         "postern.Event"};

/// Who: index of a party and of its organisation.
constexpr std::size_t sender = 0, recipient = 1;

void push_object(lua_State* state, Kind kind, std::size_t index = 0)
{
    *static_cast<std::size_t*>(lua_newuserdatauv(state, sizeof(std::size_t), 1)) = index;
    luaL_setmetatable(state, types[static_cast<std::size_t>(kind)]);
}

std::size_t self(lua_State* state, Kind kind)
{
    return *static_cast<std::size_t*>(luaL_checkudata(state, 1, types[static_cast<std::size_t>(kind)]));
}

int push_optional(lua_State* state, Sandbox& sandbox, std::string_view text)
{
    if (text.empty())
        lua_pushnil(state);
    else
        sandbox.push(text);
    return 1;
}

int push_flag(lua_State* state, bool flag)
{
    lua_pushboolean(state, flag ? 1 : 0);
    return 1;
}

int push_number(lua_State* state, std::uint64_t number)
{
    lua_pushinteger(state, static_cast<lua_Integer>(number));
    return 1;
}

/// A list made of what `push` leaves on the stack for each index.
template <class Push>
int push_list(lua_State* state, Sandbox& sandbox, std::size_t size, Push push)
{
    sandbox.charge(size);
    lua_createtable(state, static_cast<int>(size), 0);
    for (std::size_t i = 0; i < size; ++i) {
        push(i);
        lua_rawseti(state, -2, static_cast<lua_Integer>(i + 1));
    }
    return 1;
}

int push_texts(lua_State* state, Sandbox& sandbox, const std::vector<std::string>& texts)
{
    return push_list(state, sandbox, texts.size(), [&](std::size_t i) { sandbox.push(texts[i]); });
}

// --- what is known at which stage ---

const mail::Header& header_of(lua_State* state, Sandbox& sandbox)
{
    const auto& facts = sandbox.facts();
    if (facts.header == nullptr)
        fail(state, fmt::format("the message itself is not known at stage {}; rules of content.yaml see it",
                                vocabulary::stage_name(facts.stage)));
    return *facts.header;
}

const mail::Structure& structure_of(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(header_of(state, sandbox));
    const auto* structure = sandbox.facts().structure;
    if (structure == nullptr) fail(state, "the message's parts are not known here");
    return *structure;
}

const vocabulary::Inspection& inspection_of(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(header_of(state, sandbox));
    const auto* inspection = sandbox.facts().inspection;
    if (inspection == nullptr) fail(state, "the scanner has not looked at this message");
    return *inspection;
}

const mail::Part& part_of(lua_State* state, Sandbox& sandbox)
{
    const auto index = self(state, Kind::part);
    const auto& parts = structure_of(state, sandbox).parts;
    if (index >= parts.size()) fail(state, "this part is not of this message");
    return parts[index];
}

const vocabulary::PartInspection& inspected(lua_State* state, Sandbox& sandbox)
{
    const auto index = self(state, Kind::part);
    const auto& parts = inspection_of(state, sandbox).parts;
    if (index >= parts.size()) fail(state, "the scanner has not looked at this part");
    return parts[index];
}

// --- message ---

int message_size(lua_State* state, Sandbox& sandbox)
{
    const auto size = sandbox.facts().size;
    if (!size) {
        lua_pushnil(state);
        return 1;
    }
    return push_number(state, *size);
}

int push_decoded(lua_State* state, Sandbox& sandbox, const mail::Field* field)
{
    if (field == nullptr) {
        lua_pushnil(state);
        return 1;
    }
    sandbox.charge(field->value.size());
    sandbox.push(mail::decode_text(field->value, most_header));
    return 1;
}

int message_subject(lua_State* state, Sandbox& sandbox)
{
    return push_decoded(state, sandbox, header_of(state, sandbox).find("Subject"));
}

int message_headers(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(header_of(state, sandbox));
    push_object(state, Kind::headers);
    return 1;
}

int push_parts(lua_State* state, Sandbox& sandbox, bool attachments)
{
    const auto& parts = structure_of(state, sandbox).parts;
    sandbox.charge(parts.size());
    lua_newtable(state);
    lua_Integer count = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (attachments && !parts[i].attachment) continue;
        push_object(state, Kind::part, i);
        lua_rawseti(state, -2, ++count);
    }
    return 1;
}

int message_parts(lua_State* state, Sandbox& sandbox)
{
    return push_parts(state, sandbox, false);
}

int message_attachments(lua_State* state, Sandbox& sandbox)
{
    return push_parts(state, sandbox, true);
}

int message_malformed(lua_State* state, Sandbox& sandbox)
{
    const auto& structure = structure_of(state, sandbox);
    return push_flag(state, structure.malformed || structure.too_deep || structure.too_many);
}

int message_viruses(lua_State* state, Sandbox& sandbox)
{
    const auto& viruses = inspection_of(state, sandbox).viruses;
    return push_list(state, sandbox, viruses.size(), [&](std::size_t i) { sandbox.push(viruses[i].signature); });
}

int message_unscannable(lua_State* state, Sandbox& sandbox)
{
    return push_texts(state, sandbox, inspection_of(state, sandbox).unscannable);
}

int message_recipients(lua_State* state, Sandbox& sandbox)
{
    const auto count = sandbox.facts().recipients;
    if (!count) {
        lua_pushnil(state);
        return 1;
    }
    return push_number(state, *count);
}

int message_origin(lua_State* state, Sandbox& sandbox)
{
    constexpr std::array names{"member", "report", "alert"};
    lua_pushstring(state, names[static_cast<std::size_t>(sandbox.facts().origin)]);
    return 1;
}

int message_connection(lua_State* state, Sandbox&)
{
    push_object(state, Kind::connection);
    return 1;
}

int message_sender(lua_State* state, Sandbox&)
{
    push_object(state, Kind::party, sender);
    return 1;
}

int message_recipient(lua_State* state, Sandbox&)
{
    push_object(state, Kind::party, recipient);
    return 1;
}

int message_policy(lua_State* state, Sandbox&)
{
    push_object(state, Kind::policy);
    return 1;
}

int message_time(lua_State* state, Sandbox&)
{
    push_object(state, Kind::time);
    return 1;
}

std::size_t text_limit(lua_State* state, int index)
{
    const auto most = luaL_optinteger(state, index, static_cast<lua_Integer>(usual_text));
    luaL_argcheck(state, most >= 1 && most <= static_cast<lua_Integer>(most_text), index,
                  "bytes from 1 to 1048576 expected");
    return static_cast<std::size_t>(most);
}

/// Decoding is paid for before it is done: by what is read, and what can come out.
std::string decoded_text(Sandbox& sandbox, const mail::Part& part, std::size_t most)
{
    sandbox.charge(2'000 + std::min(part.length, 4 * most) / 4);
    sandbox.reserve(std::min(part.length * 3, most));
    return mail::text_of(sandbox.facts().content, part, most);
}

int message_text(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::message));
    const auto most = text_limit(state, 2);
    const auto& structure = structure_of(state, sandbox);
    std::string text;
    for (const auto& part : structure.parts) {
        if (part.attachment || !part.type.starts_with("text/") || text.size() >= most) continue;
        if (!text.empty()) text += '\n';
        text += decoded_text(sandbox, part, most - std::min(most, text.size()));
    }
    sandbox.push(text);
    return 1;
}

constexpr std::array message_members{
    Member{"attachments", "", "postern.Part[]", "Parts that are attachments, in the message's order.",
           &entry<message_attachments>},
    Member{"connection", "", "postern.Connection", "How the message came in.", &entry<message_connection>},
    Member{"headers", "", "postern.Headers", "The header section.", &entry<message_headers>},
    Member{"malformed", "", "boolean", "Whether programs could read its parts differently, or not all were read.",
           &entry<message_malformed>},
    Member{"origin", "", "\"member\"|\"report\"|\"alert\"", "Who made the message.", &entry<message_origin>},
    Member{"parts", "", "postern.Part[]", "All parts that are no multipart, in the message's order.",
           &entry<message_parts>},
    Member{"policy", "", "postern.Policy", "The policy that decides.", &entry<message_policy>},
    Member{"recipient", "", "postern.Party", "The recipient about whom is decided.", &entry<message_recipient>},
    Member{"recipients", "", "integer?", "How many recipients the message has in this transaction.",
           &entry<message_recipients>},
    Member{"sender", "", "postern.Party", "The envelope's sender.", &entry<message_sender>},
    Member{"size", "", "integer?", "Bytes of the message as SIZE counts them.", &entry<message_size>},
    Member{"subject", "", "string?", "The subject, decoded.", &entry<message_subject>},
    Member{"time", "", "postern.Time", "When it came in.", &entry<message_time>},
    Member{"unscannable", "", "string[]", "What stopped the scanner's look inside: depth, files, size, encrypted.",
           &entry<message_unscannable>},
    Member{"viruses", "", "string[]", "Signatures of the viruses that were found.", &entry<message_viruses>},
    Member{
        "text", "most?: integer", "string",
        "The text of all parts that are text and no attachment, as UTF-8; at most 256 KiB where `most` (bytes, up to "
        "1 MiB) is not given.",
        &entry<message_text>, true},
};

// --- headers ---

int headers_get(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    return push_decoded(state, sandbox, header_of(state, sandbox).find(text_argument(state, 2)));
}

int headers_raw(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    const auto* field = header_of(state, sandbox).find(text_argument(state, 2));
    if (field == nullptr)
        lua_pushnil(state);
    else
        sandbox.push(field->value);
    return 1;
}

template <class Push>
int push_fields(lua_State* state, Sandbox& sandbox, Push push)
{
    static_cast<void>(self(state, Kind::headers));
    const auto name = text_argument(state, 2);
    const auto& fields = header_of(state, sandbox).fields();
    sandbox.charge(fields.size());
    lua_newtable(state);
    lua_Integer count = 0;
    for (const auto& field : fields) {
        if (!iequals(field.name, name)) continue;
        push(field);
        lua_rawseti(state, -2, ++count);
    }
    return 1;
}

int headers_all(lua_State* state, Sandbox& sandbox)
{
    return push_fields(state, sandbox, [&](const mail::Field& field) { push_decoded(state, sandbox, &field); });
}

int headers_all_raw(lua_State* state, Sandbox& sandbox)
{
    return push_fields(state, sandbox, [&](const mail::Field& field) { sandbox.push(field.value); });
}

int headers_has(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    return push_flag(state, header_of(state, sandbox).find(text_argument(state, 2)) != nullptr);
}

int headers_names(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    const auto& fields = header_of(state, sandbox).fields();
    return push_list(state, sandbox, fields.size(), [&](std::size_t i) { sandbox.push(fields[i].name); });
}

int headers_addresses(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::headers));
    const auto name = text_argument(state, 2);
    lua_newtable(state);
    lua_Integer count = 0;
    for (const auto& field : header_of(state, sandbox).fields()) {
        if (!iequals(field.name, name)) continue;
        sandbox.charge(64 + field.value.size() * 16);
        for (const auto& place : mail::find_addresses(field.value).places) {
            sandbox.push(place.address.text());
            lua_rawseti(state, -2, ++count);
        }
    }
    return 1;
}

constexpr std::array headers_members{
    Member{"get", "name: string", "string?", "The first field of that name, decoded and on one line.",
           &entry<headers_get>, true},
    Member{"all", "name: string", "string[]", "All fields of that name, decoded, in order.", &entry<headers_all>, true},
    Member{"raw", "name: string", "string?", "The first field of that name as it came, folding kept.",
           &entry<headers_raw>, true},
    Member{"all_raw", "name: string", "string[]", "All fields of that name as they came.", &entry<headers_all_raw>,
           true},
    Member{"has", "name: string", "boolean", "Whether there is a field of that name.", &entry<headers_has>, true},
    Member{"names", "", "string[]", "The names of all fields, as written, in order.", &entry<headers_names>, true},
    Member{"addresses", "name: string", "string[]", "The addresses in all fields of that name, such as From.",
           &entry<headers_addresses>, true},
};

// --- connection, parties, policy ---

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

constexpr std::array connection_members{
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
    if (!inside) {
        lua_pushnil(state);
        return 1;
    }
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
    if (!known || !sandbox.facts().first_contact) {
        lua_pushnil(state);
        return 1;
    }
    return push_flag(state, *sandbox.facts().first_contact);
}

constexpr std::array party_members{
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

constexpr std::array organisation_members{
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

// --- parts ---

int part_name(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, part_of(state, sandbox).name);
}

int part_type(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, part_of(state, sandbox).type);
}

int part_charset(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, part_of(state, sandbox).charset);
}

int part_sha256(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, part_of(state, sandbox).sha256);
}

int part_size(lua_State* state, Sandbox& sandbox)
{
    return push_number(state, part_of(state, sandbox).size);
}

int part_depth(lua_State* state, Sandbox& sandbox)
{
    return push_number(state, part_of(state, sandbox).depth);
}

int part_attachment(lua_State* state, Sandbox& sandbox)
{
    return push_flag(state, part_of(state, sandbox).attachment);
}

int part_detected_type(lua_State* state, Sandbox& sandbox)
{
    return push_optional(state, sandbox, inspected(state, sandbox).detected_type);
}

int part_contents(lua_State* state, Sandbox& sandbox)
{
    return push_texts(state, sandbox, inspected(state, sandbox).members);
}

int part_encrypted(lua_State* state, Sandbox& sandbox)
{
    return push_flag(state, inspected(state, sandbox).encrypted);
}

int part_broken(lua_State* state, Sandbox& sandbox)
{
    return push_flag(state, inspected(state, sandbox).broken);
}

int part_macros(lua_State* state, Sandbox& sandbox)
{
    return push_flag(state, inspected(state, sandbox).macros);
}

int part_text(lua_State* state, Sandbox& sandbox)
{
    const auto& part = part_of(state, sandbox);
    const auto most = text_limit(state, 2);
    sandbox.push(decoded_text(sandbox, part, most));
    return 1;
}

constexpr std::array part_members{
    Member{"attachment", "", "boolean", "Whether it is attached rather than shown.", &entry<part_attachment>},
    Member{"broken", "", "boolean", "Whether it is an archive that ends or breaks within.", &entry<part_broken>},
    Member{"charset", "", "string?", "Declared, in lower case.", &entry<part_charset>},
    Member{"depth", "", "integer", "How many multiparts and messages it lies in.", &entry<part_depth>},
    Member{"detected_type", "", "string?", "Media type as its bytes show it.", &entry<part_detected_type>},
    Member{"encrypted", "", "boolean", "Whether a password is needed to look into it.", &entry<part_encrypted>},
    Member{"macros", "", "boolean", "Whether it is a document with macros.", &entry<part_macros>},
    Member{"members", "", "string[]", "Names of the files in an archive.", &entry<part_contents>},
    Member{"name", "", "string?", "File name, decoded, without folders.", &entry<part_name>},
    Member{"sha256", "", "string?", "Of its decoded bytes, lower-case hexadecimal.", &entry<part_sha256>},
    Member{"size", "", "integer", "Bytes, decoded.", &entry<part_size>},
    Member{"type", "", "string", "Media type as declared, in lower case.", &entry<part_type>},
    Member{"text", "most?: integer", "string",
           "Its text as UTF-8; at most 256 KiB where `most` (bytes, up to 1 MiB) is not given.", &entry<part_text>,
           true},
};

// --- policy and time ---

int policy_generation(lua_State* state, Sandbox& sandbox)
{
    return push_number(state, sandbox.facts().generation);
}

constexpr std::array policy_members{
    Member{"generation", "", "integer", "Number of the policy's generation.", &entry<policy_generation>},
};

std::tm utc(Sandbox& sandbox)
{
    const std::time_t seconds =
        std::chrono::floor<std::chrono::seconds>(sandbox.facts().time).time_since_epoch().count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return parts;
}

template <int std::tm::*part, int add = 0>
int time_part(lua_State* state, Sandbox& sandbox)
{
    lua_pushinteger(state, utc(sandbox).*part + add);
    return 1;
}

int time_weekday(lua_State*, Sandbox& sandbox)
{
    sandbox.push(vocabulary::weekdays()[static_cast<std::size_t>((utc(sandbox).tm_wday + 6) % 7)]);
    return 1;
}

int time_iso(lua_State*, Sandbox& sandbox)
{
    sandbox.push(to_iso8601(sandbox.facts().time));
    return 1;
}

int time_epoch(lua_State* state, Sandbox& sandbox)
{
    lua_pushinteger(state, std::chrono::floor<std::chrono::seconds>(sandbox.facts().time).time_since_epoch().count());
    return 1;
}

int minutes_argument(lua_State* state, int index)
{
    const auto text = text_argument(state, index);
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() == 5 && text[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
        const int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
        if (hour < 24 && minute < 60) return hour * 60 + minute;
    }
    luaL_argerror(state, index, "a time of day such as \"18:30\" expected");
    return 0;
}

int time_between(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::time));
    const int from = minutes_argument(state, 2), to = minutes_argument(state, 3);
    const auto now = utc(sandbox);
    const int at = now.tm_hour * 60 + now.tm_min;
    return push_flag(state, from <= to ? at >= from && at < to : at >= from || at < to);
}

constexpr std::array time_members{
    Member{"day", "", "integer", "Day of the month.", &entry<time_part<&std::tm::tm_mday>>},
    Member{"epoch", "", "integer", "Seconds since 1970.", &entry<time_epoch>},
    Member{"hour", "", "integer", "0 to 23.", &entry<time_part<&std::tm::tm_hour>>},
    Member{"iso", "", "string", "2026-11-24T18:30:00.000000Z", &entry<time_iso>},
    Member{"minute", "", "integer", "0 to 59.", &entry<time_part<&std::tm::tm_min>>},
    Member{"month", "", "integer", "1 to 12.", &entry<time_part<&std::tm::tm_mon, 1>>},
    Member{"second", "", "integer", "0 to 59.", &entry<time_part<&std::tm::tm_sec>>},
    Member{"weekday", "", "string", "monday to sunday.", &entry<time_weekday>},
    Member{"year", "", "integer", "Such as 2026.", &entry<time_part<&std::tm::tm_year, 1900>>},
    Member{
        "between", "from: string, to: string", "boolean",
        "Whether the time of day is from \"20:00\" on and before \"06:00\"; over midnight where the second is earlier.",
        &entry<time_between>, true},
};

// --- event ---

const vocabulary::Event& event_of(lua_State* state, Sandbox& sandbox)
{
    const auto* event = sandbox.facts().event;
    if (event == nullptr) fail(state, "there is an event for scripts of alerts.yaml alone");
    return *event;
}

int event_name(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(vocabulary::info(event_of(state, sandbox).id).name);
    return 1;
}

int event_severity(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(vocabulary::name_of(vocabulary::info(event_of(state, sandbox).id).severity));
    return 1;
}

int event_text(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(event_of(state, sandbox).text);
    return 1;
}

int event_object(lua_State* state, Sandbox& sandbox)
{
    sandbox.push(event_of(state, sandbox).object);
    return 1;
}

int event_policy(lua_State* state, Sandbox&)
{
    push_object(state, Kind::policy);
    return 1;
}

int event_time(lua_State* state, Sandbox&)
{
    push_object(state, Kind::time);
    return 1;
}

int event_field(lua_State* state, Sandbox& sandbox)
{
    static_cast<void>(self(state, Kind::event));
    const auto& event = event_of(state, sandbox);
    const auto name = std::string(text_argument(state, 2));
    if (!vocabulary::carries(vocabulary::info(event.id), name)) {
        std::vector<std::string> known;
        for (const auto field : vocabulary::common_event_fields()) known.emplace_back(field);
        for (const auto field : vocabulary::info(event.id).fields) known.emplace_back(field);
        fail(state, fmt::format("the event {} carries no \"{}\"; it carries {}", vocabulary::info(event.id).name,
                                printable(name, 60), fmt::join(known, ", ")));
    }
    return push_optional(state, sandbox, event.field(name).value_or(""));
}

constexpr std::array event_members{
    Member{"name", "", "string", "Which event, as `on:` says it: virus_found.", &entry<event_name>},
    Member{"object", "", "string", "What it is about.", &entry<event_object>},
    Member{"policy", "", "postern.Policy", "The policy in force.", &entry<event_policy>},
    Member{"severity", "", "string", "notice, warning or critical.", &entry<event_severity>},
    Member{"text", "", "string", "What is wrong, what follows, what to do.", &entry<event_text>},
    Member{"time", "", "postern.Time", "When it happened.", &entry<event_time>},
    Member{"field", "name: string", "string?",
           "One of the fields that it carries: \"sender.organisation\". Nil where this one has none.",
           &entry<event_field>, true},
};

constexpr std::array table{
    Class{"Message", "The message as one rule sees it, for one recipient.", message_members},
    Class{"Headers", "The header section of the message; names without regard to case.", headers_members},
    Class{"Connection", "How the message came in.", connection_members},
    Class{"Party", "A sender or a recipient.", party_members},
    Class{"Organisation", "A member of the community.", organisation_members},
    Class{"Part", "One part of the message.", part_members},
    Class{"Policy", "The policy in force for the message.", policy_members},
    Class{"Time", "A time, in UTC.", time_members},
    Class{"Event", "What scripts of alerts.yaml are asked about: an event.", event_members},
};

// --- how a field is found ---

std::string nearest_member(const Class& type, std::string_view name)
{
    std::vector<std::string> names;
    for (const auto& one : type.members) names.emplace_back(one.name);
    return nearest(name, names);
}

/// __index of every object. Upvalues: name -> method, or number of the field; number of the class.
int read_field(lua_State* state, Sandbox& sandbox)
{
    lua_settop(state, 2);
    if (lua_getiuservalue(state, 1, 1) == LUA_TTABLE) {
        lua_pushvalue(state, 2);
        if (lua_rawget(state, 3) != LUA_TNIL) return 1;
    }
    lua_settop(state, 2);
    const auto& type = table[static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(2)))];
    lua_pushvalue(state, 2);
    const int found = lua_rawget(state, lua_upvalueindex(1));
    if (found == LUA_TFUNCTION) return 1;
    if (found != LUA_TNUMBER) {
        const auto name = lua_type(state, 2) == LUA_TSTRING ? printable(text_argument(state, 2), 60) : std::string("?");
        const auto near = nearest_member(type, name);
        fail(state, fmt::format("{} has no field \"{}\"{}", to_lower(type.name), name,
                                near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
    }
    const auto& member = type.members[static_cast<std::size_t>(lua_tointeger(state, 3))];
    lua_settop(state, 2);
    sandbox.charge(4);
    static_cast<void>(member.function(state));  // leaves the value on top
    if (const int kind = lua_type(state, -1); kind == LUA_TTABLE || kind == LUA_TUSERDATA || kind == LUA_TSTRING) {
        if (lua_getiuservalue(state, 1, 1) != LUA_TTABLE) {
            lua_pop(state, 1);
            lua_newtable(state);
            lua_pushvalue(state, -1);
            lua_setiuservalue(state, 1, 1);
        }
        lua_pushvalue(state, 2);
        lua_pushvalue(state, -3);
        lua_rawset(state, -3);
        lua_pop(state, 1);
    }
    return 1;
}

int refuse_assignment(lua_State* state, Sandbox&)
{
    fail(state, "what a script is shown of a message can't be set; edits are ordered by actions");
}

}  // namespace

std::span<const Class> classes() noexcept
{
    return table;
}

void open_values(lua_State* state)
{
    for (std::size_t i = 0; i < table.size(); ++i) {
        luaL_newmetatable(state, types[i]);
        lua_newtable(state);
        for (std::size_t k = 0; k < table[i].members.size(); ++k) {
            const auto& member = table[i].members[k];
            lua_pushlstring(state, member.name.data(), member.name.size());
            if (member.method)
                lua_pushcfunction(state, member.function);
            else
                lua_pushinteger(state, static_cast<lua_Integer>(k));
            lua_rawset(state, -3);
        }
        lua_pushinteger(state, static_cast<lua_Integer>(i));
        lua_pushcclosure(state, &entry<read_field>, 2);
        lua_setfield(state, -2, "__index");
        lua_pushcfunction(state, &entry<refuse_assignment>);
        lua_setfield(state, -2, "__newindex");
        lua_pushboolean(state, 0);
        lua_setfield(state, -2, "__metatable");
        lua_pop(state, 1);
    }
}

void push_subject(lua_State* state)
{
    push_object(state, Sandbox::of(state).facts().event != nullptr ? Kind::event : Kind::message);
}

}  // namespace postern::script
