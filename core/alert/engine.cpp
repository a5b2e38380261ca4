#include "alert/engine.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>

namespace postern::alert {

namespace asio = boost::asio;

namespace {

using vocabulary::AlertChannel;

constexpr std::size_t sends_at_once = 50;
constexpr Duration look_again = std::chrono::seconds{5};
constexpr Duration after_trouble = std::chrono::seconds{1};
constexpr Duration first_wait = std::chrono::seconds{2};
constexpr Duration longest_wait = std::chrono::minutes{10};
constexpr Duration remembers = std::chrono::days{7};
/// After a restart, conditions that still hold have been raised again by then.
constexpr Duration settling = std::chrono::minutes{10};
constexpr unsigned mail_tries = 20;
constexpr unsigned syslog_tries = 8;

Duration wait_after(unsigned attempts)
{
    const double factor = std::pow(2.0, std::min(attempts == 0 ? 0U : attempts - 1, 16U));
    return std::min(longest_wait,
                    Duration{static_cast<Duration::rep>(static_cast<double>(first_wait.count()) * factor)});
}

}  // namespace

Engine::Engine(asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& metrics, ports::Alarms& alarms,
               ports::Maintenance& maintenance, store::MailStore& store, net::Dns& dns, House& house)
    : context_(context),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      alarms_(alarms),
      maintenance_(maintenance),
      dns_(dns),
      house_(house),
      store_(store),
      judging_(context),
      carrying_(context),
      keeping_(context)
{
}

void Engine::start()
{
    alarms_.listen(this);
    asio::co_spawn(context_, judge(), asio::detached);
    asio::co_spawn(context_, carry(), asio::detached);
    asio::co_spawn(context_, keep_house(), asio::detached);
}

void Engine::stop()
{
    alarms_.listen(nullptr);
    stopping_ = true;
    wake();
}

void Engine::hear(vocabulary::Event event) noexcept
{
    try {
        if (events_.add(std::move(event)))
            wake();
        else
            ++metrics_.events_dropped;
    } catch (const std::exception&) {  // no memory: status and log have it all the same
        ++metrics_.events_dropped;
    }
}

void Engine::wake()
{
    asio::post(context_, [this] {
        judging_.end();
        carrying_.end();
        keeping_.end();
    });
}

void Engine::Pause::end()
{
    woken = true;
    timer.cancel();
}

Engine::Async<void> Engine::rest(Pause& pause, Duration duration)
{
    if (!stopping_ && !pause.woken) {
        pause.timer.expires_after(duration);
        co_await pause.timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    pause.woken = false;
}

// --- events ------------------------------------------------------------------------------------------------------

Engine::Async<void> Engine::judge()
{
    started_ = clock_.now();
    while (!stopping_) {
        const bool restored = co_await restore();
        if (restored) break;
        co_await rest(judging_, after_trouble);
    }
    while (!stopping_) {
        bool fine = true;
        for (auto event = events_.front(); event && fine && !stopping_; event = fine ? events_.front() : std::nullopt) {
            fine = co_await handle(*event);
            if (fine) events_.pop();
        }
        co_await escalate();
        const bool more = co_await send_mail();
        if (fine && more) continue;
        Duration wait = fine ? look_again : after_trouble;
        if (const auto next = book_.next_escalation())
            wait = std::clamp<Duration>(*next - clock_.now(), std::chrono::milliseconds{10}, wait);
        const bool waiting = events_.front().has_value();
        if (!waiting || !fine) co_await rest(judging_, wait);
    }
}

Engine::Async<bool> Engine::restore()
{
    const auto remembered = co_await store_.remembered(clock_.now() - remembers);
    if (!remembered) {
        log_.error("alerts wait for the store", {{"reason", remembered.error().describe()}});
        co_return false;
    }
    book_.restore(*remembered);
    co_return true;
}

std::vector<store::AlertSend> Engine::sends_of(const store::AlertRecord& alert,
                                               const std::vector<vocabulary::AlertTarget>& to,
                                               const std::vector<AlertChannel>& by, const Present& present,
                                               bool escalation, const std::string& sender_outside) const
{
    vocabulary::Event event{alert.event, alert.object, alert.text, alert.at, false, alert.fields};
    if (!sender_outside.empty()) event.fields.emplace_back("sender.non_secure", sender_outside);
    std::vector<store::AlertSend> sends;
    store::AlertSend send;
    send.escalation = escalation;
    send.due = clock_.now();
    for (const auto channel : by) {
        send.channel = channel;
        send.secure = true;
        if (channel == AlertChannel::mail) {
            for (const auto& reached : reach(to, event, *present.policy, house_)) {
                send.target = reached.address;
                send.secure = reached.secure;
                sends.push_back(send);
            }
        } else if (channel == AlertChannel::webhook) {
            if (!present.policy->webhook) continue;
            send.target = present.policy->webhook->url;
            sends.push_back(send);
        } else {
            send.target = present.policy->syslog.way == vocabulary::Syslog::Way::local
                              ? present.policy->syslog.socket
                              : vocabulary::print_host_port(present.policy->syslog.server);
            sends.push_back(send);
        }
    }
    return sends;
}

Engine::Async<std::string> Engine::sender_outside(const vocabulary::EventFields& fields)
{
    const auto sender = std::ranges::find(fields, "sender.address", &vocabulary::EventFields::value_type::first);
    if (sender == fields.end()) co_return std::string{};
    const auto address = mail::Address::parse(sender->second);
    if (!address) co_return std::string{};
    co_return co_await house_.non_secure_of(*address);
}

/// False: the store failed, the event is to be handled again.
Engine::Async<bool> Engine::handle(const vocabulary::Event& event)
{
    const auto present = house_.present();
    const Book before = book_;
    const auto heard = book_.hear(event, *present.policy, present.generation);
    for (const auto& [rule, error] : heard.failed)
        log_.warning("a rule's script failed", {{"rule", rule}, {"reason", error}});
    std::string outside;
    if (!heard.fresh.empty()) outside = co_await sender_outside(event.fields);
    for (auto alert : heard.fresh) {
        const auto* rule = present.policy->rule(alert.rule);
        auto sends = sends_of(alert, rule->to, rule->by, present, false, outside);
        if (sends.empty()) log_.warning("alert reaches nobody", {{"rule", rule->place}, {"alarm", event.object}});
        auto number = co_await store_.add(alert, std::move(sends));
        if (!number) {
            log_.error("alert not stored", {{"rule", rule->place}, {"reason", number.error().describe()}});
            book_ = before;
            co_return false;
        }
        ++metrics_.alerts_made;
        alert.number = *number;
        book_.keep(alert);
        log_.info("alert", {{"alert", alert.id}, {"rule", rule->place}, {"reason", alert.text}});
        carrying_.end();
    }
    for (const auto& [alert, count] : heard.left_out) (void)co_await store_.left_out(alert, count);
    if (!heard.cleared.empty()) (void)co_await store_.clear(heard.cleared, event.at);
    if (event.id == vocabulary::EventId::maintenance_announced) co_await note_announced(event.object);
    co_return true;
}

Engine::Async<void> Engine::escalate()
{
    const auto now = clock_.now();
    if (!settled_ && now - started_ > settling) {
        settled_ = true;
        auto unseen = book_.forget_unseen();
        if (!unseen.empty()) (void)co_await store_.clear(std::move(unseen), now);
    }
    const auto due = book_.escalations(now);
    if (due.empty()) co_return;
    const auto remembered = co_await store_.remembered(now - remembers);
    if (!remembered) co_return;
    const auto present = house_.present();
    for (const auto number : due) {
        const auto alert = std::ranges::find(*remembered, number, &store::AlertRecord::number);
        if (alert == remembered->end() || alert->acknowledged || alert->cleared) continue;
        const auto* rule = present.policy->rule(alert->rule);
        if (rule == nullptr) continue;
        const auto outside = co_await sender_outside(alert->fields);
        auto sends = sends_of(*alert, rule->escalates_to, rule->by, present, true, outside);
        auto done = co_await store_.escalate(number, now, std::move(sends));
        if (!done) {
            log_.error("alert not escalated", {{"alert", alert->id}, {"reason", done.error().describe()}});
            auto again = *alert;
            again.escalates = now + after_trouble;
            book_.keep(again);
            continue;
        }
        log_.warning("alert escalated", {{"alert", alert->id}, {"rule", rule->place}});
    }
}

// --- sending -----------------------------------------------------------------------------------------------------

/// Whether there may be more to send at once.
Engine::Async<bool> Engine::send_mail()
{
    const auto due = co_await store_.due(clock_.now(), sends_at_once, true);
    if (!due) co_return false;
    for (const auto& one : *due) {
        if (stopping_) co_return false;
        co_await send_one(one);
    }
    if (!due->empty()) house_.mail_waits();
    co_return due->size() == sends_at_once;
}

Engine::Async<void> Engine::send_one(store::AlertWithSends due)
{
    const auto present = house_.present();
    auto& send = due.sends.front();
    Letter letter;
    letter.to = send.target;
    letter.secure = send.secure;
    letter.reason = "alert " + due.alert.id;
    letter.about_unsent = due.alert.event == vocabulary::EventId::alert_unsent;
    letter.text = send.secure ? full_text(due.alert, send.escalation, send.target, *present.policy, present.service)
                              : notice_text(notice_of(due.alert.event, due.alert.at, present.service),
                                            notice_form(*present.policy, due.alert.rule));
    auto message = co_await house_.letter(present, std::move(letter));
    if (!message) {
        co_await fail(due.alert, send, message.error());
        co_return;
    }
    ++send.attempts;
    send.state = store::SendState::sent;
    send.note = message->message.id;
    std::optional<store::NewMessage> stored(std::move(*message));
    auto settled = co_await store_.settle(send, std::move(stored));
    if (settled)
        ++metrics_.alerts_sent;
    else
        log_.error("alert not put into the queue", {{"alert", due.alert.id}, {"reason", settled.error().describe()}});
}

Engine::Async<void> Engine::carry()
{
    while (!stopping_) {
        const auto due = co_await store_.due(clock_.now(), sends_at_once, false);
        if (due)
            for (const auto& one : *due) {
                if (stopping_) co_return;
                co_await try_way(one);
            }
        const auto next = co_await store_.next_due(false);
        Duration wait = look_again;
        if (next && *next)
            wait = std::clamp<Duration>(**next - clock_.now(), std::chrono::milliseconds{20}, look_again);
        if (!due) wait = after_trouble;
        co_await rest(carrying_, wait);
    }
}

Engine::Async<void> Engine::try_way(store::AlertWithSends due)
{
    const auto present = house_.present();
    auto& send = due.sends.front();
    Result<void> went = std::unexpected(Fault(Retry::never, "the webhook is no longer declared"));
    if (send.channel == AlertChannel::syslog) {
        auto line = syslog_line(due.alert, send.escalation, present.service, present.policy->syslog);
        went = co_await write_syslog(dns_, present.policy->syslog, present.keys, std::move(line));
    } else if (present.policy->webhook) {
        auto body = webhook_body(due.alert, send.escalation, present.service);
        went = co_await post_webhook(dns_, *present.policy->webhook, present.keys, std::move(body));
    }
    if (!went) {
        co_await fail(due.alert, send, went.error());
        co_return;
    }
    ++send.attempts;
    send.state = store::SendState::sent;
    send.note.clear();
    auto settled = co_await store_.settle(send, std::nullopt);
    if (settled) ++metrics_.alerts_sent;
}

/// Once more later, or never again; then that is an event, unless it is about one that could not be sent.
Engine::Async<void> Engine::fail(const store::AlertRecord& alert, store::AlertSend send, const Fault& why)
{
    const auto present = house_.present();
    const unsigned tries = send.channel == AlertChannel::mail     ? mail_tries
                           : send.channel == AlertChannel::syslog ? syslog_tries
                           : present.policy->webhook              ? present.policy->webhook->tries
                                                                  : 1;
    ++send.attempts;
    send.note = printable(why.describe(), 500);
    const bool over = why.retry() == Retry::never || send.attempts >= tries;
    send.state = over ? store::SendState::failed : store::SendState::waiting;
    send.due = clock_.now() + wait_after(send.attempts);
    const auto channel = std::string(vocabulary::name_of(send.channel));
    log_.warning(over ? "alert not sent" : "alert deferred",
                 {{"alert", alert.id}, {"channel", channel}, {"recipient", send.target}, {"reason", send.note}});
    auto settled = co_await store_.settle(send, std::nullopt);
    if (!over || !settled) co_return;
    ++metrics_.alerts_failed;
    if (alert.event == vocabulary::EventId::alert_unsent) co_return;
    alarms_.tell(vocabulary::EventId::alert_unsent, fmt::format("{} {}", alert.id, channel),
                 fmt::format("Alert {} of rule {} could not be sent by {} to {}: {}", alert.id, alert.rule, channel,
                             send.target, send.note),
                 {{"rule", alert.rule}, {"channel", channel}, {"target", send.target}, {"reason", send.note}});
}

// --- control -----------------------------------------------------------------------------------------------------

Engine::Async<Result<store::AlertStore::Acknowledged>> Engine::acknowledge(std::string id, std::string actor,
                                                                           std::string comment)
{
    auto done = co_await store_.acknowledge(id, actor, std::move(comment), clock_.now());
    if (done && *done == store::AlertStore::Acknowledged::now) {
        log_.info("alert acknowledged", {{"alert", id}, {"actor", actor}});
        asio::post(context_, [this, id] { book_.acknowledge(id); });
    }
    co_return done;
}

Engine::Async<Result<std::string>> Engine::test(std::string name, std::vector<std::string> to, std::string actor)
{
    const auto present = house_.present();
    const auto* rule = present.policy->rule(name);
    if (rule == nullptr) {
        std::vector<std::string> known;
        for (const auto& other : present.policy->rules) known.push_back(other.name);
        const auto near = nearest(name, known);
        co_return fault(Retry::never, fmt::format("alerts.yaml has no rule \"{}\"{}", printable(name, 60),
                                                  near.empty() ? fmt::format("; rules: {}", fmt::join(known, ", "))
                                                               : fmt::format("; did you mean \"{}\"?", near)));
    }
    auto targets = rule->to;
    auto by = rule->by;
    if (!to.empty()) {
        targets.clear();
        by = {AlertChannel::mail};
        for (const auto& text : to) {
            auto address = mail::Address::parse(text);
            if (!address) co_return fault(Retry::never, fmt::format("\"{}\" is not an address", printable(text, 80)));
            vocabulary::AlertTarget target;
            target.role = vocabulary::AlertRole::address;
            target.address = std::move(*address);
            targets.push_back(std::move(target));
        }
    }
    store::AlertRecord alert;
    alert.at = clock_.now();
    alert.id = make_message_id(alert.at);
    alert.rule = name;
    alert.event = rule->on.front().event;
    alert.object = test_object;
    alert.text = fmt::format("This is a test of rule {}, asked for by {}. Nothing is wrong.", name, actor);
    alert.generation = present.generation;
    auto sends = sends_of(alert, targets, by, present, false, {});
    if (sends.empty())
        co_return fault(Retry::never, fmt::format("rule \"{}\" reaches nobody without an event of somebody; "
                                                  "name an address with --to",
                                                  name));
    const auto id = alert.id;
    auto added = co_await store_.add(std::move(alert), std::move(sends));
    if (!added) co_return std::unexpected(added.error());
    ++metrics_.alerts_made;
    log_.info("alert tested", {{"alert", id}, {"rule", rule->place}, {"actor", actor}});
    wake();
    co_return id;
}

}  // namespace postern::alert
