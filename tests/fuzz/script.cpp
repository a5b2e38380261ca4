// room: script
// Any source and any message: loading and running end within the budget, an answer is an error or it is none, and the
// next script finds everything as it was.
#include "base/text.hpp"
#include "script/maker.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

ports::ScriptSource source(const char* file, std::string bytes)
{
    ports::ScriptSource made;
    made.file = file;
    made.bytes = std::move(bytes);
    return made;
}

/// What scripts share must be as it was: run after each input, in the same generation.
constexpr const char* probe = R"(return function(message)
    return string.find("ab", "b") == 2 and table.concat({ "a", "b" }) == "ab" and ("x"):rep(2) == "xx"
        and x == nil and pcall(error) == false and tostring(1) == "1" and postern.size("1 KiB") == 1024
end)";

}  // namespace

/// Up to the first NUL: the script; behind it: the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto end = std::min(input.find('\0'), input.size());
    const std::string content(input.substr(std::min(end + 1, input.size())));
    const SystemClock clock;
    ports::Rates rates(clock);
    script::Budgets budgets;
    budgets.instructions = 100'000;
    budgets.memory = std::size_t{2} << 20;
    budgets.processor = budgets.wall = std::chrono::seconds{20};
    const script::Maker maker(rates, clock, nullptr, budgets);

    std::vector<ports::ScriptSource> sources;
    sources.push_back(source("input.lua", std::string(input.substr(0, end))));
    sources.push_back(source("body.lua", "return function(message) " + std::string(input.substr(0, end)) + "\nend"));
    sources.push_back(source("probe.lua", probe));
    ports::ScriptTables tables;
    tables["words"]["a"] = "b";
    std::vector<ports::ScriptFault> faults;
    auto made = maker.make(sources, tables, faults);
    must((made == nullptr) == !faults.empty());
    for (std::size_t leave = 0; made == nullptr && leave < 2; ++leave) {
        auto fewer = sources;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(leave));
        faults.clear();
        made = maker.make(fewer, tables, faults);
    }
    if (made == nullptr) return 0;

    const auto header = mail::Header::parse(content);
    if (!header) return 0;
    const auto structure = mail::read_structure(content, true);
    vocabulary::Inspection inspection;
    inspection.parts.resize(structure.parts.size());
    vocabulary::Organisation organisation;
    organisation.id = "member";
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::message;
    facts.sender_organisation = facts.recipient_organisation = &organisation;
    facts.size = content.size();
    facts.content = content;
    facts.header = &*header;
    facts.structure = &structure;
    facts.inspection = &inspection;
    ports::ScriptCall call;
    call.rule = "content.yaml:1 fuzz";
    call.may = vocabulary::actions_of(call.where);
    for (const char* file : {"input.lua", "body.lua", "probe.lua"}) {
        call.file = file;
        if (!made->has(file)) continue;
        const auto answer = made->run(call, facts);
        must(answer.error.empty() || (answer.orders.empty() && !answer.holds));
        must(answer.error.size() < 2'000 &&
             answer.error.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
        if (std::string_view(file) == "probe.lua") must(answer.holds == true);
    }
    return 0;
}
