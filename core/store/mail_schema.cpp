#include "store/mail_schema.hpp"

#include <array>

namespace postern::store {

namespace {

// Rows refer to each other by number: small integers, given by MailStore in order, so that rows of one message lie
// together and every insertion but those into the three hash indices goes to the end of its tree.
constexpr const char* first_schema = R"sql(
-- One accepted message: the ledger's head. Outlives delivery.
CREATE TABLE message(
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  received INTEGER NOT NULL,
  origin INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  organisation TEXT NOT NULL,
  sender TEXT NOT NULL,
  sender_hash INTEGER,              -- of the lower-case address; NULL: null sender
  header_message_id TEXT NOT NULL,
  header_hash INTEGER,              -- of header_message_id, which may have 998 bytes; NULL: none
  peer TEXT NOT NULL,
  helo TEXT NOT NULL,
  tls TEXT NOT NULL,
  size INTEGER NOT NULL,
  body INTEGER NOT NULL,
  smtputf8 INTEGER NOT NULL,
  require_tls INTEGER NOT NULL,
  ret INTEGER NOT NULL,
  envelope_id TEXT NOT NULL,
  rules TEXT NOT NULL,
  first_recipient INTEGER NOT NULL, -- recipients first..last are this message's
  last_recipient INTEGER NOT NULL,
  first_delivery INTEGER NOT NULL,  -- deliveries first..last are, or were, this message's
  last_delivery INTEGER NOT NULL
);
CREATE INDEX message_sender ON message(sender_hash) WHERE sender_hash IS NOT NULL;
CREATE INDEX message_header ON message(header_hash) WHERE header_hash IS NOT NULL;

-- One recipient and what became of it. Outlives delivery.
CREATE TABLE recipient(
  number INTEGER PRIMARY KEY,
  message INTEGER NOT NULL,
  address TEXT NOT NULL,
  address_hash INTEGER NOT NULL,    -- of the lower-case address
  hop_address TEXT NOT NULL,
  organisation TEXT NOT NULL,
  notify INTEGER NOT NULL,          -- bits: specified 1, never 2, success 4, failure 8, delay 16
  original_recipient TEXT NOT NULL,
  state INTEGER NOT NULL,
  delay_reported INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  last_reply TEXT NOT NULL
);
CREATE INDEX recipient_address ON recipient(address_hash);

-- The queue: recipients first..last go together. Gone when none of them is open.
CREATE TABLE delivery(
  number INTEGER PRIMARY KEY,
  message INTEGER NOT NULL,
  first_recipient INTEGER NOT NULL,
  last_recipient INTEGER NOT NULL,
  first_sibling INTEGER NOT NULL,   -- deliveries first..last are the message's
  last_sibling INTEGER NOT NULL,
  in_file INTEGER NOT NULL,         -- whether the content is a file
  status INTEGER NOT NULL,          -- DeliveryStatus
  wake INTEGER,                     -- waiting: due; claimed: end of the lease; held: NULL
  due INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  pending INTEGER NOT NULL,         -- Pending
  owner TEXT NOT NULL,              -- of the claim
  organisation TEXT NOT NULL,
  hold_reason TEXT NOT NULL,
  bounce_reason TEXT NOT NULL,
  edits BLOB NOT NULL
);
CREATE INDEX delivery_wake ON delivery(wake) WHERE wake IS NOT NULL;

-- What is to be sent; NULL: it is a file. Gone with the message's last delivery.
CREATE TABLE content(message INTEGER PRIMARY KEY, bytes BLOB);

-- What happened to a message, in order. That it was received is not repeated here: the message row says it.
CREATE TABLE event(
  message INTEGER NOT NULL,
  at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  recipient INTEGER NOT NULL,       -- 0: the whole message
  state INTEGER NOT NULL,           -- -1: none
  generation INTEGER NOT NULL,
  next_hop TEXT NOT NULL,
  tls TEXT NOT NULL,
  reply TEXT NOT NULL,
  actor TEXT NOT NULL,
  PRIMARY KEY(message, at, sequence)
) WITHOUT ROWID;

CREATE TABLE generation(
  number INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  at INTEGER NOT NULL,
  author TEXT NOT NULL
);

-- Written once a second while writes fail, to know when they work again.
CREATE TABLE probe(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
)sql";

constexpr const char* archive_schema = R"sql(
-- How each generation of policy came, and the object that lists its files.
ALTER TABLE generation ADD COLUMN arrival INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation ADD COLUMN comment TEXT NOT NULL DEFAULT '';
ALTER TABLE generation ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;  -- the generation whose files it has; 0: none
ALTER TABLE generation ADD COLUMN trial INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation ADD COLUMN tree BLOB NOT NULL DEFAULT x'';      -- empty: it came before the archive did

-- Files of policies, and lists of them, once each, by the SHA-256 of their bytes.
CREATE TABLE policy_object(digest BLOB PRIMARY KEY, bytes BLOB NOT NULL);
)sql";

constexpr const char* verdicts = R"sql(
-- What is needed to decide a message again, and what a trace needs to show how it was decided.
ALTER TABLE message ADD COLUMN listener TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN extended INTEGER NOT NULL DEFAULT 1;
ALTER TABLE message ADD COLUMN hops INTEGER NOT NULL DEFAULT 1;
ALTER TABLE message ADD COLUMN evidence TEXT NOT NULL DEFAULT '';  -- JSON; empty: none kept
ALTER TABLE recipient ADD COLUMN decision TEXT NOT NULL DEFAULT ''; -- JSON; empty: no content rule held

-- Verdicts other than to deliver. A delivery that is undecided or quarantined has one recipient.
ALTER TABLE delivery ADD COLUMN stage INTEGER NOT NULL DEFAULT 0;   -- Stage
ALTER TABLE delivery ADD COLUMN rule TEXT NOT NULL DEFAULT '';      -- that ordered hold or quarantine
ALTER TABLE delivery ADD COLUMN ends INTEGER;                       -- of hold or quarantine; then also its wake
CREATE INDEX delivery_quarantined ON delivery(number) WHERE stage = 2;

-- Acts that need two people: who asked first. Gone when the act is done.
CREATE TABLE approval(
  message INTEGER NOT NULL,
  act TEXT NOT NULL,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY(message, act)
) WITHOUT ROWID;
)sql";

