// One walk over the parts, then fields like any other header's. What stands there twice, or says two things at once, is
// malformed: nothing is guessed.
#include "report/returned_report.hpp"

#include "base/text.hpp"
#include "mail/mime.hpp"
#include "mail/mime_values.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>

namespace postern::report {

namespace {

using vocabulary::Heard;
using Kind = ReturnedReport::Kind;

constexpr std::size_t longest_head = std::size_t{64} * 1024;
constexpr std::size_t longest_words = 300;
constexpr std::size_t longest_id = 998;
constexpr mail::HeaderLimits fields_of_a_group{longest_report + 4, 100};

auto malformed(std::string what)
{
    return fault(Retry::never, "malformed report: " + std::move(what));
}

/// A value without comments (RFC 5322 section 3.2.2) and folding; a quoted string stays as it is.
std::string bare(std::string_view value)
{
    std::string text;
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        if (c == '\\' && (quoted || depth > 0)) {
            if (depth == 0) text += value.substr(i, 2);
            ++i;
        } else if (quoted || (depth == 0 && c == '"')) {
            quoted = c == '"' ? !quoted : quoted;
            text += c;
        } else if (c == '(') {
            ++depth;
        } else if (depth > 0) {
            if (c == ')') --depth;
        } else if (c != '\r' && c != '\n') {
            text += c == '\t' ? ' ' : c;
        }
    }
    return std::string(trim(text));
}

/// Nothing: it is not there. Fault: it is there more than once.
Result<std::optional<std::string>> only(const mail::Header& group, std::string_view name)
{
    const mail::Field* field = group.find(name);
    if (field == nullptr) return std::optional<std::string>{};
    if (group.count(name) > 1) return malformed(fmt::format("{} stands there twice", name));
    return bare(field->value);
}

/// "\x{e9}" of RFC 6533 section 3 as UTF-8; what is none stays as it is.
std::string decode_utf8_address(std::string_view text)
{
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::size_t end = text.substr(at).starts_with("\\x{") ? text.find('}', at) : text.npos;
        unsigned code = 0;
        const char* const first = text.data() + at + 3;
        const bool read = end != text.npos && end - at <= 9 &&
                          std::from_chars(first, text.data() + end, code, 16).ptr == text.data() + end;
        if (!read || code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
            decoded += text[at];
            continue;
        }
        if (code < 0x80) {
            decoded += static_cast<char>(code);
        } else {
            const int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
            constexpr std::array<unsigned, 4> lead{0, 0xC0, 0xE0, 0xF0};
            decoded += static_cast<char>(lead[static_cast<std::size_t>(tail)] | code >> (6 * tail));
            for (int i = tail - 1; i >= 0; --i) decoded += static_cast<char>(0x80 | (code >> (6 * i) & 0x3F));
        }
        at = end;
    }
    return decoded;
}

/// "rfc822; user@example" as the address; empty where the type is none of mail (RFC 3464 section 2.1.2).
std::string typed_address(std::string_view value)
{
    const std::size_t semicolon = value.find(';');
    if (semicolon == value.npos) return {};
    const std::string_view type = trim(value.substr(0, semicolon));
    std::string_view address = trim(value.substr(semicolon + 1));
    if (address.size() > 2 && address.front() == '<' && address.back() == '>')
        address = address.substr(1, address.size() - 2);
    if (iequals(type, "utf-8")) return decode_utf8_address(address);
    return iequals(type, "rfc822") ? std::string(address) : std::string{};
}

Result<ReportedFate> recipients_of(const mail::Header& group)
{
    auto last = only(group, "Final-Recipient");
    auto original = only(group, "Original-Recipient");
    if (!last) return std::unexpected(last.error());
    if (!original) return std::unexpected(original.error());
    if (!*last) return malformed("no Final-Recipient");
    ReportedFate fate;
    fate.final_recipient = typed_address(**last);
    if (*original) fate.original_recipient = typed_address(**original);
    return fate;
}

// --- delivery status: RFC 3464 -------------------------------------------------------------------------------------

struct Action {
    std::string_view name;
    Heard heard;
    char status;  ///< what its Status begins with
};
constexpr std::array<Action, 5> actions{{{"failed", Heard::failed, '5'},
                                         {"delayed", Heard::delayed, '4'},
                                         {"delivered", Heard::delivered, '2'},
                                         {"relayed", Heard::relayed, '2'},
                                         {"expanded", Heard::expanded, '2'}}};

