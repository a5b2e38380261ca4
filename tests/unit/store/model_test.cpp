// Random calls, compared after each step with a model that is nothing but maps in memory.
#include "fixture.hpp"

#include <map>
#include <random>
#include <set>

namespace postern::store::test {

namespace {

using std::chrono::minutes;

struct ModelDelivery {
    std::string message;
    Instant due{};
    bool held = false;
    std::optional<Instant> lease;
    bool bounced = false;
    bool undecided = false, quarantined = false;
    std::optional<Instant> ends;               // of a hold or a quarantine
    std::map<std::int64_t, State> recipients;  // by id, only those that are open
};

class Walk {
public:
    explicit Walk(unsigned seed) : random_(seed) {}

    void run(int steps)
    {
        for (int i = 0; i < steps; ++i) {
            spool_.clock.at += std::chrono::seconds(below(90));
            switch (below(12)) {
                case 0:
                case 1:
                case 2:
                    commit();
                    break;
                case 3:
                case 4:
                    claim();
                    break;
                case 5:
                case 6:
                    record();
                    break;
                case 7:
                    unclaim();
                    break;
                case 8:
                    act();
                    break;
                case 9:
                    release_or_discard();
                    break;
                case 10:
                    decide();
                    break;
                default:
                    if (below(5) == 0) restart();
                    break;
            }
            compare();
        }
    }

private:
    int below(int limit) { return std::uniform_int_distribution(0, limit - 1)(random_); }

    void commit()
    {
        std::vector<DeliveryRecord> deliveries;
        const int count = 1 + below(3);
        for (int i = 0; i < count; ++i) {
            deliveries.push_back(
                delivery(std::vector<std::string>(static_cast<std::size_t>(1 + below(3)), "a@x.cjsm.net")));
            const int verdict = below(8);
            if (verdict < 3) deliveries.back() = delivery({"a@x.cjsm.net"});
            deliveries.back().quarantined = verdict == 0;
            deliveries.back().undecided = verdict == 1;
            deliveries.back().held = verdict == 2 || verdict == 3;
            if (verdict == 0 || verdict == 2) deliveries.back().ends = spool_.clock.at + minutes(below(20) + 1);
            if (below(4) == 0) deliveries.back().due = spool_.clock.at + minutes(below(20) + 1);
        }
        const NewMessage sent =
            message(std::move(deliveries), std::string(below(3) == 0 ? 6000 : 60, 'c'), spool_.clock.at);
        const bool lease = below(2) == 0;
        const auto claimed = spool_.commit(sent, lease);
        // Ids are given in order, so those that were not returned are known too.
        for (const QueueEntry& entry : listed({sent.message.id})) {
            ModelDelivery& made = model_[entry.delivery.id];
            made.message = sent.message.id;
            made.due = entry.delivery.due;
            made.held = entry.delivery.held;
            made.undecided = entry.delivery.undecided;
            made.quarantined = entry.delivery.quarantined;
            made.ends = entry.delivery.ends;
            for (const RecipientRecord& to : entry.delivery.recipients) made.recipients[to.id] = to.state;
            if (lease && !made.held && !made.quarantined && made.due <= spool_.clock.at)
                made.lease = spool_.clock.at + minutes(10);
        }
        REQUIRE(std::ranges::count_if(model_, [&](const auto& each) {
                    return each.second.message == sent.message.id && each.second.lease;
                }) == std::ssize(claimed));
    }

    std::vector<QueueEntry> listed(std::vector<std::string> ids)
    {
        QueueFilter it;
        it.ids = std::move(ids);
        auto entries = value_of(wait_for(spool_.store->list(it)));
        it.quarantined = true;
        for (auto& entry : value_of(wait_for(spool_.store->list(it)))) entries.push_back(std::move(entry));
        return entries;
    }

    bool claimable(const ModelDelivery& each) const
    {
        if ((each.held || each.quarantined) && !each.lease) return each.ends && *each.ends <= spool_.clock.at;
        return each.lease ? *each.lease <= spool_.clock.at : each.due <= spool_.clock.at;
    }

