#include "policy/keys.hpp"

#include "policy/test_file.hpp"

#include "vocabulary/acts.hpp"
#include "vocabulary/events.hpp"
#include "vocabulary/fields.hpp"
#include "vocabulary/findings.hpp"

#include <fmt/format.h>
#include <array>
#include <iterator>
#include <optional>
#include <utility>

namespace postern::policy {

namespace {

using Kind = Together::Kind;
using vocabulary::RuleFile;
using vocabulary::Stage;

Shape simple(Form form)
{
    return {.form = form};
}
Shape count(std::uint64_t least, std::uint64_t most)
{
    return {.form = Form::count, .least = least, .most = most};
}
Shape words(std::vector<std::string> allowed)
{
    return {.form = Form::word, .words = std::move(allowed)};
}
/// Words with what they mean.
Shape meaning(std::vector<std::pair<std::string, std::string>> allowed)
{
    Shape shape{.form = Form::word};
    for (auto& [word, meaning] : allowed) {
        shape.words.push_back(std::move(word));
        shape.meanings.push_back(std::move(meaning));
    }
    return shape;
}
Shape map(std::vector<Key> keys)
{
    return {.form = Form::map, .keys = std::move(keys)};
}
Shape map(std::vector<Key> keys, std::vector<Together> together)
{
    return {.form = Form::map, .keys = std::move(keys), .together = std::move(together)};
}
Shape list(Shape item)
{
    return {.form = Form::list, .items = {std::move(item)}};
}
Shape condition(Stage stage)
{
    return {.form = Form::condition, .stage = stage};
}

Shape orders(vocabulary::RuleFile file)
{
    return {.form = Form::orders, .file = file};
}

constexpr bool required = true;

Key name_key()
{
    return {"name", simple(Form::id), "Unique name of the rule, as logs and `explain` call it.", required};
}

Shape action_names(vocabulary::RuleFile file)
{
    std::vector<std::pair<std::string, std::string>> names;
    for (const auto& action : vocabulary::actions())
        if (vocabulary::belongs(action.id, file)) names.emplace_back(action.name, action.description);
    return meaning(std::move(names));
}

/// A rule of that file: what every rule may say, and what is given. `may` is left out where a script has nothing to
/// order.
Shape rule(Stage stage, std::string_view which, std::optional<vocabulary::RuleFile> orders, std::vector<Key> own,
           std::vector<Together> together = {})
{
    std::vector<Key> keys{name_key(), {"when", condition(stage), std::string(which)}};
    keys.insert(keys.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
    keys.push_back({"lua", simple(Form::script),
                    "A script in lua/ that is asked as well: true or false says whether the rule applies; it may order "
                    "actions instead."});
    if (orders)
        keys.push_back({"may", list(action_names(*orders)),
                        "Actions that the script may order; anything else is an error of the script."});
    keys.push_back({"on_error",
                    meaning({{"defer", "The sender's server tries again later."},
                             {"reject", "The recipient is refused."},
                             {"ignore", "As if the rule were not there; only where nothing is decided."}}),
                    "What a failing script means; defer where absent. ignore only where nothing is decided."});
    together.push_back({Kind::needs, {"lua"}, "may"});
    together.push_back({Kind::needs, {"lua"}, "on_error"});
    return map(std::move(keys), std::move(together));
}

/// What those keys say of each other; `hosts` is how the map calls its list of hosts.
std::vector<Together> hop_together(const char* hosts)
{
    return {{Kind::one_of, {hosts, "mx"}},
            {Kind::needs, {"pins"}, "tls", "pin"},
            {Kind::only_with, {"pins"}, "tls", "pin"},
            {Kind::only_with, {"verify_name", "authorities"}, "tls", "verify", true}};
}

/// What a next hop may say beside where it is.
std::vector<Key> hop_keys(std::vector<Key> keys)
{
    keys.push_back({"mx", simple(Form::domain), "Look up the MX records of this domain instead of naming hosts."});
    keys.push_back(
        {"tls",
         meaning({{"verify", "A certificate for its name, from an authority that is believed."},
                  {"dane", "TLSA records in DNS, signed by DNSSEC."},
                  {"pin", "One of the certificates under pins."},
                  {"none", "Clear text: only on loopback."}}),
         "How the host proves itself: a certificate for its name, TLSA records, or a pinned certificate. none only for "
         "loopback. verify where absent."});
    keys.push_back({"pins", list(simple(Form::sha256)), "SHA-256 of the accepted certificates, for tls: pin."});
    keys.push_back(
        {"verify_name", simple(Form::domain), "Name that the certificate must carry, if not the host's own."});
    keys.push_back({"authorities", simple(Form::path), "PEM file of the authorities that are believed for this hop."});
    keys.push_back({"credentials", simple(Form::id),
                    "Name of a login in node.yaml's secrets; said by SMTP AUTH, and only under verified TLS."});
    keys.push_back({"concurrency", count(1, 1000), "Connections at one time; 10 where absent."});
    keys.push_back({"messages_per_connection", count(1, 100'000), "Then a new connection is made; 100 where absent."});
    return keys;
}

Shape suspension_shape()
{
    return map(
        {{"kind",
          meaning({{"outage", "Its own planned one: mail for it is held, senders are told."},
                   {"sanction", "By the service: mail from and for it is refused."}}),
          "outage: its own planned one, mail for it is held. sanction: mail from and for it is refused.", required},
         {"reason", simple(Form::text), "Told to senders where it is an outage."},
         {"until", simple(Form::instant), "End, in UTC. Required for an outage."}},
        {{Kind::needs, {"until"}, "kind", "outage"}});
}

Shape domain_entry()
{
    Shape shape;
    shape.form = Form::either;
    shape.items.push_back(simple(Form::whole_domain));
    shape.items.push_back(map(
        {{"domain", simple(Form::whole_domain), "The domain outside the community."},
         {"secure", simple(Form::whole_domain), "The same domain inside, if it is not domain + suffix."},
         {"label", simple(Form::label), "For members hosted here: a label under the suffix, york for york.cjsm.net."}},
        {{Kind::one_of, {"domain", "label"}}, {Kind::excludes, {"secure"}, "label"}}));
    return shape;
}

Shape organisation_shape()
{
    return map(
        {
            {"organisation", simple(Form::id), "Id, unique in the community; never changes.", required},
            {"name", simple(Form::text), "As people know it; told to senders.", required},
            {"kind",
             meaning({{"server", "It has its own mail server; people go on using their own addresses and programs."},
                      {"mailbox", "Its mailboxes are hosted here."}}),
             "server: has its own mail server. mailbox: hosted here.", required},
            {"kind_of_body", simple(Form::text),
             "What it is: court, police, chambers, charity. Conditions can ask for it."},
            {"place", simple(Form::text), "Where it is, for the directory."},
            {"roles", list(simple(Form::text)), "Words that conditions can ask for."},
            {"users",
             meaning({{"listed", "Those that stand in the directory."},
                      {"any", "All, without an entry for each person."},
                      {"ask", "Those that its own server accepts; the answer is remembered for a time."}}),
             "Which of its addresses exist: those in the directory, all, or those that its own server accepts. listed "
             "where absent."},
            {"ask",
             map({{"remembers", simple(Form::duration), "How long a yes of its server counts; 24 hours where absent."},
                  {"remembers_no", simple(Form::duration), "How long a no counts; 15 minutes where absent."}}),
             "For users: ask."},
            {"domains", list(domain_entry()), "Its domains; inside the community they end in the suffix.", required},
            {"administrators", list(simple(Form::address)), "Who answers for it: addresses in its own domains."},
            {"part_of", simple(Form::id),
             "The organisation that it is a part of, whose administrators are its own too."},
            {"signatory", simple(Form::text), "Who accepts the service's terms for it each year."},
            {"connects_from",
             map({{"networks", list(simple(Form::network)), "Where its server connects from."},
                  {"certificate",
                   map({{"name", simple(Form::domain), "DNS name in a certificate of a declared authority."},
                        {"sha256", simple(Form::sha256), "SHA-256 of the certificate itself (DER)."}},
                       {{Kind::one_of, {"name", "sha256"}}}),
                   "The client certificate that its server shows: by name or by digest."}},
                 {{Kind::some_of, {"networks", "certificate"}}}),
             "How its server proves itself: every listed proof is required."},
            {"deliver_to",
             map(hop_keys({{"hosts", list(simple(Form::host_port)), "Its servers, tried in order: \"host:port\"."}}),
                 hop_together("hosts")),
             "Where its mail goes. Required for kind: server."},
            {"limits", map({{"message_size", simple(Form::size), "Largest message that it sends or receives."}}),
             "Limits of its own; the community's count as well."},
            {"alerts", map({{"also_to", list(simple(Form::address)), "Non-secure addresses."}}),
             "Where alerts go besides its administrators, without content."},
            {"from_must_agree", simple(Form::boolean),
             "Whether From: must be one address of this member; true where absent."},
            {"suspended", suspension_shape(), "Stops its mail for a time."},
        },
        {{Kind::needs, {"deliver_to"}, "kind", "server"},
         {Kind::excludes, {"deliver_to", "connects_from", "ask"}, "kind", "mailbox"},
         {Kind::only_with, {"ask"}, "users", "ask"}});
}

Shape routing_shape()
{
    auto then = map(hop_keys({{"next_hop", list(simple(Form::host_port)), "Hosts, tried in order: \"host:port\"."}}),
                    hop_together("next_hop"));
    return map({
        {"community",
         map({{"suffix", simple(Form::whole_domain), "What every address inside the community ends in.", required},
              {"operator", simple(Form::address),
               "Who answers for the service: reports come from this address's domain.", required},
              {"redirects",
               meaning({{"carry", "It goes on, with the redirecting person as its sender."},
                        {"refuse", "It is refused; both are told."}}),
               "Mail that a member's person redirects to another; refuse where absent."},
              {"redirect_hops", count(1, 50), "Redirects of one message that are carried; 5 where absent."},
              {"outside_receipts",
               meaning({{"strip", "The request is taken out, and `postern trace` says so."},
                        {"refuse", "The message is refused."}}),
               "Mail that asks its readers for a receipt to an address outside (Disposition-Notification-To, "
               "Return-Receipt-To, X-Confirm-Reading-To): a reader's program would send it past the service. strip "
               "where absent."}}),
         "The community as a whole.", required},
        {"routes",
         list(rule(Stage::recipient, "Which recipients. Mail leaves the members only as origin: alert. Required.", {},
                   {{"then", std::move(then), "Where that mail goes.", required}})),
         "Exceptions from the members' own deliver_to: the first that holds counts."},
        {"retry",
         map({{"first", simple(Form::duration), "Wait after the first failed attempt; 1 minute where absent."},
              {"factor",
               {.form = Form::factor, .least = 1, .most = 10},
               "Each wait is this many times the one before; 2 where absent."},
              {"at_most", simple(Form::duration), "Longest wait; 1 hour where absent."},
              {"jitter", simple(Form::percent), "Share by which a wait varies; 20 % where absent."},
              {"delay_report", simple(Form::duration),
               "After this the sender is told that mail waits; and one who asked for a report of delivery, that the "
               "server which took the mail and promised one has said nothing. 4 hours where absent."},
              {"give_up", simple(Form::duration), "After this it bounces; 2 days where absent."}}),
         "How often and how long delivery is tried."},
    });
}

Shape tagging_shape()
{
    auto subject = map({{"prefix", simple(Form::text), "Put in front of the subject.", required},
                        {"once", simple(Form::boolean),
                         "Not on a subject that carries it already, in replies too; true where absent."},
                        {"remove_on_entry", simple(Form::boolean),
                         "Taken off again when a member sends it back; false where absent."}});
    auto headers = map({{"add", simple(Form::header_map), "Header fields to add: name: text, with ${...} for values."},
                        {"remove", list(simple(Form::header_name)), "Header fields to remove."}});
    return map({{"tags",
                 list(rule(Stage::message, "Which recipients' copies; all where absent.", RuleFile::tagging,
                           {{"subject", std::move(subject), "Marks the subject."},
                            {"headers", std::move(headers), "Adds and removes header fields."}},
                           {{Kind::some_of, {"subject", "headers", "lua"}}})),
                 "All that hold apply, in order.", required}});
}

Shape limits_shape()
{
    auto limit = rule(Stage::recipient, "Which recipients; all where absent.", RuleFile::limits,
                      {{"message_size", simple(Form::size), "Largest message for these recipients."}},
                      {{Kind::some_of, {"message_size", "lua"}}});
    auto rate = rule(Stage::recipient, "Which recipients count; all where absent.", {},
                     {{"per",
                       words({"sender.address", "sender.organisation", "recipient.address", "recipient.organisation",
                              "connection.address"}),
                       "Whose messages are counted together.", required},
                      {"allow", simple(Form::rate), "How many in which time.", required},
                      {"over",
                       meaning({{"defer", "451: the sender's server tries again later."},
                                {"reject", "550: the sender is told at once."}}),
                       "What one too many gets; defer where absent."},
                      {"counts", words({"messages", "recipients"}),
                       "Whether a message counts once or for each of its recipients; messages where absent."}});
    return map(
        {{"message_size", simple(Form::size), "Largest message in the community; 10 MiB where absent."},
         {"recipients", count(1, 100'000), "Recipients of one message; 200 where absent."},
         {"rates", list(std::move(rate)),
          "How often somebody may send or get mail. Counters outlive a reload as long as the rule keeps its name."},
         {"limits", list(std::move(limit)), "Smaller limits for some mail: the smallest that holds counts."}});
}

/// `roles:` each role with what it may, or a list of that.
Shape roles_shape()
{
    std::vector<std::pair<std::string, std::string>> acts;
    for (const auto& act : vocabulary::acts()) acts.emplace_back(act.name, act.description);
    const auto power =
        map({{"may", list(meaning(std::move(acts))), "What it may do.", required},
             {"on",
              meaning({{"self", "Their own data."},
                       {"own_organisation", "Their organisation's, and that of its parts."},
                       {"any_organisation", "Everybody's, and what concerns the whole service."}}),
              "On whose data.", required},
             {"except", map({{"holds_role", simple(Form::boolean), "true: but not on those who hold a role."}}),
              "Whose data it does not reach."}});
    std::vector<Key> keys;
    for (const auto& role : vocabulary::roles())
        keys.push_back({std::string(role.name),
                        {.form = Form::either, .items = {power, list(power)}},
                        std::string(role.description)});
    return map(std::move(keys));
}

Shape holders_shape()
{
    std::vector<std::pair<std::string, std::string>> roles;
    for (const auto& role : vocabulary::roles()) roles.emplace_back(role.name, role.description);
    return list(map({{"who", simple(Form::text),
                      "A user of this machine who may use the control socket, or the first name in an administrator's "
                      "certificate.",
                      required},
                     {"role", meaning(std::move(roles)), "The role.", required}}));
}

std::vector<std::string> factor_roles()
{
    std::vector<std::string> names;
    for (const auto& role : vocabulary::roles())
        if (role.role != vocabulary::Role::user) names.emplace_back(role.name);
    return names;
}

Shape logins_shape()
{
    return map(
        {{"password",
          map({{"length", count(8, 128), "Characters, at least; 12 where absent."},
               {"age", simple(Form::duration), "Then it must be changed; it never runs out where absent."},
               {"history", count(0, 100), "Former passwords that can't come back; 5 where absent."},
               {"refused_words", simple(Form::path),
                "A text file, a word or a breached password on each line, that none may be or hold."}}),
          "What a password must be."},
         {"lock",
          map({{"wrong_answers", count(3, 100), "In a row; 5 where absent."},
               {"for", simple(Form::duration), "How long; 30 minutes where absent."},
               {"inactive", simple(Form::duration), "Without sending, receiving or logging in; never where absent."}}),
          "When a login is locked. Mail goes on."},
         {"one_time_valid", simple(Form::duration),
          "How long a password that was given, or an invitation, can be used; 14 days where absent."},
         {"second_factor",
          {.form = Form::either,
           .items = {meaning({{"required", "Everybody has one."}, {"offered", "Who has set one up is asked for it."}}),
                     map({{"roles", list(words(factor_roles())), "Who holds one of these roles has one."},
                          {"organisations", list(simple(Form::id)), "Their people, and those of their parts."}},
                         {{Kind::some_of, {"roles", "organisations"}}})}},
          "A code beside the password; offered where absent. Who needs one and has none can log in for nothing but to "
          "set it up."},
         {"mailed_code",
          map({{"to",
                meaning({{"secure", "Their address inside, where their organisation has a server of its own."},
                         {"non_secure", "Their address outside, once it has rested."},
                         {"any", "The first of these that there is."}}),
                "An address that the login itself does not open.", required},
               {"valid", simple(Form::duration), "How long a code is good; 10 minutes where absent."},
               {"tries", count(1, 10), "Wrong codes, then it is void; 3 where absent."},
               {"at_most", simple(Form::rate), "Codes for one login; 5 per hour where absent."}}),
          "A second factor for who has no authenticator program. Where absent there is none by mail."},
         {"reset",
          map({{"facts", count(1, 10), "That the helpdesk must have answered; 2 where absent."},
               {"wrong_answers", count(1, 20), "Then the reset is locked, and a case opened; 3 where absent."},
               {"questions", list(simple(Form::text)),
                "What people choose from, at least one more than `facts`; eight usual ones where absent. Names that "
                "nobody has are asked them too, so that nothing tells who has a login: people make up none of their "
                "own, and answers to former questions are asked for until they are given anew."}}),
          "When the helpdesk may reset a password, or take the lock of a login away."},
         {"session",
          {.form = Form::either,
           .items = {simple(Form::duration),
                     map({{"longest", simple(Form::duration), "From the login on; 8 hours where absent."},
                          {"idle", simple(Form::duration), "Without a request; 1 hour where absent."}})}},
          "When a session ends by itself: its longest time, or both."},
         {"non_secure_rests", simple(Form::duration),
          "How long a changed non-secure address rests before it gets anything or helps to log in; 48 hours where "
          "absent. Until then the one before it counts."}});
}

Shape permissions_shape()
{
    return map(
        {{"roles", roles_shape(),
          "What each role may do, and on whose data; all else is refused. Where absent, who control lets in may "
          "everything."},
         {"holders", holders_shape(),
          "Who holds which role when they come by the control socket or from elsewhere; root and the engine's own user "
          "are service administrators besides. Where absent, everybody whom control lets in is one. People of the "
          "directory hold roles that were granted."},
         {"group_sender",
          map({{"not_named",
                meaning(
                    {{"allow", "It passes; the audit says that no person was proved."}, {"refuse", "It is refused."}}),
                "Mail in a group's name whose Sender names nobody. refuse where absent.", required}}),
          "A member's server proves the member, not the person: who sends as a group is named in Sender."},
         {"logins", logins_shape(), "Passwords, locks, second factors, resets."},
         {"look_alikes",
          meaning({{"refuse", "They are refused."}, {"ask", "They are refused, unless whoever adds them is sure."}}),
          "New addresses that a reader takes for another of the same organisation, or that mix alphabets; refuse where "
          "absent."},
         {"mail",
          list(rule(Stage::recipient, "Who writes to whom; everybody where absent.", RuleFile::permissions,
                    {{"then", orders(RuleFile::permissions), "allow, refuse, or { refuse: \"5.7.1 text\" }."}},
                    {{Kind::some_of, {"then", "lua"}}})),
          "Whether a sender may write to a recipient: the first rule that holds decides; where none does, active "
          "members may."},
         {"dual_control", list(words({"release_quarantine", "exceptional_access", "reset_second_factor"})),
          "Acts that need a second person."},
         {"audit",
          map({{"keep", simple(Form::duration), "How long records are kept; for ever where absent."},
               {"head_every", simple(Form::duration),
                "How often the chain's signed end is told, by the event audit_head; 1 day where absent."}}),
          "The record of what people did."},
         {"ledger",
          map({{"keep", simple(Form::duration),
                "How long it is kept, from when a message was received; for ever where absent. What waits in the queue "
                "or in quarantine stays."}}),
          "What became of each message: what `postern trace` shows."}});
}

Shape unscannable_shape()
{
    std::vector<Key> keys;
    for (const auto& obstacle : vocabulary::obstacles())
        keys.push_back(
            {std::string(obstacle.name),
             meaning({{"accept", "It goes on."},
                      {"tag", "It goes on, and its subject says so."},
                      {"defer", "451: the sender's server tries again later."},
                      {"quarantine", "It is taken and kept for people to decide."},
                      {"reject", "Its sender is told why."}}),
             std::string(obstacle.description) + "; " + std::string(name_of(obstacle.meaning)) + " where absent."});
    keys.push_back(
        {"prefix", simple(Form::text), "What tag puts in front of the subject; \"NOT CHECKED: \" where absent."});
    return map(std::move(keys));
}

Shape content_shape()
{
    const auto keep = [](const char* what) { return map({{"keep", simple(Form::duration), what}}); };
    return map(
        {{"rules",
          list(rule(Stage::message, "Which recipients' copies; all where absent.", RuleFile::content,
                    {{"then", orders(RuleFile::content),
                      "What is done: an action, a map of actions in order, or a list of both."}},
                    {{Kind::some_of, {"then", "lua"}}})),
          "What is decided about content, for each recipient, in order: the first verdict decides, and edits, notices "
          "and notes up to there add up."},
         {"viruses",
          meaning({{"reject", "Its sender reads the virus's name."},
                   {"quarantine", "The message is taken and kept for people to decide."}}),
          "What becomes of a message with a virus where no rule says; reject where absent. It never goes on."},
         {"unscannable", unscannable_shape(),
          "What becomes of messages that can't be looked into to the end, where no rule that asks for that reason "
          "says; the strictest counts."},
         {"tables", simple(Form::tables), "Words that scripts look up: a list, or words with what they stand for."},
         {"quarantine", keep("How long where the rule says nothing; 30 days where absent. Then it is deleted."),
          "Messages in quarantine."},
         {"hold", keep("How long where the rule says nothing; 1 day where absent. Then it goes on."),
          "Messages that are held."},
         {"record", list(simple(Form::field)),
          "Fields whose values the ledger keeps for `postern trace`; of others it keeps digests."}});
}

Shape intake_shape()
{
    return map({{"connections", count(1, 1'000'000), "At one time; 1000 where absent."},
                {"connections_per_address", count(1, 1'000'000), "At one time; 50 where absent."},
                {"commands", count(10, 1'000'000), "Per connection, between messages; 1000 where absent."},
                {"errors", count(1, 10'000), "Per connection, then it is closed; 20 where absent."},
                {"command_line", simple(Form::size), "Longest command; 4 KiB where absent."},
                {"line", simple(Form::size), "Longest line of content; 64 KiB where absent."},
                {"header", simple(Form::size), "Largest header section; 256 KiB where absent."},
                {"header_fields", count(10, 100'000), "1000 where absent."},
                {"received_fields", count(5, 1000), "More is a loop; 50 where absent."},
                {"memory", simple(Form::size),
                 "Content being received at one time, all connections together; 256 MiB where absent."},
                {"command_time", simple(Form::duration), "For one command; 5 minutes where absent."},
                {"transaction_time", simple(Form::duration), "From MAIL to the end of DATA; 30 minutes where absent."},
                {"handshake_time", simple(Form::duration), "For TLS; 30 seconds where absent."},
                {"call_outs", simple(Form::rate),
                 "RCPT without DATA under a null sender, per member; 60 per minute where absent."}});
}

Shape listener_shape()
{
    return map(
        {{"name", simple(Form::id), "Unique name, as logs call it.", required},
         {"address", simple(Form::ip_port), "IP address and port: \"0.0.0.0:25\", \"[::]:25\".", required},
         {"tls",
          map({{"certificate", simple(Form::path), "PEM chain.", required},
               {"key", simple(Form::path), "PEM.", required},
               {"clients", words({"none", "request"}),
                "Whether members' servers are asked for a certificate; request where absent."}}),
          "STARTTLS with this certificate."},
         {"clear_text", simple(Form::boolean), "Members may send without TLS: only on loopback, for measurements."},
         {"limits", intake_shape(), "What one client may cost."}});
}

Shape scanner_shape()
{
    return map(
        {{"workers", count(1, 32), "Messages that are looked at at one time; 2 where absent. Takes effect at a start."},
         {"deadline", simple(Form::duration),
          "For one message: then its worker is killed, and its sender told to try again; 30 seconds where absent."},
         {"memory", simple(Form::size),
          "What a worker may use beside the signatures; 512 MiB where absent. Takes effect at a start."},
         {"temporary", simple(Form::size),
          "Temporary files of a worker; 256 MiB where absent. Takes effect at a start."},
         {"signatures", simple(Form::path),
          "Directory of virus signatures, as freshclam keeps it; or none: then nobody looks for viruses. Takes effect "
          "at a start."},
         {"signatures_age", simple(Form::duration),
          "An older set raises an alarm; 3 days where absent. A set without a date has that of its newest file."},
         {"signatures_old", words({"accept", "defer"}),
          "What becomes of mail while the set is older; accept where absent."},
         {"archive_depth", count(1, 100),
          "Archives within each other; deeper ones can't be scanned. 16 where absent. Takes effect at a start."},
         {"archive_files", count(1, 1'000'000),
          "Files in the archives of one message; 10000 where absent. Takes effect at a start."},
         {"archive_size", simple(Form::size),
          "What archives of one message may hold unpacked; 400 MiB where absent. Takes effect at a start."}});
}

Shape one_or_more(Shape item)
{
    Shape shape;
    shape.form = Form::either;
    shape.items.push_back(item);
    shape.items.push_back(list(std::move(item)));
    return shape;
}

/// A share of a disk is written as one or as a size, which no other key takes: its reader judges it.
Form form_of(vocabulary::ThresholdForm form)
{
    switch (form) {
        case vocabulary::ThresholdForm::duration:
            return Form::duration;
        case vocabulary::ThresholdForm::rate:
            return Form::rate;
        default:
            return Form::text;
    }
}

/// What `on:` may say about events: thresholds by their names.
Shape thresholds_shape()
{
    std::vector<Key> keys;
    for (const auto& event : vocabulary::events())
        if (!event.threshold.empty())
            keys.push_back({std::string(event.threshold), one_or_more(simple(form_of(event.form))),
                            fmt::format("Event {}: {} {} where a rule names no threshold.", event.name,
                                        event.description, event.usual)});
    return map(std::move(keys));
}

Shape on_shape()
{
    std::vector<std::string> names;
    for (const auto& event : vocabulary::events()) names.emplace_back(event.name);
    Shape one;
    one.form = Form::either;
    one.items = {words(std::move(names)), thresholds_shape()};
    Shape shape;
    shape.form = Form::either;
    shape.items = one.items;
    shape.items.push_back(list(std::move(one)));
    return shape;
}

Shape alert_rule_shape()
{
    const auto to = [] { return one_or_more(simple(Form::text)); };
    return map(
        {name_key(),
         {"on", on_shape(), "Events: a name, { threshold: value }, or a list of both.", required},
         {"when", simple(Form::event_condition), "Which of these events, by their fields; all where absent."},
         {"to", to(),
          "Whom to tell: operations, service_administrator, service_manager, auditor, organisation_administrators, "
          "sender, user, each with .secure or .non_secure for only those addresses, or an address. Needed for mail."},
         {"by", one_or_more(words({"mail", "webhook", "syslog"})), "On which ways; mail where absent."},
         {"template", simple(Form::path),
          "File in templates/ whose text is used for addresses inside; a built-in text where absent."},
         {"template_non_secure", simple(Form::path),
          "File in templates/ whose text is used for addresses outside. It may name what, time, service and advice, "
          "and "
          "holds no link; a built-in text where absent."},
         {"at_most",
          map({{"one_per", simple(Form::duration), "One alert in this time; what is left out is counted.", required},
               {"group_by", simple(Form::text), "A field: its values are counted each for themselves."}}),
          "How often at most."},
         {"escalate",
          map({{"unacknowledged_for", simple(Form::duration), "Then others are told as well.", required},
               {"to", to(), "Whom.", required}}),
          "What happens to an alert that nobody acknowledges."},
         {"lua", simple(Form::script),
          "A script in lua/ that is asked about each such event: true or false says whether there is an alert."},
         {"may", list(action_names(RuleFile::alerts)),
          "Actions that the script may order; anything else is an error of the script."},
         {"on_error",
          meaning({{"tell", "People are told, as if the script had said true."},
                   {"ignore", "As if the rule were not there."}}),
          "What a failing script means; tell where absent."}},
        {{Kind::needs, {"lua"}, "may"}, {Kind::needs, {"lua"}, "on_error"}});
}

Shape alerts_shape()
{
    const auto people = [](const char* who) {
        return Key{who, one_or_more(simple(Form::address)), "Addresses, inside the community or outside."};
    };
    const auto intake = [] {
        return Key{"intake", words({"carry_on", "defer"}),
                   "What happens to new mail during the window: taken as always, or answered 421 with its text. "
                   "carry_on where absent."};
    };
    const auto before = [] {
        return Key{"at_before", one_or_more(simple(Form::duration)),
                   "How long before the window people are told; 7 days, 1 day and 1 hour where absent."};
    };
    auto window = map({name_key(),
                       {"from", simple(Form::instant), "Beginning, in UTC.", required},
                       {"to", simple(Form::instant), "End, in UTC.", required},
                       {"text", simple(Form::text), "What people are told.", required},
                       before(),
                       intake()});
    auto webhook = map(
        {{"url", simple(Form::text), "https://host[:port]/path; http:// only on loopback.", required},
         {"headers", simple(Form::header_map), "Header fields sent with it: name: text."},
         {"key", simple(Form::path), "File with the key of the HMAC-SHA256 in X-Postern-Signature; none where absent."},
         {"authorities", simple(Form::path), "PEM: who may certify the server; the system's where absent."},
         {"tries", count(1, 20), "Attempts, each waiting longer than the one before; 5 where absent."},
         {"timeout", simple(Form::duration), "For one attempt; 10 seconds where absent."}});
    auto syslog =
        map({{"by", words({"local", "udp", "tcp", "tls"}),
              "local: /dev/log. udp: loopback only. tcp: loopback only. tls: verified. local where absent."},
             {"socket", simple(Form::path), "Of by: local, where it is not /dev/log."},
             {"server", simple(Form::host_port), "Of the others."},
             {"authorities", simple(Form::path), "PEM, for by: tls; the system's where absent."},
             {"verify_name", simple(Form::domain), "Name that the certificate must carry, if not the server's own."},
             {"facility", count(0, 23), "RFC 5424 number; 3 (daemon) where absent."}});
    return map(
        {{"people",
          map({people("operations"), people("service_administrator"), people("service_manager"), people("auditor")}),
          "Who these are."},
         {"alerts", list(alert_rule_shape()), "Rules: each that takes an event makes an alert."},
         {"webhook", std::move(webhook), "Where by: webhook posts to, as JSON."},
         {"syslog", std::move(syslog), "Where by: syslog writes to (RFC 5424)."},
         {"dkim",
          map({{"domain", simple(Form::domain), "d= of the signature.", required},
               {"selector", simple(Form::domain), "s= of the signature.", required},
               {"key", simple(Form::path), "PEM, RSA of 1024 bits or more, or Ed25519.", required}}),
          "Signs mail to addresses outside."},
         {"maintenance", map({before(), intake(), {"windows", list(std::move(window)), "Planned windows."}}),
          "Maintenance of the service: what holds where an announcement says nothing, and windows declared here."},
         {"keep", simple(Form::duration), "How long alerts stay in the list; 395 days where absent."}});
}

Shape backup_shape()
{
    return map(
        {{"keys", list(simple(Form::text)),
          "Public backup keys, as `postern backup key` prints them; each of their secret halves opens a backup.",
          required},
         {"folder", simple(Form::path),
          "Where the gateway puts backups by itself: a file system of another machine, mounted here. With neither "
          "`folder` nor `to` none are made by themselves."},
         {"to", simple(Form::text),
          "Or the https URL of a folder of a server, where it puts each by HTTP PUT, as WebDAV has it. The "
          "server keeps and removes them: who had taken the gateway could not remove any."},
         {"authorities", simple(Form::path), "PEM: who vouches for that server; the system's where absent."},
         {"credentials", simple(Form::text),
          "Name of a login in `secrets`, for a server that asks for name and password. The first listener's "
          "certificate is shown to one that asks for a certificate."},
         {"at", list(simple(Form::text)), "Times of day in UTC, such as \"02:30\"; 02:30 where absent."},
         {"keep", count(1, 1000), "So many stay in the folder, the newest; 14 where absent."}});
}

Shape machine_shape()
{
    Shape acme = map(
        {{"directory", simple(Form::text), "URL of the ACME server: https://acme.example/directory.", required},
         {"authorities", simple(Form::path), "PEM: who vouches for that server; the system's where absent."},
         {"contact", simple(Form::address), "Whom the server may write to; nobody where absent."},
         {"names", list(simple(Form::domain)), "What the certificate is for; this machine's `name` where absent."}});
    Shape journal =
        map({{"server", simple(Form::host_port), "Name or address, and port.", required},
             {"authorities", simple(Form::path), "PEM: who vouches for it; the system's where absent."},
             {"verify_name", simple(Form::domain), "Name that the certificate must carry, if not the server's own."}});
    return map(
        {{"interfaces",
          list(map({{"name", simple(Form::text),
                     "As the kernel calls it (* and ? match), or its hardware address: \"en*\", \"52:54:00:12:34:56\".",
                     required},
                    {"addresses",
                     {.form = Form::either, .items = {words({"dhcp"}), list(simple(Form::text))}},
                     "dhcp, or addresses with the length of their network's prefix: \"192.0.2.10/24\".",
                     required},
                    {"routers", list(simple(Form::text)), "Default routes: at most one IPv4 and one IPv6 address."}})),
          "Network cards and their addresses.", required},
         {"time",
          list(
              map({{"server", simple(Form::domain), "Its name.", required},
                   {"authenticated", simple(Form::boolean),
                    "By Network Time Security; a server that offers none is not believed then. false where absent."}})),
          "Time servers; the clock of the hypervisor where absent."},
         {"signatures", list(simple(Form::text)),
          "Where virus signatures are fetched: URLs of databases, or mirrors of ClamAV by name."},
         {"administrators", list(simple(Form::text)),
          "SSH public keys (ssh-ed25519) of those whose signature makes a configuration disk count after the first "
          "start: \"ssh-ed25519 AAAA... name\"."},
         {"confirm", simple(Form::duration),
          "A change of this machine's network that comes from afar is taken back after this time, unless `postern "
          "--at` confirms it by a new connection; 5 minutes where absent."},
         {"journal", std::move(journal),
          "Where the machine's journal is sent (RFC 5424 by TLS; in clear to loopback only); nowhere where absent."},
         {"acme", std::move(acme),
          "An authority that issues this machine's certificate by itself (ACME, RFC 8555) and renews it 30 days before "
          "its "
          "end. Certificate and key are one file, to be named wherever `tls:` is declared: "
          "/var/lib/postern-acme/certificate.pem. Port 443 is opened to prove the name (tls-alpn-01, RFC 8737)."},
         {"updates", simple(Form::text),
          "URL of the folder where updates are published, for `postern firmware check`: "
          "https://updates.example/postern."},
         {"updates_authorities", simple(Form::text),
          "Authorities that the place of updates is proved by (PEM); the system's where absent."},
         {"debug", simple(Form::boolean),
          "For finding faults: whoever stands at the console may have a shell with all rights, and the console says "
          "so. "
          "false where absent."}});
}

Shape node_shape()
{
    return map({
        {"name", simple(Form::domain), "This machine's name: greeting, Received, Message-ID.", required},
        {"listeners", list(listener_shape()), "Where members' servers connect to.", required},
        {"storage",
         map({{"directory", simple(Form::path), "Databases and large bodies. Takes effect at a start.", required},
              {"body_in_database", simple(Form::size),
               "Larger bodies are files; 256 KiB where absent. Takes effect at a start."},
              {"generations", simple(Form::duration),
               "How long the archive keeps a policy that is no longer in force, 400 days where absent; the newest "
               "100 stay in any case."}}),
         "Where mail is kept while it is here.", required},
        {"threads", count(0, 256), "0: one for each core. Takes effect at a start."},
        {"resolver",
         map({{"servers", list(simple(Form::ip)), "DNS servers; the system's where absent."},
              {"trust_anchor", simple(Form::path), "DNSSEC root key; the system's where absent."}}),
         "DNS. Takes effect at a start."},
        {"certificates",
         map({{"members", simple(Form::path),
               "PEM: who may certify members' servers as clients, as `postern ca` does."},
              {"next_hops", simple(Form::path),
               "PEM: who may certify next hops; the system's authorities where absent."}}),
         "Authorities that are believed."},
        {"mailboxes",
         map({{"lmtp", simple(Form::local_endpoint), "Path of a socket, or host:port on loopback.", required}}),
         "Where mail for members hosted here goes."},
        {"scanner", scanner_shape(), "The process that looks inside attachments, and for viruses."},
        {"secrets", simple(Form::path),
         "YAML file, readable by the service's user alone: name: { user, password } for each `credentials:` of a "
         "route."},
        {"control",
         map({{"socket", simple(Form::path), "Local socket of the command line. Takes effect at a start.", required},
              {"group", simple(Form::text), "Group that may use it; the owner only where absent."},
              {"remote",
               map({{"address", simple(Form::host_port),
                     "IP address and port for administrators at their own machines (`postern --at`), by mutual TLS.",
                     required},
                    {"administrators", simple(Form::path),
                     "PEM: who may certify administrators, or their certificates themselves.", required},
                    {"certificate", simple(Form::path), "PEM chain that is shown; the first listener's where absent."},
                    {"key", simple(Form::path), "Its PEM key."}}),
               "Administration from elsewhere; none where absent."}}),
         "How the running gateway is asked and told.", required},
        {"backup", backup_shape(), "Who can open backups, and those that the gateway makes by itself."},
        {"metrics", simple(Form::loopback_port), "Prometheus, on loopback. Takes effect at a start."},
        {"machine", machine_shape(),
         "The appliance that Postern runs on; absent where somebody else looks after the machine."},
        {"user", simple(Form::text), "Run as this user when started as root."},
        {"log", simple(Form::path), "stderr (where absent) or a file."},
    });
}

}  // namespace

Keys::Keys(std::vector<Key> keys) : list_(std::make_shared<const std::vector<Key>>(std::move(keys))) {}

Keys::Keys(std::initializer_list<Key> keys) : Keys(std::vector<Key>(keys)) {}

const Key* Keys::begin() const noexcept
{
    return list_ ? list_->data() : nullptr;
}

const Key* Keys::end() const noexcept
{
    return list_ ? list_->data() + list_->size() : nullptr;
}

void Keys::push_back(Key key)
{
    std::vector<Key> longer(begin(), end());
    longer.push_back(std::move(key));
    list_ = std::make_shared<const std::vector<Key>>(std::move(longer));
}

std::span<const FileKind> file_kinds() noexcept
{
    static constexpr std::array all{FileKind::node,   FileKind::routing,      FileKind::tagging,
                                    FileKind::limits, FileKind::permissions,  FileKind::content,
                                    FileKind::alerts, FileKind::organisation, FileKind::tests};
    return all;
}

const Shape& shape_of(FileKind kind)
{
    static const Shape node = node_shape();
    static const Shape routing = routing_shape();
    static const Shape tagging = tagging_shape();
    static const Shape limits = limits_shape();
    static const Shape permissions = permissions_shape();
    static const Shape content = content_shape();
    static const Shape alerts = alerts_shape();
    static const Shape organisation = organisation_shape();
    static const Shape tests = tests_shape();
    switch (kind) {
        case FileKind::node:
            return node;
        case FileKind::routing:
            return routing;
        case FileKind::tagging:
            return tagging;
        case FileKind::limits:
            return limits;
        case FileKind::tests:
            return tests;
        case FileKind::permissions:
            return permissions;
        case FileKind::content:
            return content;
        case FileKind::alerts:
            return alerts;
        case FileKind::organisation:
            break;
    }
    return organisation;
}

}  // namespace postern::policy
