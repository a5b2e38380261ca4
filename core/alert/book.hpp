// Which events become alerts: rules, how often at most, what stands, what escalates. No I/O and no clock of its own.
//
// Owned by the engine and used on its thread; tests drive it with times of their own. What it knows is in the store as
// well, from which restore() brings it back.
#pragma once

#include "store/alert_records.hpp"
#include "vocabulary/alerts.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::alert {

/// The object of an alert that was a test: it counts for nothing.
inline constexpr std::string_view test_object = "test";

/// What one event comes to.
struct Heard {
    std::vector<store::AlertRecord> fresh;                         ///< to be stored and sent; without numbers
    std::vector<std::pair<std::int64_t, std::uint64_t>> left_out;  ///< alerts whose group had one more event
    std::vector<std::int64_t> cleared;                             ///< alerts whose condition has ended
    std::vector<std::pair<std::string, std::string>> failed;       ///< rules by place, and how their scripts failed
};

class Book {
public:
    /// After a restart. Conditions that stood are expected to be raised again: that is no new alert. What was not by
    /// the time of forget_unseen() counts as cleared.
    void restore(const std::vector<store::AlertRecord>& remembered);
    [[nodiscard]] std::vector<std::int64_t> forget_unseen();

    [[nodiscard]] Heard hear(const vocabulary::Event& event, const vocabulary::AlertPolicy& policy,
                             std::uint64_t generation);
    /// A fresh alert has its number now.
    void keep(const store::AlertRecord& alert);
    void acknowledge(const std::string& id);

    /// Alerts that nobody acknowledged in time; each is given once.
    [[nodiscard]] std::vector<std::int64_t> escalations(Instant now);
    [[nodiscard]] std::optional<Instant> next_escalation() const;

private:
    struct Group {
        std::int64_t alert = 0;  ///< the last one; 0: not stored yet
        Instant at{};
        std::uint64_t left_out = 0;
    };
    struct Open {
        std::int64_t number = 0;
        std::string id, rule, object;
        bool standing = false;  ///< about a condition that has not ended
        bool expected = false;  ///< it stood when the engine ended, and was not raised since
        std::optional<Instant> escalates;
    };
    using GroupKey = std::pair<std::string, std::string>;

    [[nodiscard]] bool is_known(const std::string& rule, const vocabulary::Event& event);
    /// One rule's part of hear().
    void hear(const vocabulary::Event& event, const vocabulary::AlertRule& rule, std::uint64_t generation,
              Heard& heard);
    void end(const vocabulary::Event& event, Heard& heard);
    void tidy(Instant now);

    std::map<GroupKey, Group> groups_;
    std::vector<Open> open_;
};

}  // namespace postern::alert
