// What came of a policy's tests, for people, programs and reloads.
#include "base/text.hpp"
#include "gateway/policy_tests.hpp"

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace postern::gateway {

namespace {

std::string mismatch_text(const Mismatch& mismatch)
{
    return fmt::format("{}{}: expected {}, came {}", mismatch.recipient.empty() ? "" : "<" + mismatch.recipient + "> ",
                       mismatch.what, printable(mismatch.expected, 300), printable(mismatch.came, 300));
}

std::string indented(const std::string& text)
{
    std::string lines;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        if (end > at) lines += "    " + text.substr(at, end - at);
        lines += "\n";
        at = end + 1;
    }
    return lines;
}

std::string_view plural(std::size_t count)
{
    return count == 1 ? "" : "s";
}

}  // namespace

policy::Diagnostics failures_of(const PolicyTestReport& report)
{
    auto all = report.diagnostics;
    for (const auto& outcome : report.outcomes) {
        if (outcome.mismatches.empty()) continue;
        policy::Diagnostic diagnostic;
        diagnostic.file = outcome.file;
        diagnostic.line = outcome.place.line;
        diagnostic.column = outcome.place.column;
        diagnostic.what =
            fmt::format("test \"{}\" fails: {}", printable(outcome.name), mismatch_text(outcome.mismatches.front()));
        diagnostic.remedy = "`postern test` shows the rules that decided";
        if (!outcome.suspended.empty()) {
            diagnostic.severity = policy::Severity::warning;
            diagnostic.remedy =
                fmt::format("{} is suspended; the test counts again when it no longer is", outcome.suspended);
        }
        all.push_back(std::move(diagnostic));
    }
    return all;
}

std::string report_text(const PolicyTestReport& report, const std::string& directory)
{
    std::string text = policy::render(report.diagnostics, directory);
    if (!text.empty() && !text.ends_with('\n')) text += "\n";
    if (policy::has_errors(report.diagnostics)) return text + "no test was run\n";
    for (const auto& outcome : report.outcomes) {
        if (outcome.mismatches.empty()) continue;
        text += fmt::format("{}/{}:{}:{}: FAILED {}\n", directory, outcome.file, outcome.place.line,
                            outcome.place.column, printable(outcome.name));
        for (const auto& mismatch : outcome.mismatches) text += "  " + mismatch_text(mismatch) + "\n";
        if (!outcome.suspended.empty())
            text += fmt::format("  {} is suspended: a reload does not wait for this test\n", outcome.suspended);
        text += "  what decided:\n" + indented(outcome.explanation) + "\n";
    }
    if (!report.unreached.empty()) {
        text +=
            fmt::format("{} rule{} that held in no test:\n", report.unreached.size(), plural(report.unreached.size()));
        for (const auto& rule : report.unreached) text += fmt::format("  {}\n", rule);
    }
    const auto passed = report.outcomes.size() - report.failed;
    if (report.outcomes.empty())
        text += fmt::format("{}: there are no tests (tests/*.yaml)\n", directory);
    else
        text += fmt::format("{}: {} test{} passed, {} failed\n", directory, passed, plural(passed), report.failed);
    return text;
}

boost::json::object report_json(const PolicyTestReport& report)
{
    boost::json::array outcomes, unreached;
    for (const auto& outcome : report.outcomes) {
        boost::json::object object{{"name", printable(outcome.name)},
                                   {"file", outcome.file},
                                   {"line", outcome.place.line},
                                   {"passed", outcome.mismatches.empty()}};
        boost::json::array mismatches;
        for (const auto& mismatch : outcome.mismatches)
            mismatches.push_back({{"recipient", printable(mismatch.recipient)},
                                  {"what", mismatch.what},
                                  {"expected", printable(mismatch.expected, 1000)},
                                  {"came", printable(mismatch.came, 1000)}});
        if (!mismatches.empty()) {
            object["mismatches"] = std::move(mismatches);
            object["explanation"] = outcome.explanation;
        }
        outcomes.push_back(std::move(object));
    }
    for (const auto& rule : report.unreached) unreached.emplace_back(rule);
    return {{"passed", report.outcomes.size() - report.failed},
            {"failed", report.failed},
            {"good", report.good()},
            {"tests", std::move(outcomes)},
            {"unreached", std::move(unreached)},
            {"diagnostics", boost::json::parse(policy::render_json(report.diagnostics))}};
}

}  // namespace postern::gateway
