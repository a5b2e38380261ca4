#include "alert/event_queue.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using alert::EventQueue;
using vocabulary::Event;
using vocabulary::EventId;

namespace {

Event moment()
{
    return {EventId::virus_found, "a message", "text", {}, false, {}};
}

Event condition(const std::string& key, bool cleared = false)
{
    return {EventId::scanner_down, key, "text", {}, cleared, {}};
}

/// The conditions that are heard, in order: "scanner", or "not scanner".
std::vector<std::string> heard(EventQueue& queue)
{
    std::vector<std::string> all;
    for (auto event = queue.front(); event; event = queue.front()) {
        if (event->id == EventId::scanner_down) all.push_back((event->cleared ? "not " : "") + event->object);
        queue.pop();
    }
    return all;
}

}  // namespace

TEST_CASE("a full queue drops moments and no condition")
{
    EventQueue queue(3);
    for (int i = 0; i < 3; ++i) CHECK(queue.add(moment()));
    CHECK_FALSE(queue.add(moment()));
    CHECK(queue.add(condition("scanner")));
    CHECK(queue.add(condition("other")));
    CHECK(heard(queue) == std::vector<std::string>{"scanner", "other"});
}

TEST_CASE("a condition that comes and goes while the queue is full takes one place at most")
{
    EventQueue queue(3);
    for (int i = 0; i < 3; ++i) CHECK(queue.add(moment()));
    for (int i = 0; i < 100; ++i) {
        CHECK(queue.add(condition("scanner")));
        CHECK(queue.add(condition("scanner", true)));
    }
    CHECK(queue.add(condition("scanner")));
    CHECK(queue.add(condition("scanner")));
    CHECK(heard(queue) == std::vector<std::string>{"scanner"});
}

TEST_CASE("the end of a condition whose beginning is being handled is heard")
{
    EventQueue queue(1);
    CHECK(queue.add(condition("scanner")));
    CHECK(queue.add(condition("scanner", true)));
    CHECK(heard(queue) == std::vector<std::string>{"scanner", "not scanner"});
}

TEST_CASE("beginning and end are both heard where there is room")
{
    EventQueue queue;
    CHECK(queue.add(moment()));
    CHECK(queue.add(condition("scanner")));
    CHECK(queue.add(condition("scanner", true)));
    CHECK(heard(queue) == std::vector<std::string>{"scanner", "not scanner"});
}
