#include "gateway/made_message.hpp"

#include "base/text.hpp"
#include "mail/header.hpp"
#include "mail/mime.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <algorithm>

namespace postern::gateway {

namespace {

constexpr std::string_view boundary = "=_made_by_a_test";
constexpr std::size_t line_of_base64 = 57;  ///< bytes that make 76 characters
constexpr std::size_t largest_made = std::size_t{64} << 20;

std::string base64_lines(std::string_view bytes)
{
    std::string lines;
    for (std::size_t at = 0; at < bytes.size(); at += line_of_base64) {
        const auto piece = bytes.substr(at, line_of_base64);
        unsigned char encoded[80];
        const int length = EVP_EncodeBlock(encoded, reinterpret_cast<const unsigned char*>(piece.data()),
                                           static_cast<int>(piece.size()));
        lines.append(encoded, encoded + length);
        lines += "\r\n";
    }
    return lines;
}

/// RFC 2231 where it is no plain ASCII.
std::string file_name_parameter(std::string_view name)
{
    if (is_ascii(name)) {
        std::string quoted;
        for (const char c : name) {
            if (c == '"' || c == '\\') quoted += '\\';
            quoted += c;
        }
        return fmt::format("filename=\"{}\"", quoted);
    }
    std::string encoded;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
        encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return fmt::format("filename*=UTF-8''{}", encoded);
}

std::string bytes_of(const policy::TestAttachment& attachment)
{
    std::string bytes = attachment.text;
    if (attachment.size) bytes.resize(std::min<std::uint64_t>(*attachment.size, largest_made), ' ');
    return bytes;
}

class Header {
public:
    explicit Header(const policy::TestGiven& given) : given_(given) {}

    void put(std::string_view name, const std::string& value)
    {
        if (!said(name)) lines_ += fmt::format("{}: {}\r\n", name, mail::encode_text(value, name.size() + 2));
    }
    /// For values that are no text of people.
    void put_plain(std::string_view name, const std::string& value)
    {
        if (!said(name)) lines_ += fmt::format("{}: {}\r\n", name, value);
    }
    [[nodiscard]] std::string finish() &&
    {
        for (const auto& [name, value] : given_.message.headers)
            lines_ += fmt::format("{}: {}\r\n", name, mail::encode_text(value, name.size() + 2));
        return std::move(lines_);
    }

private:
    [[nodiscard]] bool said(std::string_view name) const
    {
        return std::ranges::any_of(given_.message.headers, [&](const auto& h) { return iequals(h.first, name); });
    }

    const policy::TestGiven& given_;
    std::string lines_;
};

std::string header_of(const policy::TestGiven& given, Instant at)
{
    Header header(given);
    std::vector<std::string> to;
    for (const auto& address : given.to) to.push_back(address.text());
    header.put_plain("From", given.from ? given.from->text() : "Mail delivery <postmaster@localhost>");
    header.put_plain("To", fmt::format("{}", fmt::join(to, ",\r\n ")));
    header.put_plain("Date", to_rfc5322(at));
    header.put_plain("Message-ID", fmt::format("<{}@rehearsal.invalid>", to_micros(at)));
    if (given.message.subject) header.put("Subject", *given.message.subject);
    if (!given.from) header.put_plain("Auto-Submitted", "auto-replied");
    header.put_plain("MIME-Version", "1.0");
    if (given.message.attachments.empty()) {
        header.put_plain("Content-Type", "text/plain; charset=utf-8");
        header.put_plain("Content-Transfer-Encoding", "8bit");
    } else {
        header.put_plain("Content-Type", fmt::format("multipart/mixed; boundary=\"{}\"", boundary));
    }
    return std::move(header).finish();
}

std::string part_of(const policy::TestAttachment& attachment)
{
    return fmt::format(
        "--{}\r\nContent-Type: {}\r\nContent-Disposition: attachment; {}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        boundary, attachment.type, file_name_parameter(attachment.name), base64_lines(bytes_of(attachment)));
}

/// Lines of text until the whole has that many bytes.
void fill_up(std::string& text, std::uint64_t missing)
{
    static const std::string line = std::string(70, '.') + "\r\n";
    missing = std::min<std::uint64_t>(missing, largest_made);
    while (missing >= line.size() + 2) {
        text += line;
        missing -= line.size();
    }
    if (missing >= 2) text += std::string(missing - 2, '.') + "\r\n";
}

std::string body_of(const policy::TestMessage& message, std::size_t header_size)
{
    std::string text = message.text.empty() ? "A message made by a test.\r\n" : as_carried(message.text);
    std::string rest;
    if (!message.attachments.empty()) {
        text =
            fmt::format("--{}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}",
                        boundary, text);
        for (const auto& attachment : message.attachments) rest += part_of(attachment);
        rest += fmt::format("--{}--\r\n", boundary);
    }
    const auto so_far = header_size + 2 + text.size() + rest.size();
    if (message.size && *message.size > so_far) fill_up(text, *message.size - so_far);
    return text + rest;
}

/// What a test says that the scanner finds.
void find(const policy::TestMessage& message, vocabulary::Inspection& seen)
{
    seen.signatures = "the test's own signatures";
    for (const auto& signature : message.viruses) seen.viruses.push_back({signature, 0});
    const auto add = [&seen](std::string_view reason, bool is_so) {
        if (is_so && std::ranges::find(seen.unscannable, reason) == seen.unscannable.end())
            seen.unscannable.emplace_back(reason);
    };
    for (const auto& reason : message.unscannable) add(reason, true);
    for (const auto& part : seen.parts) {
        add("encrypted", part.encrypted);
        add("broken", part.broken);
        add("macros", part.macros);
    }
}

}  // namespace

std::string as_carried(std::string_view bytes)
{
    std::string carried;
    carried.reserve(bytes.size() + bytes.size() / 16 + 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
        if (bytes[i] == '\n' || bytes[i] == '\r')
            carried += "\r\n";
        else
            carried += bytes[i];
    }
    if (!carried.empty() && !carried.ends_with("\r\n")) carried += "\r\n";
    return carried;
}

MadeMessage make_message(const policy::TestGiven& given, Instant at, std::string_view file_bytes)
{
    MadeMessage made;
    if (!given.message.file.empty()) {
        made.content = std::make_shared<const std::string>(as_carried(file_bytes));
        find(given.message, made.inspection);
        return made;
    }
    const auto header = header_of(given, at);
    made.content = std::make_shared<const std::string>(header + "\r\n" + body_of(given.message, header.size()));
    made.inspection.parts.push_back({"text/plain", {}, false, false, false});
    for (const auto& attachment : given.message.attachments)
        made.inspection.parts.push_back(
            {attachment.detected_type, attachment.members, attachment.encrypted, attachment.broken, attachment.macros});
    find(given.message, made.inspection);
    return made;
}

}  // namespace postern::gateway
