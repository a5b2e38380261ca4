#include "net/reactors.hpp"

#include <algorithm>

namespace postern::net {

Reactors::Reactors(std::size_t count)
{
    if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < count; ++i) {
        contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
        guards_.push_back(boost::asio::make_work_guard(*contexts_.back()));
    }
}

Reactors::~Reactors()
{
    stop();
}

void Reactors::start()
{
    if (!threads_.empty()) return;
    for (auto& context : contexts_) threads_.emplace_back([&io = *context] { io.run(); });
}

void Reactors::stop()
{
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace postern::net
