// What the directory keeps in mind about things that are done in time: reminders of organisations, what was done last,
// how old the audit is.
#include "directory/directory_impl.hpp"

#include <malloc.h>
#include <map>

namespace postern::directory {

using store::Database;

namespace {

using Known = std::map<std::pair<std::string, std::string>, Reminder>;

Known read_reminders(Database& database)
{
    Known known;
    auto rows = database.query("SELECT organisation, task, since, due, told, step FROM reminders");
    while (rows.next()) {
        Reminder one{.organisation = rows.string(0),
                     .task = rows.string(1),
                     .since = rows.instant(2),
                     .due = rows.instant(3),
                     .told = {},
                     .step = {}};
        if (!rows.null(4)) one.told = rows.instant(4);
        if (!rows.null(5)) one.step = Duration(rows.integer(5));
        known.emplace(std::pair(one.organisation, one.task), one);
    }
    return known;
}

void write_reminder(Database& database, const Reminder& one)
{
    std::optional<std::int64_t> step;
    if (one.step) step = one.step->count();
    database.run(
        "INSERT OR REPLACE INTO reminders(organisation, task, since, due, told, step) VALUES(?, ?, ?, ?, ?, ?)",
        one.organisation, one.task, one.since, one.due, one.told, step);
}

}  // namespace

Administration::Async<Result<std::vector<Reminder>>> Administration::remind(std::vector<Duty> duties,
                                                                            ReminderTimes times, Instant now,
                                                                            std::size_t at_most)
{
    using Reminders = std::vector<Reminder>;
    std::function<Result<Reminders>(Database&)> work = [duties, times, now, at_most](Database& database) {
        auto known = read_reminders(database);
        Reminders due;
        for (const auto& duty : duties) {
            const auto found = known.find({duty.organisation, duty.task});
            std::optional<Reminder> before;
            if (found != known.end()) {
                before = found->second;
                known.erase(found);
            }
            const auto reminded = directory::remind(duty, before, times, now);
            // Those who are too many for now are told the next time.
            if (reminded.tell && due.size() >= at_most) continue;
            if (reminded.tell) due.push_back(reminded.kept);
            if (!before || reminded.kept != *before) write_reminder(database, reminded.kept);
        }
        // What is left is nobody's duty any more.
        for (const auto& [which, one] : known)
            database.run("DELETE FROM reminders WHERE organisation = ? AND task = ?", one.organisation, one.task);
        return Result<Reminders>(std::move(due));
    };
    co_return co_await impl_.writer->run<Reminders>(std::move(work));
}

Administration::Async<Result<std::map<std::string, std::map<std::string, TaskDone>>>> Administration::all_tasks()
{
    using Tasks = std::map<std::string, std::map<std::string, TaskDone>>;
    std::function<Result<Tasks>(Database&)> work = [](Database& database) {
        Tasks tasks;
        auto rows = database.query("SELECT organisation, task, done, by FROM tasks");
        while (rows.next()) tasks[rows.string(0)][rows.string(1)] = {rows.instant(2), rows.string(3)};
        return Result<Tasks>(std::move(tasks));
    };
    co_return co_await impl_.overview->run<Tasks>(std::move(work));
}

Administration::Async<void> Administration::give_memory_back()
{
    std::function<Result<void>(Database&)> work = [](Database&) {
        malloc_trim(0);
        return Result<void>();
    };
    auto given = co_await impl_.overview->run<void>(std::move(work));
    static_cast<void>(given);
}

Administration::Async<Result<bool>> Administration::take_turn(std::string what, Duration every, Instant now)
{
    std::function<Result<bool>(Database&)> work = [what, every, now](Database& database) {
        const bool first = database.run("INSERT OR IGNORE INTO done_last(what, at) VALUES(?, ?)", what, now) > 0;
        return Result<bool>(first || database.run("UPDATE done_last SET at = ? WHERE what = ? AND at <= ?", now, what,
                                                  now - every) > 0);
    };
    co_return co_await impl_.writer->run<bool>(std::move(work));
}

Administration::Async<Result<AuditAge>> Administration::audit_age(std::optional<Instant> until)
{
    std::function<Result<AuditAge>(Database&)> work = [until](Database& database) {
        const OneView view(database);
        AuditAge age;
        if (auto row = database.query("SELECT count(*), min(at) FROM audit"); row.next()) {
            age.records = static_cast<std::uint64_t>(row.integer(0));
            if (!row.null(1)) age.oldest = row.instant(1);
        }
        if (until)
            if (auto row = database.query("SELECT count(*) FROM audit WHERE at < ?", *until); row.next())
                age.over = static_cast<std::uint64_t>(row.integer(0));
        return Result<AuditAge>(age);
    };
    co_return co_await impl_.overview->run<AuditAge>(std::move(work));
}

}  // namespace postern::directory
