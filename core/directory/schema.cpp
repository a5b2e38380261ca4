#include "directory/schema.hpp"

#include <array>

namespace postern::directory {

namespace {

// entries.backwards is the local part's bytes from last to first: neighbours in its order share their ends, as
// neighbours by key share their beginnings. Suggestions read both; the partial indexes hold only who may be suggested.
constexpr std::array<store::Migration, 5> steps{
    {{1, "entries, remembered answers, record of imports", R"(
CREATE TABLE entries(
  key          TEXT NOT NULL PRIMARY KEY,
  address      TEXT NOT NULL,
  domain       TEXT NOT NULL,
  backwards    BLOB NOT NULL,
  organisation TEXT NOT NULL,
  kind         TEXT NOT NULL CHECK(kind IN ('user', 'function', 'group')),
  status       TEXT NOT NULL CHECK(status IN ('invited', 'active', 'suspended', 'removed')),
  name         TEXT NOT NULL,
  function     TEXT NOT NULL,
  owner        TEXT NOT NULL,
  moved_to     TEXT NOT NULL,
  ex_directory INTEGER NOT NULL,
  details      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX entries_of_organisation ON entries(organisation);
CREATE INDEX suggested_forwards ON entries(organisation, key, address) WHERE status = 'active' AND ex_directory = 0;
CREATE INDEX suggested_backwards ON entries(organisation, backwards, address) WHERE status = 'active' AND ex_directory = 0;
CREATE INDEX suggested_in_domain ON entries(domain, key, address) WHERE status = 'active' AND ex_directory = 0;

CREATE TABLE remembered(
  key    TEXT NOT NULL PRIMARY KEY,
  stands INTEGER NOT NULL,
  until  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX remembered_until ON remembered(until);

CREATE TABLE imports(
  number    INTEGER PRIMARY KEY AUTOINCREMENT,
  at        INTEGER NOT NULL,
  actor     TEXT NOT NULL,
  file      TEXT NOT NULL,
  added     INTEGER NOT NULL,
  changed   INTEGER NOT NULL,
  removed   INTEGER NOT NULL,
  unchanged INTEGER NOT NULL
);
)"},
     {2, "lists, members, logins, roles, cases, the audit; words to search", R"(
CREATE TABLE entries_now(
  key           TEXT NOT NULL PRIMARY KEY,
  address       TEXT NOT NULL,
  domain        TEXT NOT NULL,
  backwards     BLOB NOT NULL,
  organisation  TEXT NOT NULL,
  kind          TEXT NOT NULL CHECK(kind IN ('user', 'function', 'group', 'list')),
  status        TEXT NOT NULL CHECK(status IN ('invited', 'active', 'suspended', 'removed')),
  name          TEXT NOT NULL,
  function      TEXT NOT NULL,
  owner         TEXT NOT NULL,
  moved_to      TEXT NOT NULL,
  ex_directory  INTEGER NOT NULL,
  details       TEXT NOT NULL,
  non_secure    TEXT NOT NULL,
  senders       TEXT NOT NULL CHECK(senders IN ('members', 'organisation', 'community', 'named')),
  named_senders TEXT NOT NULL,
  version       INTEGER NOT NULL,
  changed       INTEGER NOT NULL,
  changed_by    TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO entries_now SELECT key, address, domain, backwards, organisation, kind, status, name, function, owner,
  moved_to, ex_directory, details, '', 'community', '[]', 1, 0, '' FROM entries;
DROP TABLE entries;
ALTER TABLE entries_now RENAME TO entries;
CREATE INDEX entries_of_organisation ON entries(organisation);
CREATE INDEX suggested_forwards ON entries(organisation, key, address) WHERE status = 'active' AND ex_directory = 0;
CREATE INDEX suggested_backwards ON entries(organisation, backwards, address) WHERE status = 'active' AND ex_directory = 0;
CREATE INDEX suggested_in_domain ON entries(domain, key, address) WHERE status = 'active' AND ex_directory = 0;

CREATE TABLE members(
  entry     TEXT NOT NULL,
  member    TEXT NOT NULL,
  address   TEXT NOT NULL,
  can_read  INTEGER NOT NULL,
  can_write INTEGER NOT NULL,
  can_mail  INTEGER NOT NULL,
  PRIMARY KEY(entry, member)
) WITHOUT ROWID;
CREATE INDEX where_member ON members(member);

-- One row for each change by hand: an import that was compared before it must compare again.
CREATE TABLE edits(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  key    TEXT NOT NULL
);

-- Beginnings of names, local parts and functions: what somebody types finds the entry by any of its words.
CREATE TABLE words(
  word TEXT NOT NULL,
  key  TEXT NOT NULL,
  PRIMARY KEY(word, key)
) WITHOUT ROWID;

CREATE TABLE logins(
  key           TEXT NOT NULL PRIMARY KEY,
  user_name     TEXT NOT NULL UNIQUE,
  password      TEXT NOT NULL,
  changed       INTEGER NOT NULL,
  one_time      INTEGER NOT NULL,
  valid_until   INTEGER,
  wrong         INTEGER NOT NULL DEFAULT 0,
  locked_until  INTEGER,
  lock_reason   TEXT NOT NULL DEFAULT '',
  last_login    INTEGER,
  warned        INTEGER NOT NULL DEFAULT 0,
  totp          BLOB,
  totp_step     INTEGER NOT NULL DEFAULT 0,
  recovery      TEXT NOT NULL DEFAULT '[]',
  reset_wrong   INTEGER NOT NULL DEFAULT 0,
  reset_locked  INTEGER NOT NULL DEFAULT 0,
  reset_asks    TEXT NOT NULL DEFAULT '',
  generation    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE activity(
  key TEXT NOT NULL PRIMARY KEY,
  at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE former_passwords(
  key      TEXT NOT NULL,
  at       INTEGER NOT NULL,
  password TEXT NOT NULL,
  PRIMARY KEY(key, at)
) WITHOUT ROWID;
CREATE TABLE facts(
  key      TEXT NOT NULL,
  question TEXT NOT NULL,
  answer   TEXT NOT NULL,
  PRIMARY KEY(key, question)
) WITHOUT ROWID;

CREATE TABLE grants(
  key          TEXT NOT NULL,
  role         TEXT NOT NULL,
  organisation TEXT NOT NULL,
  at           INTEGER NOT NULL,
  by           TEXT NOT NULL,
  PRIMARY KEY(key, role, organisation)
) WITHOUT ROWID;

CREATE TABLE cases(
  number       INTEGER PRIMARY KEY AUTOINCREMENT,
  at           INTEGER NOT NULL,
  kind         TEXT NOT NULL,
  about        TEXT NOT NULL,
  organisation TEXT NOT NULL,
  opened_by    TEXT NOT NULL,
  text         TEXT NOT NULL,
  state        TEXT NOT NULL,
  first_by     TEXT NOT NULL DEFAULT '',
  closed       INTEGER,
  closed_by    TEXT NOT NULL DEFAULT '',
  outcome      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX cases_open ON cases(state, number);

CREATE TABLE tasks(
  organisation TEXT NOT NULL,
  task         TEXT NOT NULL,
  done         INTEGER NOT NULL,
  by           TEXT NOT NULL,
  PRIMARY KEY(organisation, task)
) WITHOUT ROWID;

-- A chain: each row's hash covers the one before. Rows are only ever added; what retention takes away is all up to one
-- row, whose number and hash are kept in audit_start, so that the rest can still be verified.
CREATE TABLE audit(
  number       INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL,
  actor        TEXT NOT NULL,
  act          TEXT NOT NULL,
  target       TEXT NOT NULL,
  organisation TEXT NOT NULL,
  outcome      TEXT NOT NULL,
  detail       TEXT NOT NULL,
  hash         BLOB NOT NULL
);
CREATE INDEX audit_of_target ON audit(target, number);
CREATE INDEX audit_of_actor ON audit(actor, number);
CREATE TABLE audit_start(
  number INTEGER NOT NULL,
  hash   BLOB NOT NULL
);
INSERT INTO audit_start VALUES(0, zeroblob(32));
CREATE TRIGGER audit_stands BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN OLD.number > (SELECT number FROM audit_start)
  BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
)"},
     {3, "non-secure addresses that rest; sessions, mailed codes, access to mailboxes; reminders; look-alikes", R"(
ALTER TABLE entries ADD COLUMN non_secure_before TEXT NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN non_secure_since INTEGER NOT NULL DEFAULT 0;
-- The local part as it looks (directory/look_alike); empty: not computed yet.
ALTER TABLE entries ADD COLUMN looks TEXT NOT NULL DEFAULT '';
CREATE INDEX words_of_entry ON words(key, word);
CREATE INDEX entries_by_looks ON entries(organisation, looks);

ALTER TABLE logins ADD COLUMN mailed_factor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logins ADD COLUMN warned_idle INTEGER NOT NULL DEFAULT 0;

-- Of a token only its digest is kept. A session whose login has another generation has ended.
CREATE TABLE sessions(
  token      BLOB NOT NULL PRIMARY KEY,
  key        TEXT NOT NULL,
  generation INTEGER NOT NULL,
  begun      INTEGER NOT NULL,
  used       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_of_login ON sessions(key);
CREATE INDEX sessions_by_age ON sessions(begun);

-- The newest code that was mailed to somebody, as a hash; an older one is void.
CREATE TABLE mailed_codes(
  key     TEXT NOT NULL PRIMARY KEY,
  code    TEXT NOT NULL,
  until   INTEGER NOT NULL,
  wrong   INTEGER NOT NULL DEFAULT 0,
  sets_up INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE mailed_codes_sent(
  key TEXT NOT NULL,
  at  INTEGER NOT NULL
);
CREATE INDEX mailed_codes_sent_to ON mailed_codes_sent(key, at);

-- Exceptional access to somebody's mailbox: who has it, until when (nothing: until it is taken away), by which case.
CREATE TABLE accesses(
  number INTEGER PRIMARY KEY,
  key    TEXT NOT NULL,
  who    TEXT NOT NULL,
  reason TEXT NOT NULL,
  begun  INTEGER NOT NULL,
  until  INTEGER,
  ended  INTEGER
);
CREATE INDEX accesses_of ON accesses(key);
ALTER TABLE cases ADD COLUMN asks TEXT NOT NULL DEFAULT '';

-- What an organisation was reminded of: since when the task is known, and the step that was told last.
CREATE TABLE reminders(
  organisation TEXT NOT NULL,
  task         TEXT NOT NULL,
  since        INTEGER NOT NULL,
  due          INTEGER NOT NULL,
  told         INTEGER,
  step         INTEGER,
  PRIMARY KEY(organisation, task)
) WITHOUT ROWID;
-- When something that is done now and then was done last.
CREATE TABLE done_last(
  what TEXT NOT NULL PRIMARY KEY,
  at   INTEGER NOT NULL
) WITHOUT ROWID;
)"},
    {4, "non-secure addresses are confirmed; resets asked for by names that nobody has", R"(
-- Those that stood before were in use.
ALTER TABLE entries ADD COLUMN non_secure_confirmed INTEGER NOT NULL DEFAULT 1;
-- The newest code that was mailed to a person's new address outside, as a hash.
CREATE TABLE address_codes(
  key     TEXT NOT NULL PRIMARY KEY,
  address TEXT NOT NULL,
  code    TEXT NOT NULL,
  until   INTEGER NOT NULL,
  wrong   INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Wrong answers for who has no login are counted like everybody's, or the counting would tell. Zero: never answered.
CREATE TABLE resets_of_nobody(
  key    TEXT NOT NULL PRIMARY KEY,
  wrong  INTEGER NOT NULL DEFAULT 0,
  locked INTEGER NOT NULL DEFAULT 0,
  at     INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE secrets(
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
)"},
    {5, "who is no active user, to be found among many", R"(
CREATE INDEX entries_of_kind ON entries(kind, key) WHERE kind != 'user';
CREATE INDEX entries_of_status ON entries(status, key) WHERE status != 'active';
)"}}};

}  // namespace

std::span<const store::Migration> migrations() noexcept
{
    return steps;
}

}  // namespace postern::directory
