#include "directory/csv_file.hpp"

#include "base/text.hpp"
#include "directory/entry_check.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace postern::directory {

namespace {

using vocabulary::ImportEntry;
using vocabulary::ImportOrganisation;
using vocabulary::ListSenders;

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t most_problems = 200;

enum class Column {
    organisation,
    kind,
    address,
    name,
    status,
    function,
    owner,
    moved_to,
    ex_directory,
    non_secure,
    senders,
    members,
    user_name,
    password_hash,
    detail
};

constexpr std::array<std::string_view, 14> columns{"organisation", "kind",    "address",   "name",         "status",
                                                   "function",     "owner",   "moved_to",  "ex_directory", "non_secure",
                                                   "senders",      "members", "user_name", "password_hash"};

std::vector<std::string> words_in(std::string_view text)
{
    std::vector<std::string> words;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find_first_of(" ;\n", at), text.size());
        if (end > at) words.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

/// Reads the rows of one file.
class Reader {
public:
    Reader(std::vector<CsvRow> rows, std::string_view organisation, std::vector<ImportProblem>& problems)
        : rows_(std::move(rows)), organisation_(organisation), problems_(problems)
    {
    }

    std::vector<ImportOrganisation> read()
    {
        if (rows_.empty()) {
            wrong(0, "the file is empty; its first row names the columns: address,name,...");
            return {};
        }
        if (!read_columns(rows_.front())) return {};
        for (std::size_t i = 1; i < rows_.size() && problems_.size() < most_problems; ++i) read_row(rows_[i]);
        return std::move(organisations_);
    }

private:
    void wrong(std::size_t line, std::string what) { problems_.push_back({line, std::move(what)}); }

    bool read_columns(const CsvRow& row)
    {
        bool fine = true;
        for (const auto& cell : row.cells) {
            const std::string name = to_lower(trim(cell));
            const auto known = std::ranges::find(columns, std::string_view(name));
            if (name.empty()) {
                wrong(row.line,
                      fmt::format("column {} has no name; the first row names the columns", columns_.size() + 1));
                fine = false;
            }
            if (known == columns.end()) {
                const auto near = nearest(name, {columns.begin(), columns.end()});
                const std::size_t slip = name.size() < 8 ? 1 : 2;  // "note" is a detail, "adress" is a slip
                if (!near.empty() && edit_distance(name, near, slip) <= slip) {
                    wrong(row.line,
                          fmt::format("unknown column \"{}\"; did you mean \"{}\"?", printable(name, 60), near));
                    fine = false;
                }
                columns_.push_back({Column::detail, std::string(trim(cell))});
            } else {
                columns_.push_back({static_cast<Column>(known - columns.begin()), name});
            }
            if (std::ranges::count(columns_, columns_.back().second, &std::pair<Column, std::string>::second) > 1) {
                wrong(row.line, fmt::format("the column \"{}\" stands twice", printable(name, 60)));
                fine = false;
            }
        }
        const auto has = [&](Column wanted) {
            return std::ranges::find(columns_, wanted, &std::pair<Column, std::string>::first) != columns_.end();
        };
        if (fine && !has(Column::address)) {
            wrong(row.line, "there is no column \"address\"; the first row names the columns");
            fine = false;
        }
        if (fine && !has(Column::organisation) && organisation_.empty()) {
            wrong(row.line, "there is no column \"organisation\"; add one, or say --organisation ID");
            fine = false;
        }
        return fine;
    }

