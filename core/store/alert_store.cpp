#include "store/alert_store.hpp"

#include "base/ids.hpp"
#include "store/mail_store_impl.hpp"

#include <boost/json.hpp>

namespace postern::store {

namespace {

namespace json = boost::json;

#define POSTERN_ALERT_COLUMNS                                                                         \
    "a.number, a.id, a.rule, a.event, a.object, a.grouping, a.at, a.text, a.fields, a.suppressed, "   \
    "a.left_out, a.cleared, a.acknowledged, a.acknowledged_by, a.comment, a.escalates, a.escalated, " \
    "a.generation"
#define POSTERN_SEND_COLUMNS \
    "s.number, s.alert, s.channel, s.target, s.secure, s.escalation, s.state, s.attempts, s.due, s.note"

std::string encode(const vocabulary::EventFields& fields)
{
    json::array all;
    for (const auto& [name, value] : fields) all.push_back(json::array{name, value});
    return json::serialize(all);
}

vocabulary::EventFields decode_fields(std::string_view text)
{
    vocabulary::EventFields fields;
    boost::system::error_code failed;
    const auto value = json::parse(text, failed);
    if (failed || !value.is_array()) return fields;
    for (const auto& pair : value.get_array())
        if (pair.is_array() && pair.get_array().size() == 2 && pair.get_array()[0].is_string() &&
            pair.get_array()[1].is_string())
            fields.emplace_back(pair.get_array()[0].get_string(), pair.get_array()[1].get_string());
    return fields;
}

std::optional<Instant> moment(const Query& query, int column)
{
    if (query.null(column)) return std::nullopt;
    return query.instant(column);
}

AlertRecord read_alert(const Query& query)
{
    AlertRecord alert;
    alert.number = query.integer(0);
    alert.id = query.string(1);
    alert.rule = query.string(2);
    if (const auto* event = vocabulary::find_event(query.text(3))) alert.event = event->id;
    alert.object = query.string(4);
    alert.grouping = query.string(5);
    alert.at = query.instant(6);
    alert.text = query.string(7);
    alert.fields = decode_fields(query.text(8));
    alert.suppressed = static_cast<std::uint64_t>(query.integer(9));
    alert.left_out = static_cast<std::uint64_t>(query.integer(10));
    alert.cleared = moment(query, 11);
    alert.acknowledged = moment(query, 12);
    alert.acknowledged_by = query.string(13);
    alert.comment = query.string(14);
    alert.escalates = moment(query, 15);
    alert.escalated = moment(query, 16);
    alert.generation = static_cast<std::uint64_t>(query.integer(17));
    return alert;
}

AlertSend read_send(const Query& query, int first = 0)
{
    AlertSend send;
    send.number = query.integer(first);
    send.alert = query.integer(first + 1);
    send.channel = query.as<vocabulary::AlertChannel>(first + 2);
    send.target = query.string(first + 3);
    send.secure = query.flag(first + 4);
    send.escalation = query.flag(first + 5);
    send.state = query.as<SendState>(first + 6);
    send.attempts = static_cast<unsigned>(query.integer(first + 7));
    send.due = query.instant(first + 8);
    send.note = query.string(first + 9);
    return send;
}

std::vector<AlertRecord> all_alerts(Query query)
{
    std::vector<AlertRecord> alerts;
    while (query.next()) alerts.push_back(read_alert(query));
    return alerts;
}

void insert_sends(Database& database, std::int64_t alert, const std::vector<AlertSend>& sends)
{
    for (const auto& send : sends)
        database.run(
            "INSERT INTO alert_send(alert, channel, target, secure, escalation, state, attempts, due, note)"
            " VALUES(?,?,?,?,?,0,0,?,'')",
            alert, send.channel, send.target, send.secure, send.escalation, send.due);
}

/// The message ready for the writer; null: there is none.
Result<std::shared_ptr<Incoming>> made_ready(std::optional<NewMessage> message, Instant now,
                                             const MailStoreOptions& options)
{
    if (!message) return std::shared_ptr<Incoming>();
    if (!is_message_id(message->message.id)) return fault(Retry::later, "is no message id");
    auto incoming = prepare(std::move(*message), std::nullopt, now, options.body_in_database);
    incoming->in_file = false;  // a page of text at most: no file of its own
    return incoming;
}

std::string encode(const std::vector<Duration>& steps)
{
    json::array all;
    for (const auto step : steps) all.emplace_back(step.count());
    return json::serialize(all);
}

std::vector<Duration> decode_steps(std::string_view text)
{
    std::vector<Duration> steps;
    boost::system::error_code failed;
    const auto value = json::parse(text, failed);
    if (failed || !value.is_array()) return steps;
    for (const auto& step : value.get_array())
        if (step.is_int64()) steps.emplace_back(step.get_int64());
    return steps;
}

}  // namespace

AlertStore::AlertStore(MailStore& store) : impl_(*store.impl_) {}

auto AlertStore::add(AlertRecord alert, std::vector<AlertSend> sends) -> Async<Result<std::int64_t>>
{
    std::function<Result<std::int64_t>(Database&)> work = [alert = std::move(alert),
                                                           sends = std::move(sends)](Database& database) {
        database.run(
            "INSERT INTO alert(id, rule, event, object, grouping, at, text, fields, suppressed, standing, left_out,"
            " acknowledged_by, comment, escalates, generation) VALUES(?,?,?,?,?,?,?,?,?,?,0,'','',?,?)",
            alert.id, alert.rule, vocabulary::info(alert.event).name, alert.object, alert.grouping, alert.at,
            alert.text, encode(alert.fields), alert.suppressed, vocabulary::info(alert.event).standing, alert.escalates,
            alert.generation);
        const auto number = database.last_rowid();
        insert_sends(database, number, sends);
        return Result<std::int64_t>(number);
    };
    co_return co_await impl_.writer->run<std::int64_t>(std::move(work));
}

auto AlertStore::left_out(std::int64_t alert, std::uint64_t count) -> Async<Result<void>>
{
    std::function<Result<void>(Database&)> work = [alert, count](Database& database) -> Result<void> {
        database.run("UPDATE alert SET left_out = ? WHERE number = ?", count, alert);
        return {};
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

auto AlertStore::clear(std::vector<std::int64_t> alerts, Instant at) -> Async<Result<void>>
{
    std::function<Result<void>(Database&)> work = [alerts = std::move(alerts), at](Database& database) -> Result<void> {
        for (const auto number : alerts)
            database.run("UPDATE alert SET cleared = ? WHERE number = ? AND cleared IS NULL", at, number);
        return {};
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

auto AlertStore::escalate(std::int64_t alert, Instant at, std::vector<AlertSend> sends) -> Async<Result<void>>
{
    std::function<Result<void>(Database&)> work = [alert, at,
                                                   sends = std::move(sends)](Database& database) -> Result<void> {
        const auto changed = database.run(
            "UPDATE alert SET escalated = ? WHERE number = ? AND escalated IS NULL AND acknowledged IS NULL", at,
            alert);
        if (changed > 0) insert_sends(database, alert, sends);
        return {};
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

auto AlertStore::acknowledge(std::string id, std::string actor, std::string comment, Instant at)
    -> Async<Result<Acknowledged>>
{
    std::function<Result<Acknowledged>(Database&)> work = [id = std::move(id), actor = std::move(actor),
                                                           comment = std::move(comment), at](Database& database) {
        const auto changed = database.run(
            "UPDATE alert SET acknowledged = ?, acknowledged_by = ?, comment = ? WHERE id = ? AND acknowledged IS NULL",
            at, actor, comment, id);
        if (changed > 0) return Result<Acknowledged>(Acknowledged::now);
        Query query = database.query("SELECT 1 FROM alert WHERE id = ?", id);
        return Result<Acknowledged>(query.next() ? Acknowledged::before : Acknowledged::unknown);
    };
    co_return co_await impl_.writer->run<Acknowledged>(std::move(work));
}

auto AlertStore::list(bool open, std::size_t limit) -> Async<Result<std::vector<AlertRecord>>>
{
    using Alerts = std::vector<AlertRecord>;
    std::function<Result<Alerts>(Database&)> work = [open, limit](Database& database) {
        return Result<Alerts>(all_alerts(database.query("SELECT " POSTERN_ALERT_COLUMNS
                                                        " FROM alert a WHERE ? = 0 OR a.acknowledged IS NULL"
                                                        " ORDER BY a.number DESC LIMIT ?",
                                                        open ? 1 : 0, limit)));
    };
    co_return co_await impl_.long_readers->run<Alerts>(std::move(work));
}

auto AlertStore::find(std::string id) -> Async<Result<std::optional<AlertWithSends>>>
{
    using Found = std::optional<AlertWithSends>;
    std::function<Result<Found>(Database&)> work = [id = std::move(id)](Database& database) {
        auto alerts = all_alerts(database.query("SELECT " POSTERN_ALERT_COLUMNS " FROM alert a WHERE a.id = ?", id));
        if (alerts.empty()) return Result<Found>(std::nullopt);
        AlertWithSends found{std::move(alerts.front()), {}};
        Query query =
            database.query("SELECT " POSTERN_SEND_COLUMNS " FROM alert_send s WHERE s.alert = ? ORDER BY s.number",
                           found.alert.number);
        while (query.next()) found.sends.push_back(read_send(query));
        return Result<Found>(std::move(found));
    };
    co_return co_await impl_.readers->run<Found>(std::move(work));
}

auto AlertStore::remembered(Instant since) -> Async<Result<std::vector<AlertRecord>>>
{
    using Alerts = std::vector<AlertRecord>;
    std::function<Result<Alerts>(Database&)> work = [since](Database& database) {
        return Result<Alerts>(all_alerts(database.query(
            "SELECT " POSTERN_ALERT_COLUMNS
            " FROM alert a WHERE a.at >= ? OR (a.standing = 1 AND a.cleared IS NULL) OR"
            " (a.escalates IS NOT NULL AND a.escalated IS NULL AND a.acknowledged IS NULL) ORDER BY a.number",
            since)));
    };
    co_return co_await impl_.long_readers->run<Alerts>(std::move(work));
}

auto AlertStore::oldest_waiting() -> Async<Result<std::optional<Instant>>>
{
    using When = std::optional<Instant>;
    std::function<Result<When>(Database&)> work = [](Database& database) {
        Query query = database.query(
            "SELECT m.received FROM delivery d JOIN message m ON m.number = d.message WHERE d.status IN (0, 1)"
            " ORDER BY d.number LIMIT 1");
        return Result<When>(query.next() ? moment(query, 0) : std::nullopt);
    };
    co_return co_await impl_.long_readers->run<When>(std::move(work));
}

auto AlertStore::forget(Instant before) -> Async<Result<void>>
{
    std::function<Result<void>(Database&)> work = [before](Database& database) -> Result<void> {
        database.run("DELETE FROM alert_send WHERE alert IN (SELECT number FROM alert WHERE at < ?)", before);
        database.run("DELETE FROM alert WHERE at < ?", before);
        database.run(
            "DELETE FROM maintenance_told WHERE maintenance IN (SELECT number FROM maintenance WHERE ends < ?)",
            before);
        database.run("DELETE FROM maintenance WHERE ends < ?", before);
        return {};
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

auto AlertStore::due(Instant now, std::size_t limit, bool mail) -> Async<Result<std::vector<AlertWithSends>>>
{
    using Due = std::vector<AlertWithSends>;
    std::function<Result<Due>(Database&)> work = [now, limit, mail](Database& database) {
        Due due;
        Query query =
            database.query("SELECT " POSTERN_ALERT_COLUMNS ", " POSTERN_SEND_COLUMNS
                           " FROM alert_send s JOIN alert a ON a.number = s.alert"
                           " WHERE s.state = 0 AND s.due <= ? AND (s.channel = 0) = ? ORDER BY s.due, s.number LIMIT ?",
                           now, mail ? 1 : 0, limit);
        while (query.next()) due.push_back({read_alert(query), {read_send(query, 18)}});
        return Result<Due>(std::move(due));
    };
    co_return co_await impl_.readers->run<Due>(std::move(work));
}

auto AlertStore::next_due(bool mail) -> Async<Result<std::optional<Instant>>>
{
    using When = std::optional<Instant>;
    std::function<Result<When>(Database&)> work = [mail](Database& database) {
        Query query =
            database.query("SELECT min(due) FROM alert_send WHERE state = 0 AND (channel = 0) = ?", mail ? 1 : 0);
        return Result<When>(query.next() ? moment(query, 0) : std::nullopt);
    };
    co_return co_await impl_.readers->run<When>(std::move(work));
}

auto AlertStore::settle(AlertSend send, std::optional<NewMessage> message) -> Async<Result<void>>
{
    auto incoming = made_ready(std::move(message), impl_.now(), impl_.options);
    if (!incoming) co_return std::unexpected(std::move(incoming).error());
    std::function<Result<void>(Database&)> work = [impl = &impl_, send = std::move(send),
                                                   incoming = *incoming](Database& database) -> Result<void> {
        const auto changed = database.run(
            "UPDATE alert_send SET state = ?, attempts = ?, due = ?, note = ? WHERE number = ? AND state = 0",
            send.state, send.attempts, send.due, send.note, send.number);
        if (changed > 0 && incoming) impl->insert(database, *incoming);
        return {};
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

// --- maintenance -------------------------------------------------------------------------------------------------

auto AlertStore::announce(MaintenanceRecord record) -> Async<Result<void>>
{
    std::function<Result<void>(Database&)> work = [record = std::move(record)](Database& database) -> Result<void> {
        const auto& window = record.window;
        // Of other times nobody has been told yet, nor of one that comes back.
        database.run(
            "DELETE FROM maintenance_told WHERE maintenance IN"
            " (SELECT number FROM maintenance WHERE id = ? AND (starts <> ? OR ends <> ? OR cancelled IS NOT NULL))",
            record.id, window.from, window.to);
        database.run(
            "INSERT INTO maintenance(id, starts, ends, text, at_before, intake, by, announced, cancelled_by)"
            " VALUES(?,?,?,?,?,?,?,?,'') ON CONFLICT(id) DO UPDATE SET starts = excluded.starts, ends = excluded.ends,"
            " text = excluded.text, at_before = excluded.at_before, intake = excluded.intake, by = excluded.by,"
            " cancelled = NULL, cancelled_by = ''",
            record.id, window.from, window.to, window.text, encode(window.at_before), window.intake, record.by,
            record.announced);
        return {};
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

auto AlertStore::windows() -> Async<Result<std::vector<MaintenanceRecord>>>
{
    using Windows = std::vector<MaintenanceRecord>;
    std::function<Result<Windows>(Database&)> work = [](Database& database) {
        Windows windows;
        Query query = database.query(
            "SELECT number, id, starts, ends, text, at_before, intake, by, announced, cancelled, cancelled_by,"
            " (SELECT count(*) FROM maintenance_told t WHERE t.maintenance = m.number AND t.who <> '')"
            " FROM maintenance m ORDER BY starts, number");
        while (query.next()) {
            MaintenanceRecord record;
            record.number = query.integer(0);
            record.id = query.string(1);
            record.window.name = record.id;
            record.window.from = query.instant(2);
            record.window.to = query.instant(3);
            record.window.text = query.string(4);
            record.window.at_before = decode_steps(query.text(5));
            record.window.intake = query.as<vocabulary::WindowIntake>(6);
            record.by = query.string(7);
            record.announced = query.instant(8);
            record.cancelled = moment(query, 9);
            record.cancelled_by = query.string(10);
            record.told = static_cast<std::uint64_t>(query.integer(11));
            windows.push_back(std::move(record));
        }
        return Result<Windows>(std::move(windows));
    };
    co_return co_await impl_.long_readers->run<Windows>(std::move(work));
}

auto AlertStore::cancel(std::string id, std::string actor, Instant at) -> Async<Result<bool>>
{
    std::function<Result<bool>(Database&)> work = [id = std::move(id), actor = std::move(actor),
                                                   at](Database& database) {
        return Result<bool>(database.run("UPDATE maintenance SET cancelled = ?, cancelled_by = ? WHERE id = ? AND"
                                         " cancelled IS NULL",
                                         at, actor, id) > 0);
    };
    co_return co_await impl_.writer->run<bool>(std::move(work));
}

auto AlertStore::told(std::int64_t window, Duration step) -> Async<Result<std::vector<std::string>>>
{
    using Names = std::vector<std::string>;
    std::function<Result<Names>(Database&)> work = [window, step](Database& database) {
        Names names;
        Query query =
            database.query("SELECT who FROM maintenance_told WHERE maintenance = ? AND step = ?", window, step.count());
        while (query.next()) names.push_back(query.string(0));
        return Result<Names>(std::move(names));
    };
    co_return co_await impl_.long_readers->run<Names>(std::move(work));
}

auto AlertStore::tell(std::int64_t window, Duration step, std::string who, std::optional<NewMessage> message)
    -> Async<Result<void>>
{
    auto incoming = made_ready(std::move(message), impl_.now(), impl_.options);
    if (!incoming) co_return std::unexpected(std::move(incoming).error());
    std::function<Result<void>(Database&)> work = [impl = &impl_, window, step, who = std::move(who),
                                                   incoming = *incoming](Database& database) -> Result<void> {
        const auto fresh = database.run("INSERT OR IGNORE INTO maintenance_told(maintenance, step, who) VALUES(?,?,?)",
                                        window, step.count(), who);
        if (fresh > 0 && incoming) impl->insert(database, *incoming);
        return {};
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

}  // namespace postern::store