    void claim()
    {
        const auto claimed = spool_.claim(static_cast<std::size_t>(below(6) + 1));
        for (const QueuedDelivery& got : claimed) {
            REQUIRE(model_.contains(got.delivery.id));
            ModelDelivery& mine = model_.at(got.delivery.id);
            REQUIRE(claimable(mine));
            REQUIRE(got.delivery.bounce_reason.empty() != mine.bounced);
            REQUIRE(got.message->id == mine.message);
            REQUIRE(got.delivery.recipients.size() == mine.recipients.size());
            REQUIRE(got.delivery.undecided == mine.undecided);
            REQUIRE(got.delivery.quarantined == mine.quarantined);
            if (mine.held) {  // its time is over
                mine.held = false;
                mine.ends.reset();
                for (auto& [id, state] : mine.recipients) state = State::queued;
            }
            mine.lease = spool_.clock.at + minutes(10);
        }
    }

    std::map<std::int64_t, ModelDelivery>::iterator any_claimed()
    {
        std::vector<std::int64_t> claimed;
        for (const auto& [id, each] : model_)
            if (each.lease) claimed.push_back(id);
        if (claimed.empty()) return model_.end();
        return model_.find(claimed[static_cast<std::size_t>(below(static_cast<int>(claimed.size())))]);
    }

    void record()
    {
        const auto place = any_claimed();
        if (place == model_.end()) return;
        ModelDelivery& mine = place->second;
        AttemptOutcome made;
        made.message_id = mine.message;
        made.delivery_id = place->first;
        made.at = spool_.clock.at;
        made.next_attempt = spool_.clock.at + minutes(5);
        made.hold = below(8) == 0;
        std::map<std::int64_t, State> left;
        for (const auto& [id, state] : mine.recipients) {
            const State becomes = mine.quarantined ? State::expired
                                  : below(3) == 0  ? State::queued
                                  : below(2) == 0  ? State::relayed
                                                   : State::failed;
            made.recipients.push_back({.recipient_id = id, .state = becomes, .reply = "said"});
            if (!is_final(becomes)) left[id] = made.hold ? State::held : State::queued;
        }
        spool_.record(made);
        mine.recipients = left;
        mine.lease.reset();
        mine.held = made.hold;
        if (!made.hold) mine.due = mine.bounced ? spool_.clock.at : made.next_attempt;
        if (left.empty()) model_.erase(place);
    }

    void unclaim()
    {
        const auto place = any_claimed();
        if (place == model_.end()) return;
        value_of(wait_for(spool_.store->unclaim({place->first}, spool_.clock.at + minutes(1))));
        place->second.lease.reset();
        place->second.due = place->second.bounced ? spool_.clock.at : spool_.clock.at + minutes(1);
    }

    // Releases all of a message's quarantine, or deletes it.
    void release_or_discard()
    {
        std::vector<std::int64_t> kept;
        for (const auto& [id, each] : model_)
            if (each.quarantined && !each.lease) kept.push_back(id);
        if (kept.empty()) return;
        const auto id = kept[static_cast<std::size_t>(below(static_cast<int>(kept.size())))];
        if (below(3) > 0) {
            redecide(id, true);
            return;
        }
        const std::string message = model_.at(id).message;
        value_of(wait_for(spool_.store->discard(message, "not released", "ann")));
        for (auto& [number, each] : model_) {
            if (each.message != message || !each.quarantined || each.lease) continue;
            each.quarantined = false;
            each.bounced = true;
            each.due = spool_.clock.at;
            each.ends.reset();
        }
    }

    void decide()
    {
        for (const auto& [id, each] : model_) {
            if (!each.undecided || !each.lease) continue;
            redecide(id, false);
            return;
        }
    }

    void redecide(std::int64_t id, bool release)
    {
        ModelDelivery& mine = model_.at(id);
        Redecision what;
        what.message_id = mine.message;
        what.delivery_id = id;
        what.at = spool_.clock.at;
        what.release = release;
        what.actor = release ? "ann" : "";
        RecipientRecord to = recipient("a@x.cjsm.net");
        to.id = mine.recipients.begin()->first;
        const int verdict = below(6);
        what.plan.quarantined = verdict == 0;
        what.plan.held = verdict == 1;
        what.plan.undecided = verdict == 2 && !release;
        if (verdict < 2) what.plan.ends = spool_.clock.at + minutes(below(9) + 1);
        what.plan.due = spool_.clock.at + minutes(below(3));
        to.state = verdict == 0 ? State::quarantined : verdict == 1 ? State::held : State::queued;
        if (verdict == 3) to.state = State::redirected;
        what.plan.recipients = {to};
        REQUIRE(value_of(wait_for(spool_.store->redecide(what))));
        if (release && verdict != 0) REQUIRE_FALSE(value_of(wait_for(spool_.store->redecide(what))));
        if (verdict == 3) {
            model_.erase(id);
            return;
        }
        mine.quarantined = what.plan.quarantined;
        mine.undecided = what.plan.undecided;
        mine.held = what.plan.held;
        mine.bounced = false;
        mine.ends = what.plan.ends;
        mine.due = what.plan.due;
        mine.lease.reset();
        mine.recipients.begin()->second = to.state;
    }

