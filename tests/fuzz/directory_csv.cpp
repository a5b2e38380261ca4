// room: directory
//
// A spreadsheet of anybody's: all that is wrong is said with its line, and what is read can be written and read again.
#include "directory/csv_file.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

std::vector<directory::DirectoryEntry> entries_of(const directory::ImportDocument& document)
{
    std::vector<directory::DirectoryEntry> entries;
    for (const auto& organisation : document.organisations)
        for (const auto& one : organisation.entries) entries.push_back(one.entry);
    return entries;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto read = directory::parse_directory_csv(text, "people.csv", "greenstone");
    for (const auto& problem : read.problems) must(!problem.what.empty() && problem.line <= size + 1);
    if (!read.problems.empty()) return 0;
    const auto entries = entries_of(read.document);
    const auto again = directory::parse_directory_csv(directory::print_directory_csv(entries), "again.csv");
    must(again.problems.empty());
    must(entries_of(again.document).size() == entries.size());
    return 0;
}
