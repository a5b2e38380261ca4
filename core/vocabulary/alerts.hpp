// What alerts.yaml declares: whom to tell of what, by which way, how often. Immutable values.
//
// Read and checked by policy/, used by alert/ and gateway/, which know each other only by these.
#pragma once

#include "base/clock.hpp"
#include "mail/address.hpp"
#include "vocabulary/events.hpp"
#include "vocabulary/mail_template.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::vocabulary {

/// Whom a rule tells. organisation_administrators are those of the organisation that the event is about.
enum class AlertRole : std::uint8_t {
    operations,
    service_administrator,
    service_manager,
    auditor,
    organisation_administrators,
    sender,
    user,
    address,  ///< one written in the rule
};
/// Which of their addresses: inside the community, or outside it, where only the kind of event is told.
enum class AlertReach : std::uint8_t { both, secure, non_secure };

struct AlertTarget {
    AlertRole role = AlertRole::operations;
    AlertReach reach = AlertReach::both;
    std::optional<mail::Address> address;  ///< of AlertRole::address
    friend bool operator==(const AlertTarget&, const AlertTarget&) = default;
};

enum class AlertChannel : std::uint8_t { mail, webhook, syslog };
[[nodiscard]] std::string_view name_of(AlertChannel channel) noexcept;

/// One form of `on:`.
struct AlertTrigger {
    EventId event = EventId::condition_raised;
    std::string threshold;  ///< in its one form; empty: of any
    friend bool operator==(const AlertTrigger&, const AlertTrigger&) = default;
};

/// `when:` of a rule, compiled.
class EventCondition {
public:
    virtual ~EventCondition() = default;
    [[nodiscard]] virtual bool holds(const Event& event) const = 0;
};

/// `lua:` of a rule: asked about an event for which `on:` and `when:` hold. Bounded by the script's budgets; a script
/// that fails can't keep an alert back unless the rule says on_error: ignore.
class EventScript {
public:
    virtual ~EventScript() = default;
    struct Answer {
        bool holds = true;
        std::string note;   ///< what it annotated; may be empty
        std::string error;  ///< "night.lua:3: ..."; empty: none
    };
    [[nodiscard]] virtual Answer ask(const Event& event) const = 0;
};

struct AlertRule {
    std::string name;
    std::string place;  ///< "alerts.yaml:4 virus"
    std::vector<AlertTrigger> on;
    std::shared_ptr<const EventCondition> when;  ///< null: always
    std::shared_ptr<const EventScript> script;   ///< null: none
    std::vector<AlertTarget> to;
    std::vector<AlertChannel> by;
    std::string template_file;          ///< for addresses inside; empty: the built-in text
    std::string notice_file;            ///< for addresses outside; empty: the built-in text
    std::optional<Duration> one_per;    ///< `at_most:`
    std::string group_by;               ///< field; empty: all of the rule's events are one group
    std::optional<Duration> escalates;  ///< `escalate:`, unacknowledged for this long
    std::vector<AlertTarget> escalates_to;

    /// Whether `on:` and `when:` hold; the script is not asked.
    [[nodiscard]] bool takes(const Event& event) const;
};

struct Webhook {
    std::string url;  ///< as written
    bool tls = true;
    std::string host;
    std::uint16_t port = 443;
    std::string path = "/";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string key_file;     ///< of the HMAC; empty: not signed
    std::string authorities;  ///< PEM; empty: the system's
    unsigned tries = 5;
    Duration timeout{std::chrono::seconds{10}};
};

struct Syslog {
    enum class Way : std::uint8_t { local, udp, tcp, tls } way = Way::local;
    std::string socket = "/dev/log";  ///< local
    HostPort server;                  ///< the others
    std::string authorities;          ///< PEM, for tls; empty: the system's
    std::string verify_name;          ///< for tls; empty: the server's own
    unsigned facility = 3;            ///< RFC 5424 section 6.2.1; daemon
};

/// With what mail to non-secure addresses is signed.
struct DkimKey {
    std::string domain;
    std::string selector;
    std::string file;  ///< PEM, RSA or Ed25519
};

/// What intake does during a maintenance window.
enum class WindowIntake : std::uint8_t { carry_on, defer };
[[nodiscard]] std::string_view name_of(WindowIntake intake) noexcept;

struct MaintenanceWindow {
    std::string name;  ///< id of a declared one
    Instant from{};
    Instant to{};
    std::string text;
    std::vector<Duration> at_before;  ///< longest first
    WindowIntake intake = WindowIntake::carry_on;
};

/// An address as alerts.yaml has it, for whoever can tell whether there is such a person.
struct DeclaredAddress {
    mail::Address address;
    std::uint32_t line = 0, column = 0, length = 0;
};

struct AlertPolicy {
    std::vector<DeclaredAddress> addresses;  ///< all that are written in it
    std::map<AlertRole, std::vector<mail::Address>> people;
    std::vector<AlertRule> rules;
    std::map<std::string, MailTemplate> templates;  ///< by file name; every `template:` of a rule
    std::map<std::string, MailTemplate> notices;    ///< every `template_non_secure:`
    std::optional<Webhook> webhook;
    Syslog syslog;
    std::optional<DkimKey> dkim;
    std::vector<Duration> at_before{std::chrono::days{7}, std::chrono::days{1}, std::chrono::hours{1}};
    WindowIntake intake = WindowIntake::carry_on;
    std::vector<MaintenanceWindow> windows;
    Duration keep{std::chrono::days{395}};  ///< of the list of alerts

    [[nodiscard]] const AlertRule* rule(std::string_view name) const noexcept;
    /// What rules declare for this event; its usual threshold where none does.
    [[nodiscard]] std::vector<Threshold> thresholds(EventId event) const;
};

/// Values that the template of a rule for these events may name: the fields of each, and what every alert has.
[[nodiscard]] std::vector<std::string> alert_template_values(const std::vector<AlertTrigger>& on);
/// All that the template for an address outside may name: what, time, service, advice.
[[nodiscard]] const std::vector<std::string>& notice_template_values();

}  // namespace postern::vocabulary
