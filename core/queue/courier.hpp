// What the queue asks of whoever carries mail: where a delivery wants to go, and to take it there.
//
// Implemented by gateway/deliver_path, substituted in tests.
#pragma once

#include "store/mail_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

namespace postern::queue {

class Lane;
using LanePtr = std::shared_ptr<Lane>;
class Places;

/// One of the bounded places in memory; given back by destruction. Movable.
class Place {
public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place();

private:
    friend class Places;
    Place(Places& places, std::uint64_t bytes) : places_(&places), bytes_(bytes) {}
    Places* places_ = nullptr;
    std::uint64_t bytes_ = 0;
};

/// A delivery whose time has come, claimed by this process.
struct Ready {
    std::shared_ptr<const store::MessageRecord> message;
    store::DeliveryRecord delivery;
    store::Content content;  ///< null: in the store, to be read when it is sent
    Place place;
};

/// The queue of one next hop: its name, and how many connections may serve it at one time.
struct Destination {
    std::string name;  ///< empty: no connection is needed to settle this delivery (give up, hold, nowhere to go)
    unsigned concurrency = 1;
};

class Courier {
public:
    virtual ~Courier() = default;
    /// Where this delivery goes under the policy in force. Quick; any thread.
    [[nodiscard]] virtual Destination destination(const Ready& ready) = 0;
    /// Serves a lane by Schedule::next() until that gives nothing.
    [[nodiscard]] virtual boost::asio::awaitable<void> serve(LanePtr lane) = 0;
    /// Settles a delivery that needs no connection.
    [[nodiscard]] virtual boost::asio::awaitable<void> settle(Ready ready) = 0;
};

}  // namespace postern::queue
