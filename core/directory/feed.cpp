#include "directory/feed.hpp"

#include "directory/csv_file.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace postern::directory {

namespace {

namespace json = boost::json;

// Everybody names details of their own: a column for each name would grow the table by all of them in every row.
constexpr std::array<std::string_view, 6> columns{"telephone", "mobile", "fax", "title", "room", "department"};

std::string others(const std::map<std::string, std::string>& details)
{
    json::object object;
    for (const auto& [name, value] : details)
        if (std::ranges::find(columns, name) == columns.end()) object[name] = value;
    return object.empty() ? std::string{} : json::serialize(object);
}

class CsvFeed final : public FeedPrinter {
public:
    std::string begin() const override
    {
        std::string text = "address,name,kind,function,organisation,organisation_name,kind_of_body,place";
        for (const auto name : columns) text.append(",").append(name);
        return text + ",details\r\n";
    }

    std::string print(const FeedEntry& entry) override
    {
        std::string text = csv_cell(entry.address);
        for (const auto& field : {entry.name, std::string(vocabulary::name_of(entry.kind)), entry.function,
                                  entry.organisation, entry.organisation_name, entry.kind_of_body, entry.place})
            text += "," + csv_cell(field);
        for (const auto name : columns) {
            const auto found = entry.details.find(std::string(name));
            text += "," + (found == entry.details.end() ? std::string{} : csv_cell(found->second));
        }
        return text + "," + csv_cell(others(entry.details)) + "\r\n";
    }

    std::string end() const override { return {}; }
};

json::object json_of(const FeedEntry& entry)
{
    json::object object{{"address", entry.address},
                        {"name", entry.name},
                        {"kind", std::string(name_of(entry.kind))},
                        {"organisation", entry.organisation},
                        {"organisation_name", entry.organisation_name}};
    if (!entry.function.empty()) object["function"] = entry.function;
    if (!entry.kind_of_body.empty()) object["kind_of_body"] = entry.kind_of_body;
    if (!entry.place.empty()) object["place"] = entry.place;
    json::object details;
    for (const auto& [name, value] : entry.details) details[name] = value;
    if (!details.empty()) object["details"] = std::move(details);
    return object;
}

class JsonFeed final : public FeedPrinter {
public:
    JsonFeed(std::string community, Instant generated) : community_(std::move(community)), generated_(generated) {}

    std::string begin() const override
    {
        return "{\"community\":" + json::serialize(json::value(community_)) +
               ",\"generated\":" + json::serialize(json::value(to_iso8601(generated_))) + ",\"entries\":[";
    }
    std::string print(const FeedEntry& entry) override
    {
        const std::string text = (first_ ? "" : ",") + json::serialize(json_of(entry));
        first_ = false;
        return text;
    }
    std::string end() const override { return "]}\n"; }

private:
    const std::string community_;
    const Instant generated_;
    bool first_ = true;
};

}  // namespace

std::unique_ptr<FeedPrinter> csv_feed()
{
    return std::make_unique<CsvFeed>();
}

std::unique_ptr<FeedPrinter> json_feed(std::string community, Instant generated)
{
    return std::make_unique<JsonFeed>(std::move(community), generated);
}

}  // namespace postern::directory