Result<ReportedFate> read_recipient(const mail::Header& group)
{
    auto fate = recipients_of(group);
    if (!fate) return fate;
    const auto said = only(group, "Action");
    const auto status = only(group, "Status");
    if (!said) return std::unexpected(said.error());
    if (!status) return std::unexpected(status.error());
    const auto action =
        std::ranges::find_if(actions, [&](const Action& known) { return *said && iequals(known.name, **said); });
    if (action == actions.end()) return malformed("no Action, or one that is not known");
    const char digit = *status && !(*status)->empty() ? (*status)->front() : '\0';
    // A failure may end what was only deferred (RFC 3464 section 2.3.4).
    if (digit != action->status && !(action->heard == Heard::failed && digit == '4'))
        return malformed(fmt::format("{} does not go with Status {}", action->name, status->value_or("(none)")));
    fate->heard = action->heard;
    fate->words = **status;
    if (const mail::Field* diagnostic = group.find("Diagnostic-Code"))
        fate->words = printable(fmt::format("{} {}", fate->words, mail::decode_text(diagnostic->value, longest_words)),
                                longest_words);
    return fate;
}

// --- disposition: RFC 8098 -----------------------------------------------------------------------------------------

constexpr std::array<std::pair<std::string_view, Heard>, 4> dispositions{{{"displayed", Heard::read},
                                                                          {"deleted", Heard::deleted},
                                                                          {"dispatched", Heard::dispatched},
                                                                          {"processed", Heard::processed}}};

Result<ReportedFate> read_disposition(const mail::Header& group)
{
    auto fate = recipients_of(group);
    if (!fate) return fate;
    const auto said = only(group, "Disposition");
    if (!said) return std::unexpected(said.error());
    const std::string_view value = *said ? std::string_view(**said) : std::string_view{};
    const std::size_t semicolon = value.find(';');
    if (semicolon == value.npos) return malformed("no Disposition");
    const std::string_view mode = trim(value.substr(0, semicolon));
    const std::string_view what = trim(value.substr(semicolon + 1));
    const std::string_view type = trim(what.substr(0, what.find_first_of("/,")));
    const auto known =
        std::ranges::find_if(dispositions, [&](const auto& disposition) { return iequals(disposition.first, type); });
    if (known == dispositions.end()) return malformed("a Disposition that is not known");
    fate->heard = known->second;
    fate->words = printable(fmt::format("{}, {}", what, mode), longest_words);
    return fate;
}

// --- the report ----------------------------------------------------------------------------------------------------

std::optional<Kind> kind_of(std::string_view type)
{
    if (type == "message/delivery-status" || type == "message/global-delivery-status") return Kind::delivery;
    if (type == "message/disposition-notification" || type == "message/global-disposition-notification")
        return Kind::disposition;
    return std::nullopt;
}

/// Lines as mail has them: what was decoded from base64 may have others.
std::string with_crlf(std::string_view text)
{
    std::string lines;
    lines.reserve(text.size() + 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) lines += '\r';
        lines += text[i];
    }
    if (!lines.ends_with("\r\n")) lines += "\r\n";
    return lines;
}

/// The groups of fields, which empty lines separate; each as the text that it is.
Result<std::vector<std::string_view>> groups_of(std::string_view text, std::size_t at_most)
{
    std::vector<std::string_view> groups;
    for (;;) {
        while (text.starts_with("\r\n")) text.remove_prefix(2);
        if (text.empty()) return groups;
        if (groups.size() == at_most) return malformed("it tells of too many recipients");
        const std::size_t end = text.find("\r\n\r\n");
        const std::size_t size = end == text.npos ? text.size() : end + 2;
        groups.push_back(text.substr(0, size));
        text.remove_prefix(size);
    }
}

/// Fault: something stands there that is no field.
Result<mail::Header> read_group(std::string_view group)
{
    auto fields = mail::Header::parse(group, fields_of_a_group);
    if (!fields) return malformed("too many fields");
    if (fields->fields().empty() || fields->end_offset() < group.size()) return malformed("a line that is no field");
    return fields;
}

