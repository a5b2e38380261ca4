#include "policy/spelling.hpp"

#include <fmt/format.h>

namespace postern::policy {

namespace {

using vocabulary::FieldType;

/// A pattern for a word in any case of its letters.
std::string any_case(std::string_view words)
{
    std::string pattern;
    for (const char c : words) {
        if (c >= 'a' && c <= 'z')
            pattern += fmt::format("[{}{}]", static_cast<char>(c - 32), c);
        else
            pattern += c;
    }
    return pattern;
}

constexpr std::string_view decimal = "[0-9]+(\\.[0-9]{1,6})?";
constexpr std::string_view size_unit = "([KkMmGg][Ii]?)?[Bb]";
constexpr std::string_view comparison = "(>=?|<=?|=)?";
constexpr std::string_view octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
constexpr std::string_view ip6 = "(?=[^:]*:[^:]*:)[0-9a-fA-F:]+(\\.[0-9.]+)?";
constexpr std::string_view port =
    "0*(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})";
constexpr std::string_view label =
    "[a-zA-Z0-9\\u0080-\\uFFFF]([a-zA-Z0-9\\u0080-\\uFFFF-]{0,61}[a-zA-Z0-9\\u0080-\\uFFFF])?";
constexpr std::string_view header_name = "[!-9;-~]{1,100}";
constexpr std::string_view no_controls = "[^\\u0000-\\u001F\\u007F]+";

std::string time_unit()
{
    return any_case("(ms|milliseconds?|s|seconds?|min|minutes?|h|hours?|d|days?|weeks?|months?|years?)");
}

std::string size()
{
    return fmt::format("{} *{}", decimal, size_unit);
}

std::string ip4()
{
    return fmt::format("{0}(\\.{0}){{3}}", octet);
}

std::string network()
{
    return fmt::format("({}(/([12]?[0-9]|3[0-2]))?|{}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)", ip4(), ip6);
}

std::string host_port()
{
    // A dotted name of digits alone is an address, and must be one.
    return fmt::format("(\\[{}\\]|{}|(?![0-9.]+:)[A-Za-z0-9_][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+)*):{}", ip6, ip4(), port);
}

std::string loopback_port()
{
    return fmt::format("(127(\\.{}){{3}}|\\[::1\\]):{}", octet, port);
}

std::string domain(std::string_view more_labels)
{
    return fmt::format("(?=.{{1,255}}$){0}(\\.{0}){1}", label, more_labels);
}

std::string address()
{
    return fmt::format("(\"[^\"]+\"|[^@\\s\"(),:;<>\\[\\\\\\].]+(\\.[^@\\s\"(),:;<>\\[\\\\\\].]+)*)@{}",
                       fmt::format("({0}(\\.{0})*|\\[.+\\])", label));
}

std::string instant()
{
    return "(?!....-(02-3|(0[469]|11)-31))[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
           "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z";
}

Spelling text(std::size_t longest, std::string_view words, std::vector<std::string_view> examples)
{
    return {
        std::string(no_controls), "one line, without control characters", words, std::move(examples), longest, true};
}

Spelling words_alone(std::string_view words)
{
    return {.pattern = {}, .hint = {}, .words = words, .examples = {}};
}

Spelling make(Form form)
{
    switch (form) {
        case Form::text:
            return text(200, "Text of at most 200 bytes.", {"Greenstone Chambers"});
        case Form::id:
            return {"[a-z0-9-]{1,64}",
                    "small letters, digits and hyphens, at most 64",
                    "A name of small letters, digits and hyphens, at most 64.",
                    {"crown-court"},
                    0,
                    true};
        case Form::label:
            return {"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
                    "small letters, digits and hyphens: york for york.SUFFIX",
                    "One label of a domain.",
                    {"york"},
                    0,
                    true};
        case Form::boolean:
            return words_alone("`true` or `false`.");
        case Form::count:
            return words_alone("A whole number.");
        case Form::factor:
            return words_alone("A number.");
        case Form::size:
            return {size(),
                    "write a size such as \"10 MiB\"",
                    "A number and a unit: B, KiB, MiB, GiB (powers of 1024), KB, MB, GB (powers of 1000).",
                    {"10 MiB", "1.5 GiB"}};
        case Form::duration:
            return {fmt::format("{} *{}", decimal, time_unit()),
                    "write a time such as \"90 seconds\"",
                    "A number and a unit: ms, seconds, minutes, hours, days, weeks, months (30 days), years.",
                    {"90 seconds", "1.5 hours", "30 days"}};
        case Form::rate:
            return {fmt::format("[0-9]+ *{} +({} *)?{}", any_case("per"), decimal, time_unit()),
                    "write a rate such as \"200 per hour\"",
                    "A count and a time.",
                    {"200 per hour", "5 per 10 minutes"}};
        case Form::percent:
            return {"0*(100(\\.0{1,6})?|[0-9]{1,2}(\\.[0-9]{1,6})?) *%",
                    "write a share such as \"20 %\"",
                    "A share.",
                    {"20 %"}};
        case Form::network:
            return {network(),
                    "write one such as \"203.0.113.8/29\" or \"2001:db8::/32\"",
                    "An address, or a network with the length of its prefix.",
                    {"203.0.113.8/29", "\"2001:db8::/32\""}};
        case Form::ip:
            return {fmt::format("({}|{})(@{})?", ip4(), ip6, port),
                    "write 127.0.0.1 or 127.0.0.1@5353",
                    "An IP address, with `@port` where it is not the usual one.",
                    {"127.0.0.1", "127.0.0.1@5353"}};
        case Form::host_port:
            return {host_port(),
                    "write \"mail.example.org:25\", \"192.0.2.1:25\" or \"[2001:db8::1]:25\"",
                    "A host and a port.",
                    {"\"mail.example.org:25\"", "\"[2001:db8::1]:25\""}};
        case Form::ip_port:
            return {fmt::format("({}|\\[{}\\]):{}", ip4(), ip6, port),
                    "write \"0.0.0.0:25\" or \"[::]:25\"",
                    "An IP address of this machine and a port.",
                    {"\"0.0.0.0:25\"", "\"[::]:25\""}};
        case Form::loopback_port:
            return {loopback_port(),
                    "write \"127.0.0.1:9125\": only this machine may ask",
                    "An address on loopback and a port.",
                    {"\"127.0.0.1:9125\""}};
        case Form::local_endpoint:
            return {fmt::format("(.*/.*|{})", loopback_port()),
                    "write the path of a socket, or 127.0.0.1:port",
                    "The path of a socket, or an address on loopback and a port.",
                    {"/run/dovecot/lmtp", "\"127.0.0.1:24\""}};
        case Form::domain:
            return {domain("*"), "write one such as mail.example.org", "A domain.", {"mail.example.org"}, 0, true};
        case Form::whole_domain:
            return {domain("+"),
                    "write a whole domain such as example.org",
                    "A domain of at least two labels.",
                    {"example.org"}};
        case Form::address:
            return {address(), "write one such as office@example.org", "A mail address.", {"office@example.org"}};
        case Form::instant:
            return {instant(),
                    "write one such as 2026-12-01T06:00:00Z",
                    "A date and a time of day in UTC.",
                    {"2026-12-01T06:00:00Z"}};
        case Form::sha256:
            return {"([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}",
                    "write 64 hexadecimal digits",
                    "64 hexadecimal digits, with a colon after each pair or without.",
                    {"\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""}};
        case Form::path:
            return text(1024, "A path; a relative one counts from the policy's folder.", {"tls/mx.pem"});
        case Form::header_name:
            return {std::string(header_name),
                    "write the name of a header field, as X-Checked",
                    "Name of a header field.",
                    {"X-Checked"},
                    0,
                    true};
        case Form::prose:
            return {.pattern = {},
                    .hint = {},
                    .words = "Text, of several lines if need be; at most 64 KiB.",
                    .examples = {},
                    .longest = 0,
                    .plain = true};
        case Form::script:
            return {"(?!/)(?!.*\\.\\.)[A-Za-z0-9_./-]*\\.lua",
                    "write a file of the policy's lua/ folder, as marking.lua",
                    "A file in the policy's `lua/` folder.",
                    {"marking.lua"}};
        case Form::field:
            return words_alone("Name of a [field](stages.md).");
        case Form::word:
            return words_alone("One of these words.");
        case Form::map:
            return words_alone("A map.");
        case Form::list:
            return words_alone("A list.");
        case Form::either:
            return words_alone("One of these.");
        case Form::condition:
            return words_alone("A [condition](conditions.md).");
        case Form::event_condition:
            return words_alone("A [condition](conditions.md) over the fields of the rule's events.");
        case Form::header_map:
            return words_alone("Names of header fields and their texts, with `${...}` for values.");
        case Form::orders:
            return words_alone("[Actions](actions.md).");
        case Form::tables:
            return words_alone("Names of tables; each is a list of texts, or a map from texts to texts.");
    }
    return {};
}

Spelling make(FieldType type)
{
    switch (type) {
        case FieldType::text:
            return {
                "(=[^\\u0000]*|[^=/<>][^\\u0000]{0,255}|/.+/i?)",
                "text, a pattern with * and ?, /expression/ or /expression/i; text that begins with = < > / is "
                "written \"=...\"",
                "Text without regard to case. `*` stands for anything and `?` for one character. `/.../` is a regular "
                "expression (RE2) that matches some part, `/.../i` one without regard to case. Text that begins with "
                "`=`, `<`, `>` or `/` is written with `=` in front: `\"=/etc\"`.",
                {"\"*@crowncourt.example\"", "\"/^urgent:/i\"", "\"=>quoted\""},
                1002,
                true};
        case FieldType::role:
            return {"", "", "A role that some organisation's file declares.", {"cleared"}, 200, true};
        case FieldType::organisation:
            return {"", "", "The id of an organisation.", {"crown-court"}, 200, true};
        case FieldType::network:
            return make(Form::network);
        case FieldType::size:
            return {fmt::format("(?!< *0+(\\.0+)? *[A-Za-z]+$){} *{}", comparison, size()),
                    "write a size such as \"10 MiB\", or a comparison such as \"> 4 MiB\"",
                    "A size, or one compared with by `>`, `>=`, `<`, `<=`.",
                    {"\"> 4 MiB\"", "10 KiB"}};
        case FieldType::number:
            return {fmt::format("(?!< *0+$){} *[0-9]+", comparison),
                    "write a whole number such as 10, or a comparison such as \"> 10\"",
                    "A whole number, or one compared with by `>`, `>=`, `<`, `<=`.",
                    {"\"> 10\"", "3"}};
        case FieldType::time:
            return {"", "", "Two times of day in UTC; over midnight where the second is the earlier.", {}};
        case FieldType::word:
            return words_alone("One of these words.");
        case FieldType::boolean:
            return words_alone("`true` or `false`.");
    }
    return {};
}

}  // namespace

const Spelling& spelling_of(Form form)
{
    static const auto all = [] {
        std::vector<Spelling> spellings;
        for (int i = 0; i <= static_cast<int>(Form::tables); ++i) spellings.push_back(make(static_cast<Form>(i)));
        return spellings;
    }();
    return all[static_cast<std::size_t>(form)];
}

const Spelling& spelling_of(FieldType type)
{
    static const auto all = [] {
        std::vector<Spelling> spellings;
        for (int i = 0; i <= static_cast<int>(FieldType::boolean); ++i)
            spellings.push_back(make(static_cast<FieldType>(i)));
        return spellings;
    }();
    return all[static_cast<std::size_t>(type)];
}

const Spelling& end_of_range(FieldType type)
{
    static const Spelling time{
        "([01][0-9]|2[0-3]):[0-5][0-9]|24:00", "write one such as \"20:00\"", "A time of day.", {"\"20:00\""}};
    static const Spelling number{"[0-9]+", "write a whole number such as 10", "A whole number.", {"10"}};
    if (type == FieldType::time) return time;
    return type == FieldType::number ? number : spelling_of(Form::size);
}

}  // namespace postern::policy
