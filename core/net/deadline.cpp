#include "net/deadline.hpp"

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <utility>

namespace postern::net {

/// Shared with the timer's handler, which may run once more after the watch is gone.
struct Watch::State {
    explicit State(Socket& watched) : socket(&watched), timer(watched.get_executor()) {}

    void sleep_until(const std::shared_ptr<State>& self, Deadline at)
    {
        wakes_at = at;
        asleep = true;
        timer.expires_at(at);  // an earlier sleep ends with operation_aborted, and its number no longer counts
        timer.async_wait([self, number = ++sleep](boost::system::error_code) {
            if (number == self->sleep) self->wake(self);
        });
    }

    void wake(const std::shared_ptr<State>& self)
    {
        asleep = false;
        if (!armed) return;
        if (std::chrono::steady_clock::now() < deadline) return sleep_until(self, deadline);
        fired = true;
        boost::system::error_code ignored;
        socket->cancel(ignored);
    }

    Socket* socket;
    boost::asio::steady_timer timer;
    Deadline deadline{};
    Deadline wakes_at{};
    std::uint64_t sleep = 0;
    bool asleep = false;
    bool armed = false;
    bool fired = false;
};

Watch::Watch(Socket& socket) : state_(std::make_shared<State>(socket)) {}

Watch::~Watch()
{
    state_->armed = false;
    ++state_->sleep;
    state_->timer.cancel();
}

void Watch::arm(Deadline deadline)
{
    state_->deadline = deadline;
    state_->armed = true;
    state_->fired = false;
    if (!state_->asleep || deadline < state_->wakes_at) state_->sleep_until(state_, deadline);
}

bool Watch::disarm() noexcept
{
    state_->armed = false;
    return state_->fired;
}

}  // namespace postern::net
