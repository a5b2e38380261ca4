#include "vocabulary/fields.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace postern::vocabulary;

TEST_CASE("each field has one line in the table, found by its name")
{
    std::set<std::string_view> names;
    std::size_t line = 0;
    for (const auto& field : fields()) {
        CHECK(names.insert(field.name).second);
        CHECK(static_cast<std::size_t>(field.id) == line++);
        CHECK(!field.description.empty());
        CHECK((field.type == FieldType::word) == !field.words.empty());
        if (field.id != FieldId::header) CHECK(find_field(field.name) == &field);
    }
}

TEST_CASE("any header is a field, and nothing else with a dot is")
{
    REQUIRE(find_field("header.X-Marking")->id == FieldId::header);
    REQUIRE(find_field("header.") == nullptr);
    REQUIRE(find_field("message.body") == nullptr);
}