constexpr const char* alert_schema = R"sql(
-- An event that a rule of alerts.yaml took, and what became of it.
CREATE TABLE alert(
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  rule TEXT NOT NULL,
  event TEXT NOT NULL,
  object TEXT NOT NULL,
  grouping TEXT NOT NULL,
  at INTEGER NOT NULL,
  text TEXT NOT NULL,
  fields TEXT NOT NULL,             -- JSON: list of [name, value]
  suppressed INTEGER NOT NULL,      -- events of the group left out before it
  left_out INTEGER NOT NULL,        -- and after it
  standing INTEGER NOT NULL,        -- whether it is about a condition, which can be cleared
  cleared INTEGER,
  acknowledged INTEGER,
  acknowledged_by TEXT NOT NULL,
  comment TEXT NOT NULL,
  escalates INTEGER,
  escalated INTEGER,
  generation INTEGER NOT NULL
);
CREATE INDEX alert_at ON alert(at);

-- One alert on one way to one target.
CREATE TABLE alert_send(
  number INTEGER PRIMARY KEY,
  alert INTEGER NOT NULL,
  channel INTEGER NOT NULL,         -- vocabulary::AlertChannel
  target TEXT NOT NULL,
  secure INTEGER NOT NULL,
  escalation INTEGER NOT NULL,
  state INTEGER NOT NULL,           -- SendState
  attempts INTEGER NOT NULL,
  due INTEGER NOT NULL,
  note TEXT NOT NULL
);
CREATE INDEX alert_send_alert ON alert_send(alert);
CREATE INDEX alert_send_due ON alert_send(due) WHERE state = 0;

-- Windows in which the service is worked on.
CREATE TABLE maintenance(
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  starts INTEGER NOT NULL,
  ends INTEGER NOT NULL,
  text TEXT NOT NULL,
  at_before TEXT NOT NULL,          -- JSON: list of microseconds
  intake INTEGER NOT NULL,          -- vocabulary::WindowIntake
  by TEXT NOT NULL,
  announced INTEGER NOT NULL,
  cancelled INTEGER,
  cancelled_by TEXT NOT NULL
);

-- Who was told of a window, and at which of its steps.
CREATE TABLE maintenance_told(
  maintenance INTEGER NOT NULL,
  step INTEGER NOT NULL,            -- microseconds before the window
  who TEXT NOT NULL,
  PRIMARY KEY(maintenance, step, who)
) WITHOUT ROWID;
)sql";

constexpr const char* reports_schema = R"sql(
-- What members report of mail that they were handed, and when a sender who asked is told that nothing was heard.
ALTER TABLE recipient ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;  -- set of vocabulary::Heard
ALTER TABLE recipient ADD COLUMN answer_due INTEGER;                -- NULL: nobody waits for an answer
CREATE INDEX recipient_answer ON recipient(answer_due) WHERE answer_due IS NOT NULL;
)sql";

constexpr std::array steps{
    Migration{1, "spool, queue, ledger and generations", first_schema},
    Migration{2, "archive of policy generations", archive_schema},
    Migration{3, "verdicts, quarantine and evidence", verdicts},
    Migration{4, "alerts and maintenance", alert_schema},
    Migration{5, "reports that come back", reports_schema},
};

}  // namespace

std::span<const Migration> mail_schema() noexcept
{
    return steps;
}

}  // namespace postern::store
