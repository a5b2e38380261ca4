#include "policy/edit_orders.hpp"

#include "mail/header.hpp"

#include <iterator>

namespace postern::policy {

namespace {

using vocabulary::ActionId;

/// When it takes place within a tag; 0: it is no edit.
int turn_of(ActionId action)
{
    switch (action) {
        case ActionId::tag_subject:
            return 1;
        case ActionId::remove_header:
            return 2;
        case ActionId::replace_header:
            return 3;
        case ActionId::add_header:
            return 4;
        default:
            return 0;
    }
}

}  // namespace

void EditOrders::add(const vocabulary::Order& order)
{
    const int turn = turn_of(order.action);
    if (turn == 0) return;
    // A tag has one prefix.
    if (made_.empty() || turn < last_ || (turn == 1 && last_ == 1)) made_.emplace_back().rule = rule_;
    last_ = turn;
    auto& tag = made_.back();
    const auto encoded = [&] { return mail::encode_text(order.text, order.name.size() + 2); };
    switch (order.action) {
        case ActionId::tag_subject:
            tag.subject_prefix = order.text;
            break;
        case ActionId::remove_header:
            tag.remove_headers.push_back(order.name);
            break;
        case ActionId::replace_header:
            tag.replace_headers.emplace_back(order.name, encoded());
            break;
        default:
            tag.add_headers.emplace_back(order.name, encoded());
            break;
    }
}

void EditOrders::move_to(std::vector<TagOrder>& orders)
{
    orders.insert(orders.end(), std::make_move_iterator(made_.begin()), std::make_move_iterator(made_.end()));
    made_.clear();
    last_ = 0;
}

}  // namespace postern::policy
