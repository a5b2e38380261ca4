#include "gateway/silent_answers.hpp"

#include "gateway/reports.hpp"

namespace postern::gateway {

namespace {

// The content is gone by then: the answer is of what the ledger knows.
store::Answered answer_to(const Services& services, const Generation& generation, const store::Trace& trace)
{
    store::Answered answer{trace.message.id, {}, services.clock.now(), generation.policy->generation(), {}};
    std::vector<Fate> fates;
    for (const auto& recipient : trace.recipients) {
        answer.recipients.push_back(recipient.id);
        Fate fate{&recipient, report::Kind::relayed, recipient.last_reply, true, {}, {}};
        fate.at = recipient.changed;
        fate.silent = true;
        for (const auto& event : trace.events)
            if (event.kind == "attempt" && event.recipient == recipient.address &&
                event.state == name_of(store::State::relayed)) {
                fate.remote_mta = event.next_hop.substr(0, event.next_hop.find(' '));
                fate.tls = event.tls;
            }
        fates.push_back(std::move(fate));
    }
    answer.reports = make_reports(services, generation, trace.message, {}, fates);
    return answer;
}

}  // namespace

boost::asio::awaitable<void> answer_for_the_silent(Services services)
{
    constexpr std::size_t at_once = 200;
    const auto generation = services.generations.current();
    for (;;) {
        const auto due = co_await services.store.answers_due(services.clock.now(), at_once);
        if (!due || due->empty()) co_return;
        for (const auto& trace : *due) {
            auto answer = answer_to(services, *generation, trace);
            const Instant at = answer.at;
            const auto told = co_await services.store.answer(std::move(answer));
            if (!told) co_return;  // the store says so itself; it is tried again
            if (*told) services.schedule.due(at);
        }
    }
}

}  // namespace postern::gateway
