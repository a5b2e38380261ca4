// A message's history and the queue's entries as an administrator reads them: text for people, JSON for programs.
//
// Pure functions over what the store gave, on any thread. What peers said and senders chose is made printable, so
// that no terminal is steered by it.
#pragma once

#include "store/mail_records.hpp"

#include <boost/json/object.hpp>
#include <string>

namespace postern::ledger {

/// Received, each attempt with the peer's reply, what members report, and in the end what became of each recipient, in
/// words: taken, handed over, and by report of its own member delivered or read; or that nothing was heard.
/// Several lines, the last with its line feed.
[[nodiscard]] std::string trace_text(const store::Trace& trace);
/// {"message": {...}, "recipients": [...], "events": [...]}; empty fields are left out. Of each recipient `answer` is
/// "taken", "handed over", "delivered", "read", or how else it ended, and `heard` what its member reported.
[[nodiscard]] boost::json::object trace_json(const store::Trace& trace);

/// One delivery that waits, in a few lines: what, for whom, since when, why, and what happens next.
[[nodiscard]] std::string queue_text(const store::QueueEntry& entry);
[[nodiscard]] boost::json::object queue_json(const store::QueueEntry& entry);

}  // namespace postern::ledger
