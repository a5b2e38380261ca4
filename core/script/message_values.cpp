// What a script sees of a message: the message itself and its parts.
#include "mail/charset.hpp"
#include "script/values.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

namespace postern::script {

namespace {

constexpr std::size_t usual_text = std::size_t{256} << 10, most_text = std::size_t{1} << 20;

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

int message_size(lua_State* state, Sandbox& sandbox)
{
    const auto size = sandbox.facts().size;
    if (!size) return push_nothing(state);
    return push_number(state, *size);
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
    if (!count) return push_nothing(state);
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

constexpr std::array message_table{
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

constexpr std::array part_table{
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

}  // namespace

std::span<const Member> message_members() noexcept
{
    return message_table;
}

std::span<const Member> part_members() noexcept
{
    return part_table;
}

}  // namespace postern::script
