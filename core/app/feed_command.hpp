// `postern directory feed`.
#pragma once

#include "app/commands.hpp"

namespace postern::app {

/// Adds it to `directory`, whose options are engine_commands'.
void add_feed_command(CLI::App& directory, Context& context);

}  // namespace postern::app
