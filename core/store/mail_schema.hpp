// The tables of mail.db, as migrations. What each is for stands beside its SQL.
#pragma once

#include "store/migrations.hpp"

#include <span>

namespace postern::store {

[[nodiscard]] std::span<const Migration> mail_schema() noexcept;

/// Where a delivery stands, as kept in delivery.status.
enum class DeliveryStatus { waiting = 0, claimed = 1, held = 2, quarantined = 3 };

/// What is to be known before a delivery may be handed over, as kept in delivery.stage.
enum class Stage { decided = 0, undecided = 1, quarantined = 2 };

/// What an administrator asked for while an attempt was under way, as kept in delivery.pending.
enum class Pending { nothing = 0, hold = 1, remove = 2, retry = 3 };

}  // namespace postern::store
