// The tables of directory.db. See schema.cpp for what each column keeps.
#pragma once

#include "store/migrations.hpp"

#include <span>

namespace postern::directory {

/// All steps to the schema of this program, in order.
[[nodiscard]] std::span<const store::Migration> migrations() noexcept;

}  // namespace postern::directory
