// The archive of policy generations: which there were, and the objects that hold their files.
//
// Calls that block are the reloading thread's. Objects are put in and taken out in short transactions, so that no
// message waits behind a large policy; a generation's own row is written last and makes it one.
#include "store/mail_store_impl.hpp"

namespace postern::store {

namespace {

constexpr std::size_t objects_at_once = 200;
constexpr std::size_t bytes_at_once = std::size_t{512} * 1024;

std::vector<GenerationRecord> read_generations(Database& database)
{
    std::vector<GenerationRecord> all;
    Query query = database.query(
        "SELECT number, hash, at, author, arrival, comment, repeats, trial, tree FROM generation ORDER BY number");
    while (query.next())
        all.push_back({.number = static_cast<std::uint64_t>(query.integer(0)),
                       .hash = query.string(1),
                       .at = query.instant(2),
                       .author = query.string(3),
                       .arrival = query.as<Arrival>(4),
                       .comment = query.string(5),
                       .repeats = static_cast<std::uint64_t>(query.integer(6)),
                       .trial = query.as<Trial>(7),
                       .tree = std::string(query.blob(8))});
    return all;
}

/// Those that are there.
std::vector<PolicyObject> read_objects(Database& database, std::span<const std::string> digests)
{
    std::vector<PolicyObject> found;
    for (const auto& digest : digests) {
        Query query = database.query("SELECT bytes FROM policy_object WHERE digest = ?", Blob{digest});
        if (query.next()) found.push_back({digest, std::string(query.blob(0))});
    }
    return found;
}

}  // namespace

Result<std::uint64_t> MailStore::newest_generation()
{
    std::function<Result<std::uint64_t>(Database&)> work = [](Database& database) -> Result<std::uint64_t> {
        Query query = database.query("SELECT coalesce(max(number), 0) FROM generation");
        return query.next() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
    };
    return impl_->writer->run_blocking<std::uint64_t>(std::move(work));
}

Result<void> MailStore::add_generation(GenerationRecord record)
{
    std::function<Result<void>(Database&)> work = [&record](Database& database) -> Result<void> {
        database.run(
            "INSERT INTO generation(number, hash, at, author, arrival, comment, repeats, trial, tree)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
            record.number, record.hash, record.at, record.author, record.arrival, record.comment, record.repeats,
            record.trial, Blob{record.tree});
        return {};
    };
    return impl_->writer->run_blocking<void>(std::move(work));
}

Result<void> MailStore::end_trial(std::uint64_t generation, Trial how)
{
    std::function<Result<void>(Database&)> work = [=](Database& database) -> Result<void> {
        database.run("UPDATE generation SET trial = ? WHERE number = ?", how, generation);
        return {};
    };
    return impl_->writer->run_blocking<void>(std::move(work));
}

Result<void> MailStore::drop_generations(std::vector<std::uint64_t> numbers)
{
    std::function<Result<void>(Database&)> work = [&numbers](Database& database) -> Result<void> {
        for (const auto number : numbers) database.run("DELETE FROM generation WHERE number = ?", number);
        return {};
    };
    return impl_->writer->run_blocking<void>(std::move(work));
}

Result<std::vector<GenerationRecord>> MailStore::generations_now()
{
    using Records = std::vector<GenerationRecord>;
    std::function<Result<Records>(Database&)> work = [](Database& database) {
        return Result<Records>(read_generations(database));
    };
    return impl_->writer->run_blocking<Records>(std::move(work));
}

auto MailStore::generations() -> Async<Result<std::vector<GenerationRecord>>>
{
    using Records = std::vector<GenerationRecord>;
    std::function<Result<Records>(Database&)> work = [](Database& database) {
        return Result<Records>(read_generations(database));
    };
    co_return co_await impl_->long_readers->run<Records>(std::move(work));
}

Result<void> MailStore::keep_objects(const std::vector<PolicyObject>& objects)
{
    for (std::size_t from = 0; from < objects.size();) {
        std::size_t to = from, bytes = 0;
        while (to < objects.size() && to - from < objects_at_once && bytes < bytes_at_once)
            bytes += objects[to++].bytes.size();
        std::function<Result<void>(Database&)> work = [&, from, to](Database& database) -> Result<void> {
            for (std::size_t i = from; i < to; ++i)
                database.run("INSERT INTO policy_object(digest, bytes) VALUES(?, ?) ON CONFLICT DO NOTHING",
                             Blob{objects[i].digest}, Blob{objects[i].bytes});
            return {};
        };
        if (auto kept = impl_->writer->run_blocking<void>(std::move(work)); !kept) return kept;
        from = to;
    }
    return {};
}

Result<std::vector<PolicyObject>> MailStore::objects_now(std::vector<std::string> digests)
{
    using Objects = std::vector<PolicyObject>;
    Objects all;
    for (std::size_t from = 0; from < digests.size(); from += objects_at_once) {
        const auto some = std::span(digests).subspan(from, std::min(objects_at_once, digests.size() - from));
        std::function<Result<Objects>(Database&)> work = [some](Database& database) {
            return Result<Objects>(read_objects(database, some));
        };
        auto found = impl_->writer->run_blocking<Objects>(std::move(work));
        if (!found) return found;
        std::ranges::move(*found, std::back_inserter(all));
    }
    return all;
}

auto MailStore::objects(std::vector<std::string> digests) -> Async<Result<std::vector<PolicyObject>>>
{
    using Objects = std::vector<PolicyObject>;
    std::function<Result<Objects>(Database&)> work = [digests = std::move(digests)](Database& database) {
        return Result<Objects>(read_objects(database, digests));
    };
    co_return co_await impl_->long_readers->run<Objects>(std::move(work));
}

Result<std::vector<std::string>> MailStore::object_digests()
{
    using Digests = std::vector<std::string>;
    std::function<Result<Digests>(Database&)> work = [](Database& database) {
        Digests all;
        Query query = database.query("SELECT digest FROM policy_object");
        while (query.next()) all.emplace_back(query.blob(0));
        return Result<Digests>(std::move(all));
    };
    return impl_->writer->run_blocking<Digests>(std::move(work));
}

Result<void> MailStore::drop_objects(const std::vector<std::string>& digests)
{
    for (std::size_t from = 0; from < digests.size(); from += objects_at_once) {
        const auto some = std::span(digests).subspan(from, std::min(objects_at_once, digests.size() - from));
        std::function<Result<void>(Database&)> work = [some](Database& database) -> Result<void> {
            for (const auto& digest : some) database.run("DELETE FROM policy_object WHERE digest = ?", Blob{digest});
            return {};
        };
        if (auto dropped = impl_->writer->run_blocking<void>(std::move(work)); !dropped) return dropped;
    }
    return {};
}

}  // namespace postern::store
