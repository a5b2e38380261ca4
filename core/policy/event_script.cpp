// A rule of alerts.yaml asks its script about an event.
#include "policy/alerts_file.hpp"
#include "vocabulary/facts.hpp"

#include <utility>

namespace postern::policy {

namespace {

class ScriptedRule final : public vocabulary::EventScript {
public:
    ScriptedRule(std::shared_ptr<const ports::Scripts> scripts, ScriptPart script, std::string place,
                 std::uint64_t generation)
        : scripts_(std::move(scripts)), script_(std::move(script)), place_(std::move(place)), generation_(generation)
    {
    }

    [[nodiscard]] Answer ask(const vocabulary::Event& event) const override
    {
        vocabulary::Facts facts;
        facts.time = event.at;
        facts.origin = vocabulary::Origin::alert;
        facts.generation = generation_;
        facts.event = &event;
        ports::ScriptCall call;
        call.file = script_.file;
        call.rule = place_;
        call.where = vocabulary::RuleFile::alerts;
        call.may = script_.may;
        const auto said = scripts_->run(call, facts);
        // Somebody is told too much rather than nobody at all.
        if (!said.error.empty()) return {script_.on_error != OnError::ignore, {}, said.error};
        Answer answer{said.holds.value_or(true), {}, {}};
        for (const auto& order : said.orders) answer.note += (answer.note.empty() ? "" : "; ") + order.text;
        return answer;
    }

private:
    std::shared_ptr<const ports::Scripts> scripts_;
    ScriptPart script_;
    std::string place_;
    std::uint64_t generation_;
};

}  // namespace

std::shared_ptr<const vocabulary::EventScript> make_event_script(std::shared_ptr<const ports::Scripts> scripts,
                                                                 ScriptPart script, std::string place,
                                                                 std::uint64_t generation)
{
    return std::make_shared<const ScriptedRule>(std::move(scripts), std::move(script), std::move(place), generation);
}

}  // namespace postern::policy
