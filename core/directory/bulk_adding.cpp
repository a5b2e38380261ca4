// Many people at once: addresses, user names and one-time passwords are made for them, all or none are added.
#include "base/text.hpp"
#include "directory/directory_impl.hpp"
#include "directory/entry_check.hpp"
#include "directory/look_alike.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>
#include <set>

namespace postern::directory {

namespace {

using store::Database;

/// "Éric O'Brown" -> "eric.obrown": letters and digits of ASCII; accents of Latin letters are taken off.
std::string local_part_of(std::string_view name)
{
    static constexpr std::pair<std::string_view, std::string_view> plain[] = {
        {"àáâãäåÀÁÂÃÄÅ", "a"}, {"èéêëÈÉÊË", "e"}, {"ìíîïÌÍÎÏ", "i"},
        {"òóôõöøÒÓÔÕÖØ", "o"}, {"ùúûüÙÚÛÜ", "u"}, {"ýÿÝ", "y"},
        {"çÇ", "c"},           {"ñÑ", "n"},       {"ß", "s"}};
    std::string local;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            local += ascii_lower(c);
        } else if (c == ' ' || c == '.' || c == '-' || c == '_') {
            if (!local.empty() && local.back() != '.') local += '.';
        } else if (static_cast<unsigned char>(c) >= 0xC0 && i + 1 < name.size()) {
            for (const auto& [letters, letter] : plain)
                if (letters.find(name.substr(i, 2)) != std::string_view::npos) local += letter;
        }
    }
    while (!local.empty() && local.back() == '.') local.pop_back();
    constexpr std::size_t longest = 40;
    if (local.size() > longest) local.resize(longest);
    return local;
}

class BulkAdd {
public:
    BulkAdd(Database& database, const BulkOrder& order) : database_(database), order_(order) {}

    BulkResult prepare()
    {
        if (order_.people.size() > most_at_once) {
            problem(0, fmt::format("{} people; at most {} at a time", order_.people.size(), most_at_once));
            return std::move(result_);
        }
        std::set<std::string> names;
        for (const auto& person : order_.people) {
            if (names.insert(to_lower(person.name)).second)
                invite(person);
            else
                problem(person.line, fmt::format("{} stands twice; two people of one name are added one by one",
                                                 printable(person.name, 80)));
        }
        return std::move(result_);
    }

    std::vector<DirectoryEntry>& entries() noexcept { return entries_; }

private:
    void problem(std::size_t line, std::string what) { result_.problems.push_back({line, std::move(what)}); }

    void invite(const NewPerson& person)
    {
        const auto local = local_part_of(person.name);
        if (local.empty())
            return problem(person.line, fmt::format("\"{}\" gives no user name; write it in Latin letters, or add this "
                                                    "one by hand",
                                                    printable(person.name, 80)));
        const auto address = free_address(local);
        if (!address) return problem(person.line, fmt::format("no address is free for {}", printable(person.name, 80)));
        DirectoryEntry entry;
        entry.address = *address;
        entry.organisation = order_.organisation;
        entry.status = EntryStatus::invited;
        entry.name = person.name;
        entry.non_secure = person.non_secure;
        entry.details = person.details;
        auto mistakes = mistakes_of(entry);
        if (const auto allowed = order_.check(entry); !allowed) mistakes.push_back(allowed.error().describe());
        for (const auto& mistake : mistakes) problem(person.line, fmt::format("{}: {}", entry.address.text(), mistake));
        result_.invited.push_back({person.name, entry.address.text(), free_user_name(entry.address), {}});
        entries_.push_back(std::move(entry));
    }

