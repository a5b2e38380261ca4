#include "directory/feed.hpp"

#include "directory/csv_file.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace postern::directory {

namespace {

// Everybody names details of their own: a column for each name would grow the table by all of them in every row.
constexpr std::array<std::string_view, 6> columns{"telephone", "mobile", "fax", "title", "room", "department"};

std::string others(const std::map<std::string, std::string>& details)
{
    boost::json::object object;
    for (const auto& [name, value] : details)
        if (std::ranges::find(columns, name) == columns.end()) object[name] = value;
    return object.empty() ? std::string{} : boost::json::serialize(object);
}

}  // namespace

std::string print_feed_csv(const std::vector<FeedEntry>& entries)
{
    std::string text = "address,name,kind,function,organisation,organisation_name,kind_of_body,place";
    for (const auto name : columns) text.append(",").append(name);
    text += ",details\r\n";
    for (const auto& entry : entries) {
        text += csv_cell(entry.address);
        for (const auto& field : {entry.name, std::string(vocabulary::name_of(entry.kind)), entry.function,
                                  entry.organisation, entry.organisation_name, entry.kind_of_body, entry.place})
            text += "," + csv_cell(field);
        for (const auto name : columns) {
            const auto found = entry.details.find(std::string(name));
            text += "," + (found == entry.details.end() ? std::string{} : csv_cell(found->second));
        }
        text += "," + csv_cell(others(entry.details)) + "\r\n";
    }
    return text;
}

}  // namespace postern::directory
