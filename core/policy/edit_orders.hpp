// Orders of one rule that change how a copy looks, as tags in the order in which they were given.
//
// Within a tag the subject comes first, then removing, replacing and adding: an order that would come too early begins
// a new one. A value, for one decision.
#pragma once

#include "policy/snapshot.hpp"

#include <string>
#include <vector>

namespace postern::policy {

class EditOrders {
public:
    /// `rule`: "content.yaml:9 marking".
    explicit EditOrders(std::string rule) : rule_(std::move(rule)) {}

    /// Of kind edit; others are no edits and are passed over.
    void add(const vocabulary::Order& order);
    void move_to(std::vector<TagOrder>& orders);

private:
    std::string rule_;
    std::vector<TagOrder> made_;
    int last_ = 0;
};

}  // namespace postern::policy
