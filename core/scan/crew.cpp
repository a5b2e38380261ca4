#include "scan/crew.hpp"

#include <fcntl.h>
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::scan {

namespace asio = boost::asio;

namespace {

constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct Line::State {
    explicit State(asio::io_context& context) : socket(context), timer(context) {}
    asio::posix::stream_descriptor socket;
    asio::steady_timer timer;
    std::uint64_t reception = 0;  ///< number of the one under way or last
};

Line::Line(asio::io_context& context, Descriptor socket) : state_(std::make_shared<State>(context))
{
    fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    state_->socket.assign(socket.release());
}

bool Line::send(std::string_view bytes, int passed) noexcept
{
    return state_->socket.is_open() && send_datagram(state_->socket.native_handle(), bytes, passed);
}

asio::awaitable<std::optional<Datagram>> Line::receive(std::optional<Moment> deadline)
{
    const auto state = state_;
    const auto number = ++state->reception;
    if (deadline) {
        state->timer.expires_at(*deadline);
        state->timer.async_wait([state, number](const boost::system::error_code& error) {
            boost::system::error_code ignored;
            if (!error && state->reception == number) state->socket.cancel(ignored);
        });
    }
    Datagram datagram;
    Received received = Received::nothing_yet;
    while (received == Received::nothing_yet && state->socket.is_open()) {
        const auto [error] = co_await state->socket.async_wait(asio::posix::stream_descriptor::wait_read, quietly);
        if (error) break;
        received = receive_datagram(state->socket.native_handle(), datagram);
    }
    ++state->reception;
    if (deadline) state->timer.cancel();
    if (received != Received::datagram) co_return std::nullopt;
    co_return datagram;
}

void Line::close() noexcept
{
    boost::system::error_code ignored;
    state_->timer.cancel();
    state_->socket.close(ignored);
}

asio::awaitable<std::shared_ptr<Worker>> Crew::take(Moment deadline)
{
    if (waiting_.empty()) {
        if (auto worker = idle()) {
            worker->busy = true;
            co_return worker;
        }
    }
    auto waiter = std::make_shared<Waiter>(asio::steady_timer(context_, deadline), nullptr);
    waiting_.push_back(waiter);
    co_await waiter->timer.async_wait(quietly);
    std::erase(waiting_, waiter);
    co_return waiter->worker;
}

void Crew::give_back(const std::shared_ptr<Worker>& worker)
{
    worker->busy = false;
    serve();
}

void Crew::use(std::shared_ptr<Tree> tree)
{
    current_ = std::move(tree);
    serve();
}

void Crew::dismiss()
{
    current_ = nullptr;
    for (const auto& waiter : waiting_) waiter->timer.cancel();
}

std::shared_ptr<Worker> Crew::idle() const
{
    if (!current_) return nullptr;
    const auto found =
        std::ranges::find_if(current_->workers, [](const auto& worker) { return !worker->busy && !worker->killed; });
    return found == current_->workers.end() ? nullptr : *found;
}

void Crew::serve()
{
    for (const auto& waiter : waiting_) {
        if (waiter->worker) continue;
        auto worker = idle();
        if (!worker) return;
        worker->busy = true;
        waiter->worker = std::move(worker);
        waiter->timer.cancel();
    }
}

}  // namespace postern::scan
