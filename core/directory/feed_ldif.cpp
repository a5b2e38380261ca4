// The feed as LDIF, and the difference between two directories in it.
#include "directory/feed.hpp"

#include "base/base64.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace postern::directory {

namespace {

constexpr std::string_view container = "ou=directory";

/// Names and values of one entry; a name may stand there more than once.
using Attributes = std::multimap<std::string, std::string>;

struct Record {
    std::string dn;
    Attributes attributes;
};

// --- writing -------------------------------------------------------------------------------------------------------

/// RFC 2849 SAFE-STRING.
bool is_safe(std::string_view value)
{
    if (value.empty()) return true;
    const auto safe = [](char c) { return c > 0 && c != '\r' && c != '\n'; };
    return std::ranges::all_of(value, safe) && value.front() != ' ' && value.front() != ':' && value.front() != '<' &&
           value.back() != ' ';
}

std::string line(std::string_view name, std::string_view value)
{
    return is_safe(value) ? fmt::format("{}: {}\n", name, value) : fmt::format("{}:: {}\n", name, to_base64(value));
}

/// A value within a distinguished name (RFC 4514 section 2.4): the few that are special as hexadecimal.
std::string in_name(std::string_view value)
{
    std::string text;
    for (const char c : value) {
        const bool special = std::string_view("\"+,;<>\\#=").find(c) != std::string_view::npos || c == ' ';
        text += special ? fmt::format("\\{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
    }
    return text;
}

std::string text_of(const Record& record)
{
    std::string text = line("dn", record.dn);
    for (const auto& [name, value] : record.attributes) text += line(name, value);
    return text;
}

/// What a telephone number may hold (RFC 4517 section 3.3.31: PrintableString).
bool is_telephone(std::string_view value)
{
    return !value.empty() && std::ranges::all_of(value, [](char c) {
        return (c >= '0' && c <= '9') || std::string_view(" +-().,/").find(c) != std::string_view::npos;
    });
}

/// As an LDAP server compares values (RFC 4518): without regard to case and to how many blanks there are; telephones
/// without any blanks and hyphens.
std::string as_compared(std::string_view name, std::string_view value)
{
    const bool telephone = name.ends_with("Number") || name == "mobile";
    std::string folded;
    for (const char c : to_lower(value)) {
        if (telephone && (c == ' ' || c == '-')) continue;
        if (c == ' ' && folded.ends_with(' ')) continue;
        folded += c;
    }
    return folded;
}

/// A server takes no value twice, and would refuse the whole change.
void put(Attributes& attributes, const char* name, std::string_view value)
{
    const std::string text(trim(value));
    if (text.empty()) return;
    const auto same = [&](const auto& one) { return as_compared(name, one.second) == as_compared(name, text); };
    const auto [first, last] = attributes.equal_range(name);
    if (std::none_of(first, last, same)) attributes.emplace(name, text);
}

void put_details(Attributes& attributes, const std::map<std::string, std::string>& details)
{
    constexpr std::array<std::pair<std::string_view, const char*>, 4> telephones{{{"telephone", "telephoneNumber"},
                                                                                  {"phone", "telephoneNumber"},
                                                                                  {"mobile", "mobile"},
                                                                                  {"fax", "facsimileTelephoneNumber"}}};
    constexpr std::array<std::pair<std::string_view, const char*>, 4> texts{
        {{"title", "title"}, {"room", "roomNumber"}, {"department", "departmentNumber"}, {"place", "l"}}};
    for (const auto& [name, value] : details) {
        const auto telephone =
            std::ranges::find(telephones, std::string_view(name), [](const auto& t) { return t.first; });
        const auto text = std::ranges::find(texts, std::string_view(name), [](const auto& t) { return t.first; });
        if (telephone != telephones.end() && is_telephone(value))
            put(attributes, telephone->second, value);
        else if (text != texts.end())
            put(attributes, text->second, value);
        else
            put(attributes, "description", fmt::format("{}: {}", name, value));
    }
}

Record record_of(const FeedEntry& entry, std::string_view base)
{
    Record record{fmt::format("mail={},{},{}", in_name(entry.address), container, base), {}};
    Attributes& attributes = record.attributes;
    std::string name(trim(entry.name));
    if (name.empty()) name = entry.function.empty() ? entry.address : entry.organisation_name + ", " + entry.function;
    const std::size_t space = entry.kind == vocabulary::EntryKind::user ? name.rfind(' ') : name.npos;
    attributes.emplace("objectClass", "inetOrgPerson");
    put(attributes, "cn", name);
    put(attributes, "sn", space == name.npos ? name : name.substr(space + 1));
    if (space != name.npos) put(attributes, "givenName", name.substr(0, space));
    put(attributes, "displayName", name);
    put(attributes, "mail", entry.address);
    put(attributes, "o", entry.organisation_name);
    put(attributes, "businessCategory", entry.kind_of_body);
    put(attributes, "employeeType", vocabulary::name_of(entry.kind));
    put(attributes, "description", entry.function);
    put_details(attributes, entry.details);
    if (!attributes.contains("l")) put(attributes, "l", entry.place);
    return record;
}

// --- reading -------------------------------------------------------------------------------------------------------

std::optional<std::string> from_base64(std::string_view text)
{
    std::string bytes;
    unsigned gathered = 0;
    unsigned bits = 0;
    while (text.ends_with('=')) text.remove_suffix(1);
    for (const char c : text) {
        constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const std::size_t digit = digits.find(c);
        if (digit == digits.npos) return std::nullopt;
        gathered = (gathered << 6 | static_cast<unsigned>(digit)) & 0xFFFFFF;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(gathered >> bits & 0xFF);
    }
    return bytes;
}

/// Lines with folding undone (RFC 2849 section 2), without comments.
std::vector<std::pair<std::size_t, std::string>> lines_of(std::string_view text)
{
    std::vector<std::pair<std::size_t, std::string>> lines;
    bool comment = false;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view one = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (one.ends_with('\r')) one.remove_suffix(1);
        if (one.starts_with(' ')) {
            if (!comment && !lines.empty()) lines.back().second += one.substr(1);
            continue;
        }
        comment = one.starts_with('#');
        if (!comment) lines.emplace_back(number, one);
    }
    return lines;
}

Result<std::vector<Record>> read_ldif(std::string_view text, std::string_view whose)
{
    std::vector<Record> records;
    bool within = false;
    for (const auto& [number, one] : lines_of(text)) {
        if (one.empty()) {
            within = false;
            continue;
        }
        const auto wrong = [&, number = number](std::string_view what) {
            return fault(Retry::never, fmt::format("line {} of {} is no LDIF: {}", number, whose, what));
        };
        const std::size_t colon = one.find(':');
        if (colon == one.npos || colon == 0) return wrong("it has no \"name: value\"");
        const std::string name = one.substr(0, colon);
        const bool encoded = one.substr(colon + 1).starts_with(':');
        const std::string_view rest = trim(std::string_view(one).substr(colon + (encoded ? 2 : 1)));
        const auto value = encoded ? from_base64(rest) : std::optional<std::string>(rest);
        if (!value) return wrong("its base64 can't be read");
        if (!within && iequals(name, "version")) continue;
        if (!within && iequals(name, "search")) continue;  // what ldapsearch says at its end
        if (!within && iequals(name, "result")) continue;
        if (!within && !iequals(name, "dn")) return wrong("an entry begins with dn:");
        if (!within)
            records.push_back({*value, {}});
        else
            records.back().attributes.emplace(name, *value);
        within = true;
    }
    return records;
}

/// What an entry is known by: its address; the container has none.
std::string key_of(const Record& record)
{
    const auto mail = record.attributes.find("mail");
    return mail == record.attributes.end() ? std::string{} : to_lower(mail->second);
}

using Book = std::map<std::string, Record>;

Result<Book> book_of(std::string_view text, std::string_view whose)
{
    auto records = read_ldif(text, whose);
    if (!records) return std::unexpected(records.error());
    Book book;
    for (auto& record : *records) {
        auto key = key_of(record);
        book.insert_or_assign(std::move(key), std::move(record));
    }
    return book;
}

std::string modified(const Record& has, const Record& wanted)
{
    std::string text;
    const auto values = [](const Record& record, const std::string& name) {
        std::multiset<std::string> all;
        const auto [first, last] = record.attributes.equal_range(name);
        for (auto at = first; at != last; ++at) all.insert(at->second);
        return all;
    };
    std::set<std::string> names;
    for (const auto* record : {&has, &wanted})
        for (const auto& [name, value] : record->attributes) names.insert(name);
    for (const auto& name : names) {
        const auto now = values(wanted, name);
        if (now == values(has, name)) continue;
        text += line("replace", name);
        for (const auto& value : now) text += line(name, value);
        text += "-\n";
    }
    return text.empty() ? text : line("dn", has.dn) + "changetype: modify\n" + text + "\n";
}

}  // namespace

