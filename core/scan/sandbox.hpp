// What the scanner's processes give up: first the keeper for all, then each tree, then each worker more.
//
// Called in processes with one thread. What the kernel or this machine does not permit comes back as a sentence, which
// the gateway's status shows; only what would leave a worker unbounded throws std::runtime_error.
#pragma once

#include "scan/protocol.hpp"

#include <string>
#include <vector>

namespace postern::scan {

using Warnings = std::vector<std::string>;

/// The keeper: namespaces without a network and with mounts of its own, one size-bounded memory file system for each
/// slot below settings.folder, then the user, no new privileges, no capabilities.
[[nodiscard]] Warnings confine_keeper(const Settings& settings, unsigned slots);
/// Where slot N keeps its files.
[[nodiscard]] std::string slot_folder(const Settings& settings, unsigned slot);
/// Removes everything below a slot's folder; the folder stays.
void empty_slot(const std::string& folder) noexcept;

/// A tree: reads signatures, the system's libraries and databases; writes below settings.folder. Landlock.
[[nodiscard]] Warnings confine_tree(const Settings& settings);

/// A worker: its slot's folder and nothing else, limits on memory, file size and descriptors, and a list of system
/// calls without any that opens a socket or starts a program.
void confine_worker(const Settings& settings, unsigned slot);
/// Gives this process that much more CPU time; past it the kernel ends it.
void allow_processor_time(Duration more) noexcept;

}  // namespace postern::scan
