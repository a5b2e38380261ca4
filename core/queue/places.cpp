#include "queue/places.hpp"

#include <utility>

namespace postern::queue {

Place::Place(Place&& other) noexcept : places_(std::exchange(other.places_, nullptr)), bytes_(other.bytes_) {}

Place& Place::operator=(Place&& other) noexcept
{
    std::swap(places_, other.places_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

Place::~Place()
{
    if (places_) places_->give_back(bytes_);
}

std::optional<Place> Places::take(std::uint64_t bytes)
{
    if (taken_.fetch_add(1) >= most_) {
        --taken_;
    } else if (bytes_.fetch_add(bytes) + bytes > most_bytes_) {
        bytes_ -= bytes;
        --taken_;
    } else {
        return Place(*this, bytes);
    }
    wanted_ = true;
    return std::nullopt;
}

std::uint64_t Places::free() const noexcept
{
    const std::uint64_t taken = taken_;
    return taken < most_ && bytes_ < most_bytes_ ? most_ - taken : 0;
}

void Places::give_back(std::uint64_t bytes)
{
    bytes_ -= bytes;
    --taken_;
    if (wanted_.exchange(false)) freed_();
}

}  // namespace postern::queue
