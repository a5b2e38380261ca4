// The directory as a spreadsheet writes it: CSV (RFC 4180), a row for each entry, the first row with the columns'
// names.
//
//     organisation,kind,address,name,status,function,owner,moved_to,ex_directory,non_secure,senders,members,telephone
//
// `user_name` and `password_hash` (argon2id, as argon2 prints it) bring a login along; they are read and never written.
// Any other column is a detail of that name. `members` of a group are "address:rwm" with spaces between, of a list
// addresses; `senders` is members, organisation, community, or addresses. Pure; any thread. All that is wrong comes
// back at once, with the line: columns that nobody knows how to read, quotes that don't end, text that is not UTF-8,
// cells that a spreadsheet would run as a formula.
#pragma once

#include "directory/import.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::directory {

/// Bytes of a file that is read.
inline constexpr std::size_t largest_csv_file = std::size_t{64} << 20;

struct CsvDocument {
    ImportDocument document;  ///< usable only without problems
    std::vector<ImportProblem> problems;
};

/// `name` is how messages call the file. `organisation`: of rows where no column says it; may be empty.
[[nodiscard]] CsvDocument parse_directory_csv(std::string_view text, std::string_view name,
                                              std::string_view organisation = {});

/// Rows and cells, with the line where each row begins; nothing is said of their meaning.
struct CsvRow {
    std::size_t line = 1;
    std::vector<std::string> cells;
};
[[nodiscard]] std::vector<CsvRow> parse_csv(std::string_view text, std::vector<ImportProblem>& problems);

/// One cell as it stands in a file: quoted where it must be, and with ' in front where a spreadsheet would take it for
/// a formula; parse_directory_csv takes that off.
[[nodiscard]] std::string csv_cell(std::string_view text);

/// Entries as CSV (with all details that any of them has) and as directory.yaml: what is read back is the same.
[[nodiscard]] std::string print_directory_csv(const std::vector<DirectoryEntry>& entries);
[[nodiscard]] std::string print_directory_yaml(const std::vector<DirectoryEntry>& entries);

}  // namespace postern::directory