    // On messages none of which is claimed: what happens under way has tests of its own.
    void act()
    {
        std::map<std::string, bool> idle;
        for (const auto& [id, each] : model_)
            idle.try_emplace(each.message, true).first->second &= !each.lease.has_value();
        std::erase_if(idle, [](const auto& each) { return !each.second; });
        if (idle.empty()) return;
        QueueFilter it;
        it.ids = {std::next(idle.begin(), below(static_cast<int>(idle.size())))->first};
        const int what = below(5);
        auto& store = *spool_.store;
        if (what == 0) value_of(wait_for(store.hold(it, "why", "ann")));
        if (what == 1) value_of(wait_for(store.release(it, spool_.clock.at, "ann")));
        if (what == 2) value_of(wait_for(store.retry(it, spool_.clock.at, "ann")));
        if (what == 3) value_of(wait_for(store.remove(it, "ann")));
        if (what == 4) value_of(wait_for(store.bounce(it, "no", "ann")));
        for (auto place = model_.begin(); place != model_.end();) {
            ModelDelivery& each = place->second;
            if (each.message != it.ids[0] || each.quarantined) {
                ++place;
                continue;
            }
            if (what == 3) {
                place = model_.erase(place);
                continue;
            }
            if ((what == 0 && !each.held) || (what == 1 && each.held) || what == 4 || (what == 2 && !each.held)) {
                if (what != 0) each.due = spool_.clock.at;
                each.held = what == 0;
                each.ends.reset();
                for (auto& [id, state] : each.recipients) state = each.held ? State::held : State::queued;
            }
            if (what == 4) each.bounced = true;
            ++place;
        }
    }

    void restart()
    {
        spool_.open();
        for (auto& [id, each] : model_) {
            if (each.lease && each.bounced) each.due = spool_.clock.at;
            each.lease.reset();
        }
    }

    void compare()
    {
        const auto entries = listed({});
        REQUIRE(entries.size() == model_.size());
        std::set<std::string> messages;
        std::size_t held = 0, quarantined = 0;
        for (const QueueEntry& entry : entries) {
            REQUIRE(model_.contains(entry.delivery.id));
            const ModelDelivery& mine = model_.at(entry.delivery.id);
            REQUIRE(entry.message.id == mine.message);
            REQUIRE(entry.delivery.held == mine.held);
            REQUIRE(entry.delivery.quarantined == mine.quarantined);
            REQUIRE(entry.delivery.undecided == mine.undecided);
            REQUIRE(entry.delivery.ends == mine.ends);
            std::map<std::int64_t, State> open;
            for (const RecipientRecord& to : entry.delivery.recipients)
                if (!is_final(to.state)) open[to.id] = to.state;
            REQUIRE(open == mine.recipients);
            messages.insert(entry.message.id);
            held += entry.delivery.held ? 1 : 0;
            quarantined += entry.delivery.quarantined ? 1 : 0;
        }
        const QueueTotals totals = spool_.totals();
        REQUIRE(totals.messages == messages.size());
        REQUIRE(totals.held == held);
        REQUIRE(totals.quarantined == quarantined);
        REQUIRE(totals.queued + totals.held + totals.quarantined == model_.size());
        for (const std::string& id : messages) REQUIRE(!spool_.content(id).empty());
    }

    std::mt19937 random_;
    Opened spool_;
    std::map<std::int64_t, ModelDelivery> model_;
};

}  // namespace

TEST_CASE("whatever is asked of it in whatever order, the queue holds what a list in memory would hold")
{
    for (const unsigned seed : {1U, 2U, 3U, 4U, 5U}) {
        INFO("seed " << seed);
        Walk(seed).run(150);
    }
}

}  // namespace postern::store::test