    std::optional<mail::Address> free_address(const std::string& local)
    {
        constexpr int most_numbers = 1000;
        for (int number = 1; number < most_numbers; ++number) {
            const auto text = number == 1 ? local : fmt::format("{}{}", local, number);
            const auto address = mail::Address::parse(text + "@" + order_.domain.text());
            if (!address) return std::nullopt;
            if (read_entry(database_, address->key()) || taken_.contains(address->key())) continue;
            // "bell" with a 1 behind it reads like "bell" with another l.
            const auto looks = looks_of(address->local());
            if (looks_taken_.contains(looks) || !look_alike_of(database_, *address, order_.organisation).empty())
                continue;
            taken_.insert(address->key());
            looks_taken_.insert(looks);
            return *address;
        }
        return std::nullopt;
    }

    /// The local part and the organisation: "eric.brown.greenstone".
    std::string free_user_name(const mail::Address& address)
    {
        const std::string base = to_lower(address.local()) + "." + order_.organisation;
        for (int number = 1;; ++number) {
            auto name = number == 1 ? base : fmt::format("{}.{}", base, number);
            auto row = database_.query("SELECT 1 FROM logins WHERE user_name = ?", name);
            if (!row.next() && user_names_.insert(name).second) return name;
        }
    }

    Database& database_;
    const BulkOrder& order_;
    BulkResult result_;
    std::vector<DirectoryEntry> entries_;
    std::set<std::string> taken_, looks_taken_, user_names_;
};

/// Hashes of the one-time passwords, in the order of the people.
Result<BulkResult> write_people(Database& database, const BulkOrder& order, const std::vector<std::string>& hashes)
{
    BulkAdd add(database, order);
    auto result = add.prepare();
    if (!result.problems.empty() || order.dry_run) return result;
    for (std::size_t i = 0; i < add.entries().size(); ++i) {
        const auto& entry = add.entries()[i];
        write_entry(database, entry, order.audit.actor, order.audit.at, {});
        database.run("INSERT INTO edits(key) VALUES(?)", entry.address.key());
        database.run(
            "INSERT OR REPLACE INTO logins(key, user_name, password, changed, one_time, valid_until) "
            "VALUES(?, ?, ?, ?, 1, ?)",
            entry.address.key(), result.invited[i].user_name, hashes.at(i), order.audit.at, order.valid_until);
        AuditRecord record = order.audit;
        record.target = entry.address.text();
        record.organisation = entry.organisation;
        record.outcome = "done";
        record.detail = "invited, with a one-time password";
        append_audit(database, std::move(record));
    }
    return result;
}

}  // namespace

Administration::Async<Result<BulkResult>> Administration::bulk_add(BulkOrder order)
{
    struct Given {
        std::vector<std::string> passwords, hashes;
    };
    const auto shared = std::make_shared<const BulkOrder>(std::move(order));
    const std::size_t count = shared->dry_run || shared->people.size() > most_at_once ? 0 : shared->people.size();
    std::function<Result<Given>(NoState&)> hashing = [count](NoState&) {
        Given given;
        for (std::size_t i = 0; i < count; ++i) {
            given.passwords.push_back(make_one_time_password());
            given.hashes.push_back(hash_password(given.passwords.back(), Strength::given));
        }
        return Result<Given>(std::move(given));
    };
    auto given = co_await impl_.hashers->run<Given>(std::move(hashing));
    if (!given) co_return std::unexpected(given.error());
    const auto made = std::make_shared<const Given>(std::move(*given));
    std::function<Result<BulkResult>(Database&)> work = [impl = &impl_, shared, made](Database& database) {
        auto result = write_people(database, *shared, made->hashes);
        if (result && result->problems.empty() && !shared->dry_run)
            database.after_commit([impl] { impl->entries_changed(); });
        return result;
    };
    // What changes nothing keeps no login waiting.
    Result<BulkResult> result = BulkResult{};
    if (count == 0)
        result = co_await impl_.overview->run<BulkResult>(std::move(work));
    else
        result = co_await impl_.writer->run<BulkResult>(std::move(work));
    if (!result) co_return std::unexpected(result.error());
    for (std::size_t i = 0; i < result->invited.size() && i < made->passwords.size(); ++i)
        result->invited[i].one_time_password = made->passwords[i];
    co_return result;
}

}  // namespace postern::directory