    void read_row(const CsvRow& row)
    {
        if (row.cells.size() == 1 && trim(row.cells.front()).empty()) return;  // an empty line
        if (row.cells.size() != columns_.size()) {
            wrong(row.line, fmt::format("the row has {} cells and the first row names {}; a comma inside a cell needs "
                                        "quotes around it",
                                        row.cells.size(), columns_.size()));
            return;
        }
        ImportEntry made;
        made.line = row.line;
        std::string organisation(organisation_), address;
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
            auto cell = plain(row.cells[i], row.line, columns_[i].second);
            if (!cell) return;
            if (columns_[i].first == Column::address)
                address = *cell;
            else if (columns_[i].first == Column::organisation)
                organisation = cell->empty() ? organisation : *cell;
            else if (columns_[i].first == Column::user_name)
                made.user_name = *cell;
            else if (columns_[i].first == Column::password_hash)
                made.password_hash = *cell;
            else if (!set(made.entry, i, *cell, row.line))
                return;
        }
        auto parsed = mail::Address::parse(address);
        if (!parsed)
            return wrong(row.line,
                         fmt::format("\"{}\" is not an address: {}", printable(address, 100), parsed.error().detail()));
        made.entry.address = std::move(*parsed);
        made.entry.organisation = organisation;
        if (organisation.empty()) return wrong(row.line, "the row names no organisation");
        if (made.entry.kind == EntryKind::function && made.entry.name.empty()) made.entry.name = made.entry.function;
        place(organisation, row.line).entries.push_back(std::move(made));
    }

    /// Without the mark that keeps a spreadsheet from running it.
    std::optional<std::string> plain(std::string_view cell, std::size_t line, const std::string& column)
    {
        cell = trim(cell);
        if (cell.starts_with('\'') && is_formula(cell.substr(1))) return std::string(cell.substr(1));
        if (is_formula(cell)) {
            wrong(line, fmt::format("{}: \"{}\" is a formula of a spreadsheet; put ' in front if it is meant as text",
                                    printable(column, 60), printable(cell, 60)));
            return std::nullopt;
        }
        return std::string(cell);
    }

    bool set(DirectoryEntry& entry, std::size_t column, const std::string& cell, std::size_t line)
    {
        const auto& [what, name] = columns_[column];
        const auto refuse = [&, label = std::string(name)](const std::string& valid) {
            wrong(line, fmt::format("{}: \"{}\" is not one of {}", printable(label, 60), printable(cell, 60), valid));
            return false;
        };
        if (cell.empty()) return true;
        switch (what) {
            case Column::kind:
                if (const auto kind = vocabulary::entry_kind_named(cell))
                    entry.kind = *kind;
                else
                    return refuse("user, function, group, list");
                return true;
            case Column::status:
                if (const auto status = vocabulary::entry_status_named(cell))
                    entry.status = *status;
                else
                    return refuse("invited, active, suspended, removed");
                return true;
            case Column::ex_directory:
                if (iequals(cell, "true") || iequals(cell, "yes"))
                    entry.ex_directory = true;
                else if (!iequals(cell, "false") && !iequals(cell, "no"))
                    return refuse("true, false");
                return true;
            case Column::senders:
                if (const auto senders = vocabulary::list_senders_named(cell);
                    senders && *senders != ListSenders::named)
                    entry.senders = *senders;
                else {
                    entry.senders = ListSenders::named;
                    entry.named_senders = words_in(cell);
                }
                return true;
            case Column::members:
                return set_members(entry, cell, line);
            case Column::name:
                entry.name = cell;
                return true;
            case Column::function:
                entry.function = cell;
                return true;
            case Column::owner:
                entry.owner = cell;
                return true;
            case Column::moved_to:
                entry.moved_to = cell;
                return true;
            case Column::non_secure:
                entry.non_secure = cell;
                return true;
            case Column::detail:
                entry.details[name] = cell;
                return true;
            case Column::organisation:
            case Column::address:
            case Column::user_name:
            case Column::password_hash:
                break;
        }
        return true;
    }

