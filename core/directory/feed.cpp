#include "directory/feed.hpp"

#include "directory/csv_file.hpp"

#include <boost/json.hpp>

namespace postern::directory {

namespace {

namespace json = boost::json;

class CsvFeed final : public FeedPrinter {
public:
    explicit CsvFeed(std::set<std::string> details) : details_(std::move(details)) {}

    std::string begin() const override
    {
        std::string text = "address,name,kind,function,organisation,organisation_name,kind_of_body,place";
        for (const auto& name : details_) text += "," + csv_cell(name);
        return text + "\r\n";
    }

    std::string print(const FeedEntry& entry) override
    {
        std::string text = csv_cell(entry.address);
        for (const auto& field : {entry.name, std::string(vocabulary::name_of(entry.kind)), entry.function,
                                  entry.organisation, entry.organisation_name, entry.kind_of_body, entry.place})
            text += "," + csv_cell(field);
        for (const auto& name : details_) {
            const auto found = entry.details.find(name);
            text += "," + (found == entry.details.end() ? std::string{} : csv_cell(found->second));
        }
        return text + "\r\n";
    }

    std::string end() const override { return {}; }

private:
    const std::set<std::string> details_;
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

std::unique_ptr<FeedPrinter> csv_feed(std::set<std::string> details)
{
    return std::make_unique<CsvFeed>(std::move(details));
}

std::unique_ptr<FeedPrinter> json_feed(std::string community, Instant generated)
{
    return std::make_unique<JsonFeed>(std::move(community), generated);
}

}  // namespace postern::directory