std::string base_of(std::string_view domain)
{
    std::string base;
    for (;;) {
        const std::size_t dot = domain.find('.');
        base += fmt::format("{}dc={}", base.empty() ? "" : ",", in_name(domain.substr(0, dot)));
        if (dot == domain.npos) return base;
        domain.remove_prefix(dot + 1);
    }
}

namespace {

class LdifFeed final : public FeedPrinter {
public:
    explicit LdifFeed(std::string base) : base_(std::move(base)) {}
    std::string begin() const override
    {
        return text_of({fmt::format("{},{}", container, base_),
                        {{"objectClass", "organizationalUnit"}, {"ou", "directory"}}}) +
               "\n";
    }
    std::string print(const FeedEntry& entry) override
    {
        if (!is_ascii(entry.address)) return {};
        return text_of(record_of(entry, base_)) + "\n";
    }
    std::string end() const override { return {}; }

private:
    const std::string base_;
};

}  // namespace

std::unique_ptr<FeedPrinter> ldif_feed(std::string base)
{
    return std::make_unique<LdifFeed>(std::move(base));
}

Result<std::string> ldif_changes(std::string_view server, std::string_view feed)
{
    const auto has = book_of(server, "what the server has");
    if (!has) return std::unexpected(has.error());
    const auto wanted = book_of(feed, "the feed");
    if (!wanted) return std::unexpected(wanted.error());
    if (!wanted->contains("")) return fault(Retry::never, "the feed is cut off: it does not begin with its container");
    std::string text;
    for (const auto& [key, record] : *has)
        if (!wanted->contains(key)) text += line("dn", record.dn) + "changetype: delete\n\n";
    for (const auto& [key, record] : *wanted) {
        const auto known = has->find(key);
        if (known == has->end())
            text += line("dn", record.dn) + "changetype: add\n" + text_of(record).substr(line("dn", record.dn).size()) +
                    "\n";
        else
            text += modified(known->second, record);
    }
    return text;
}

}  // namespace postern::directory