    bool set_members(DirectoryEntry& entry, const std::string& cell, std::size_t line)
    {
        for (const auto& word : words_in(cell)) {
            vocabulary::EntryMember member;
            const auto colon = word.rfind(':');
            const std::string rights = colon == std::string::npos ? std::string{} : word.substr(colon + 1);
            if (rights.find_first_not_of("rwm") != std::string::npos) {
                wrong(line,
                      fmt::format("members: \"{}\" is not address:rwm (read, write, mail)", printable(word, 100)));
                return false;
            }
            member.address = word.substr(0, colon);
            member.read = rights.find('r') != std::string::npos;
            member.write = rights.find('w') != std::string::npos;
            member.mail = rights.find('m') != std::string::npos;
            entry.members.push_back(std::move(member));
        }
        std::ranges::sort(entry.members, {}, [](const auto& member) { return to_lower(member.address); });
        return true;
    }

    ImportOrganisation& place(const std::string& id, std::size_t line)
    {
        const auto [found, fresh] = by_id_.try_emplace(id, organisations_.size());
        if (fresh) organisations_.push_back({id, line, {}});
        return organisations_[found->second];
    }

    std::vector<CsvRow> rows_;
    std::string_view organisation_;
    std::vector<ImportProblem>& problems_;
    std::vector<std::pair<Column, std::string>> columns_;
    std::vector<ImportOrganisation> organisations_;
    std::map<std::string, std::size_t> by_id_;
};

/// The line of the first byte that is no UTF-8; 0: all is.
std::size_t broken_line(std::string_view text)
{
    std::size_t line = 1, at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find('\n', at), text.size());
        if (!is_utf8(text.substr(at, end - at))) return line;
        at = end + 1;
        ++line;
    }
    return 0;
}

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, std::vector<ImportProblem>& problems)
{
    std::vector<CsvRow> rows;
    std::size_t line = 1;
    CsvRow row{1, {}};
    std::string cell;
    bool quoted = false, was_quoted = false;
    std::size_t opened = 0;
    const auto end_cell = [&] {
        row.cells.push_back(std::move(cell));
        cell.clear();
        was_quoted = false;
    };
    const auto end_row = [&] {
        end_cell();
        rows.push_back(std::move(row));
        row = {line, {}};
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\n') ++line;
        if (quoted) {
            if (c != '"')
                cell += c;
            else if (i + 1 < text.size() && text[i + 1] == '"')
                cell += text[++i];
            else
                quoted = false, was_quoted = true;
        } else if (c == '"' && cell.empty() && !was_quoted) {
            quoted = true;
            opened = line;
        } else if (c == ',') {
            end_cell();
        } else if (c == '\n') {
            if (!cell.empty() && cell.back() == '\r' && !was_quoted) cell.pop_back();
            end_row();
        } else if (was_quoted && c != '\r') {
            problems.push_back({line, "text follows a closing quote; a quote inside a quoted cell is written twice"});
            return rows;
        } else if (!was_quoted) {
            cell += c;
        }
    }
    if (quoted) {
        problems.push_back({opened, "the quote that opens here is never closed"});
        return rows;
    }
    if (!cell.empty() || !row.cells.empty() || was_quoted) end_row();
    return rows;
}

CsvDocument parse_directory_csv(std::string_view text, std::string_view name, std::string_view organisation)
{
    CsvDocument read;
    read.document.file = std::string(name);
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        read.problems.push_back({1, "the file is UTF-16; save it as \"CSV UTF-8\""});
        return read;
    }
    if (const auto line = broken_line(text)) {
        read.problems.push_back({line, "this is not UTF-8; save the file as \"CSV UTF-8\""});
        return read;
    }
    if (const auto zero = text.find('\0'); zero != std::string_view::npos) {
        read.problems.push_back({static_cast<std::size_t>(std::ranges::count(text.substr(0, zero), '\n')) + 1,
                                 "there is a NUL byte; this is no text file"});
        return read;
    }
    auto rows = parse_csv(text, read.problems);
    if (read.problems.empty())
        read.document.organisations = Reader(std::move(rows), organisation, read.problems).read();
    return read;
}

}  // namespace postern::directory
