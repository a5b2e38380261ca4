#include "directory/feed.hpp"

#include "directory/csv_file.hpp"

#include <fmt/format.h>
#include <set>

namespace postern::directory {

std::string print_feed_csv(const std::vector<FeedEntry>& entries)
{
    std::set<std::string> details;
    for (const auto& entry : entries)
        for (const auto& [name, value] : entry.details) details.insert(name);
    std::string text = "address,name,kind,function,organisation,organisation_name,kind_of_body,place";
    for (const auto& name : details) text += "," + csv_cell(name);
    text += "\r\n";
    for (const auto& entry : entries) {
        text += csv_cell(entry.address);
        for (const auto& field : {entry.name, std::string(vocabulary::name_of(entry.kind)), entry.function,
                                  entry.organisation, entry.organisation_name, entry.kind_of_body, entry.place})
            text += "," + csv_cell(field);
        for (const auto& name : details) {
            const auto found = entry.details.find(name);
            text += "," + (found == entry.details.end() ? std::string{} : csv_cell(found->second));
        }
        text += "\r\n";
    }
    return text;
}

}  // namespace postern::directory
