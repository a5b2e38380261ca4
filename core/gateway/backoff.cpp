#include "gateway/backoff.hpp"

#include <random>

namespace postern::gateway {

Duration backoff(const vocabulary::RetrySchedule& retry, unsigned attempts)
{
    thread_local std::minstd_rand generator{std::random_device{}()};
    return backoff(retry, attempts, std::uniform_real_distribution<double>(0, 1)(generator));
}

}  // namespace postern::gateway
