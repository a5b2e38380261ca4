#include "control/letters.hpp"

#include <fmt/format.h>

namespace postern::control {

namespace {

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Letters with one-time passwords</title>
<style>
body {{ font: 12pt/1.5 serif; margin: 0; }}
section {{ max-width: 36em; margin: 3em auto; page-break-after: always; break-after: page; }}
section:last-child {{ page-break-after: auto; break-after: auto; }}
dt {{ font-weight: bold; margin-top: 0.8em; }}
dd {{ margin: 0; }}
code {{ font: 14pt monospace; letter-spacing: 0.05em; }}
</style>
</head>
<body>
)";

constexpr std::string_view letter = R"(<section>
<h1>Your access to {service}</h1>
<p>Dear {name},</p>
<p>{organisation} has given you access to the secure e-mail service {service}.</p>
<dl>
<dt>Your secure address</dt><dd><code>{address}</code></dd>
<dt>Your user name</dt><dd><code>{user_name}</code></dd>
<dt>Your one-time password</dt><dd><code>{password}</code></dd>
</dl>
<p>The password can be used once, until {until}. When you first log in you choose a password of your own, check your entry
in the directory, and answer some questions by which the helpdesk can know you later.</p>
<p>Keep this letter to yourself, and destroy it when you have logged in. Nobody of the service ever asks for your
password.</p>
</section>
)";

}  // namespace

std::string html_text(const std::string& text)
{
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string print_letters(const std::vector<directory::Invited>& invited, const LetterFacts& facts)
{
    std::string page = fmt::format(fmt::runtime(head));
    for (const auto& one : invited)
        page += fmt::format(
            fmt::runtime(letter), fmt::arg("service", html_text(facts.service)), fmt::arg("name", html_text(one.name)),
            fmt::arg("organisation", html_text(facts.organisation)), fmt::arg("address", html_text(one.address)),
            fmt::arg("user_name", html_text(one.user_name)), fmt::arg("password", html_text(one.one_time_password)),
            fmt::arg("until", fmt::format("{:.10}", to_iso8601(facts.valid_until))));
    return page + "</body>\n</html>\n";
}

}  // namespace postern::control
