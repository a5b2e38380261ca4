// What one transaction took from the counters of limits.yaml `rates:`.
//
// Taken at RCPT, so that many connections at one time can't pass together what one could not; given back for what did
// not happen. Owned by its transaction, on one thread; the counters are shared.
#pragma once

#include "policy/snapshot.hpp"
#include "ports/rates.hpp"

#include <string>
#include <vector>

namespace postern::gateway {

class RateBook {
public:
    /// Null: nothing is counted (a rehearsal).
    explicit RateBook(ports::Rates* rates) : rates_(rates) {}
    RateBook(const RateBook&) = delete;
    RateBook& operator=(const RateBook&) = delete;
    /// Gives back what was not kept.
    ~RateBook();

    /// Takes all that count for this recipient, or none: then the fault of the one that is over. A rate that counts
    /// messages is taken once, with the first recipient.
    [[nodiscard]] Result<void> take(const std::vector<policy::RateOrder>& orders, const std::string& recipient_key);
    /// The recipient did not come to be: what counts recipients is given back.
    void give_back(const std::string& recipient_key);
    /// The message was taken.
    void keep() noexcept { taken_.clear(); }

private:
    struct Taken {
        std::string name;
        std::string key;
        std::string recipient;  ///< empty: counts the message
    };
    void give_back_from(std::size_t first);

    ports::Rates* rates_;
    std::vector<Taken> taken_;
};

}  // namespace postern::gateway
