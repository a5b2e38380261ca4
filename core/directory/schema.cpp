#include "directory/schema.hpp"

#include <array>

namespace postern::directory {

namespace {

// entries.backwards is the local part's bytes from last to first: neighbours in its order share their ends, as
// neighbours by key share their beginnings. Suggestions read both; the partial indexes hold only who may be suggested.
constexpr std::array<store::Migration, 1> steps{{{1, "entries, remembered answers, record of imports", R"(
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
)"}}};

}  // namespace

std::span<const store::Migration> migrations() noexcept
{
    return steps;
}

}  // namespace postern::directory
