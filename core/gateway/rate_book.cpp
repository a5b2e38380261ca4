#include "gateway/rate_book.hpp"

#include <algorithm>

namespace postern::gateway {

RateBook::~RateBook()
{
    give_back_from(0);
}

Result<void> RateBook::take(const std::vector<policy::RateOrder>& orders, const std::string& recipient_key)
{
    if (rates_ == nullptr) return {};
    const std::size_t before = taken_.size();
    for (const auto& order : orders) {
        const bool counted = order.per_message && std::ranges::any_of(taken_, [&](const Taken& taken) {
                                 return taken.recipient.empty() && taken.name == order.name && taken.key == order.key;
                             });
        if (counted) continue;
        if (!rates_->take(order.name, order.key, order.rate)) {
            give_back_from(before);
            return std::unexpected(order.over);
        }
        taken_.push_back({order.name, order.key, order.per_message ? std::string{} : recipient_key});
    }
    return {};
}

void RateBook::give_back(const std::string& recipient_key)
{
    if (recipient_key.empty()) return;
    const auto theirs =
        std::ranges::stable_partition(taken_, [&](const Taken& taken) { return taken.recipient != recipient_key; });
    give_back_from(static_cast<std::size_t>(theirs.begin() - taken_.begin()));
}

void RateBook::give_back_from(std::size_t first)
{
    for (std::size_t i = first; i < taken_.size(); ++i) rates_->give_back(taken_[i].name, taken_[i].key);
    taken_.resize(std::min(first, taken_.size()));
}

}  // namespace postern::gateway
