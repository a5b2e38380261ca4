// A worker: one process that looks into one message at a time, and holds nothing of it between two but digests of clean
// parts.
//
// Forked from a tree with the signatures in memory; does not return. What goes wrong with a message is its answer's
// failure; what goes wrong with the worker ends it, and its tree tells.
#pragma once

#include "scan/clean_parts.hpp"
#include "scan/look_inside.hpp"
#include "scan/passing.hpp"
#include "scan/protocol.hpp"
#include "scan/virus_engine.hpp"

namespace postern::scan {

/// Looks into one message; what a worker does between two datagrams. `engine` null: there is none to find viruses.
/// `clean` is of this engine. What is not done by `until` is unscannable: "time".
[[nodiscard]] Answer inspect(const Order& order, std::string_view message, const TypeDetector& types,
                             const VirusEngine* engine, CleanParts& clean, VirusEngine::Moment until);

[[noreturn]] void run_worker(Descriptor socket, const Settings& settings, unsigned slot, const TypeDetector& types,
                             VirusEngine* engine);

}  // namespace postern::scan
