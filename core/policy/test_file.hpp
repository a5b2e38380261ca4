// tests/*.yaml: what a policy must do, as its author declares it; the typed document.
//
// Values. Reading is pure and gives places for all that is wrong; running them is gateway/policy_tests.
#pragma once

#include "mail/address.hpp"
#include "policy/diagnostic.hpp"
#include "policy/document.hpp"
#include "policy/keys.hpp"
#include "policy/source.hpp"
#include "vocabulary/directory_entry.hpp"
#include "vocabulary/events.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::policy {

/// An attachment of a made message, with what the scanner is to have seen in it.
struct TestAttachment {
    std::string name;
    std::string type;                   ///< declared; "application/octet-stream" where silent
    std::string detected_type;          ///< as declared where silent
    std::string text;                   ///< its content
    std::optional<std::uint64_t> size;  ///< bytes; the text is made that long
    std::vector<std::string> members;
    bool encrypted = false;
    bool broken = false;
    bool macros = false;
};

struct TestMessage {
    std::string file;  ///< in tests/: a whole message; then nothing else is declared
    std::optional<std::string> subject;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string text;
    std::optional<std::uint64_t> size;  ///< bytes of the whole message, at least; filled up with text
    std::vector<TestAttachment> attachments;
    std::vector<std::string> viruses;      ///< signatures that the scanner finds, in a whole message too
    std::vector<std::string> unscannable;  ///< names of vocabulary::obstacles()
};

struct TestGiven {
    std::string connects_from;          ///< organisation; empty: the one whose address `from` is
    std::optional<mail::Address> from;  ///< nothing: the null sender "<>"
    std::vector<mail::Address> to;
    std::optional<Instant> at;          ///< now where silent
    std::optional<bool> first_contact;  ///< true where silent: nobody ever wrote to anybody before
    TestMessage message;
};

/// What must come of it; what is not set is not looked at.
struct TestExpectation {
    Place place;
    std::optional<mail::Address> recipient;  ///< nothing: all of them
    std::string verdict;                     ///< a word of test_verdicts()
    std::string organisation;
    std::optional<std::string> subject;                        ///< as it stands in the copy, decoded
    std::vector<std::pair<std::string, std::string>> headers;  ///< of the copy: matched as in conditions; "absent"
    std::string reply;                                         ///< matched; without its code: "5.7.1 Attachment *"
    std::vector<std::string> rules;                            ///< names of rules that must hold
    std::vector<std::string> rules_not;                        ///< names of rules that must not
    std::string route;                                         ///< name of the rule of routing.yaml, or "deliver_to"
    std::string next_hop;                                      ///< "mail.greenstone.example:25", matched
    std::optional<std::uint64_t> limit;                        ///< bytes that this recipient may receive
    std::vector<std::string> notified;                         ///< whom notices go to
    std::optional<mail::Address> redirected_to;
    std::vector<mail::Address> added;  ///< recipients that rules add
    std::vector<std::string> notes;    ///< matched
};

struct PolicyTest {
    std::string name;
    std::string file;  ///< "tests/tagging.yaml"
    Place place;
    TestGiven given;
    std::vector<TestExpectation> expect;
};

/// One event, and what alerts.yaml makes of it.
struct AlertTest {
    std::string name;
    std::string file;
    Place place;
    vocabulary::Event event;               ///< at: zero where silent
    std::vector<std::string> rules;        ///< names of rules that must make an alert
    std::vector<std::string> rules_not;    ///< names of rules that must not
    std::vector<std::string> told;         ///< addresses that must be told; inside: in their form inside
    std::vector<std::string> told_not;     ///< addresses that must not
    std::vector<std::string> told_notice;  ///< addresses that must be told without content, being outside
};

struct TestsFile {
    std::string file;
    /// Who is listed, for these tests; nothing: every address of a member whose people are listed is.
    std::optional<std::vector<vocabulary::DirectoryEntry>> people;
    std::vector<PolicyTest> tests;
    std::vector<AlertTest> alerts;
};

/// The form of a whole file, for the table of keys.
[[nodiscard]] Shape tests_shape();
/// deliver, reject, defer, quarantine, hold, redirect, refuse.
[[nodiscard]] const std::vector<std::string>& test_verdicts();

[[nodiscard]] TestsFile read_tests_file(Source& source, const YamlNode& tree);
/// The same from bytes; whatever is wrong is added to `diagnostics`, and then the file may be incomplete.
[[nodiscard]] TestsFile parse_tests_file(std::string_view bytes, const std::string& name, Diagnostics& diagnostics);

}  // namespace postern::policy