Result<void> read_fates(ReturnedReport& report, std::string_view text)
{
    const bool delivery = report.kind == Kind::delivery;
    const auto groups = groups_of(text, delivery ? most_reported + 1 : 2);
    if (!groups) return std::unexpected(groups.error());
    if (delivery ? groups->size() < 2 : groups->size() != 1)
        return malformed("it tells of no recipient, or of too many");
    for (std::size_t i = 0; i < groups->size(); ++i) {
        const auto group = read_group((*groups)[i]);
        if (!group) return std::unexpected(group.error());
        if (i == 0) {
            auto id = only(*group, delivery ? "Original-Envelope-Id" : "Original-Message-ID");
            if (!id) return std::unexpected(id.error());
            if (*id && (*id)->size() > longest_id) return malformed("an id that is too long");
            (delivery ? report.envelope_id : report.message_id) = id->value_or(std::string{});
            if (delivery) continue;
        }
        auto fate = delivery ? read_recipient(*group) : read_disposition(*group);
        if (!fate) return std::unexpected(fate.error());
        report.fates.push_back(std::move(*fate));
    }
    return {};
}

/// The part behind the one for machines: the original, or its header alone.
std::string returned_head(std::string_view content, const mail::Structure& structure, std::size_t machine)
{
    const mail::Part& before = structure.parts[machine];
    if (machine + 1 < structure.parts.size()) {
        const mail::Part& next = structure.parts[machine + 1];
        const bool head = next.type == "text/rfc822-headers" || next.type == "message/rfc822-headers" ||
                          next.type == "message/global-headers";
        if (head && next.depth == before.depth) return with_crlf(mail::decoded(content, next, longest_head));
    }
    // A whole message: its own parts are listed, so its head is found behind the fields of the part that holds it.
    const std::size_t boundary = content.find("\r\n--", before.offset + before.length);
    const std::size_t line = boundary == content.npos ? boundary : content.find("\r\n", boundary + 2);
    if (line == content.npos) return {};
    const std::string_view rest = content.substr(line + 2, 2 * longest_head);
    const auto fields = mail::Header::parse(rest, {rest.size(), 100});
    if (!fields) return {};
    const mail::Field* type = fields->find("Content-Type");
    const auto values = mail::read_content_fields({type == nullptr ? std::string_view{} : type->value, {}, {}}, 1);
    if (values.type != "message/rfc822" && values.type != "message/global") return {};
    return std::string(rest.substr(fields->body_offset(), longest_head));
}

Result<void> agree_on_message_id(ReturnedReport& report)
{
    const auto head = mail::Header::parse(report.returned_head, {longest_head + 4, 1000});
    const mail::Field* field = head ? head->find("Message-ID") : nullptr;
    if (field == nullptr) return {};
    const std::string_view id = trim(field->value);
    if (id.size() > longest_id) return malformed("an id that is too long");
    if (!report.message_id.empty() && report.message_id != id) return malformed("it names two messages");
    report.message_id = id;
    return {};
}

}  // namespace

Result<std::optional<ReturnedReport>> read_returned_report(std::string_view content, const mail::Header& header)
{
    using Report = std::optional<ReturnedReport>;
    const mail::Field* type = header.find("Content-Type");
    // Every message passes here: what can't be one is told by a look.
    if (type == nullptr || to_lower(type->value).find("multipart/report") == std::string::npos) return Report{};
    if (mail::read_content_fields({type->value, {}, {}}, 1).type != "multipart/report") return Report{};
    const auto structure = mail::read_structure(content, false);
    std::optional<std::size_t> machine;
    for (std::size_t i = 0; i < structure.parts.size(); ++i) {
        if (structure.parts[i].depth != 1 || !kind_of(structure.parts[i].type)) continue;
        if (machine) return malformed("it has two parts for machines");
        machine = i;
    }
    if (!machine) return Report{};
    if (structure.too_deep || structure.too_many) return malformed("it has too many parts");

    ReturnedReport report;
    report.kind = *kind_of(structure.parts[*machine].type);
    const std::string text = mail::decoded(content, structure.parts[*machine], longest_report + 1);
    if (text.size() > longest_report) return malformed("its part for machines is too large");
    const std::string lines = with_crlf(text);
    if (auto read = read_fates(report, lines); !read) return std::unexpected(read.error());
    report.returned_head = returned_head(content, structure, *machine);
    if (auto agreed = agree_on_message_id(report); !agreed) return std::unexpected(agreed.error());
    return Report(std::move(report));
}

}  // namespace postern::report
