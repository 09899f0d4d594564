-- What other processes need to know which tables a commit touched. Everything here is optional: without it weir
-- notices every commit by others all the same, and voids the whole database's entries.

CREATE TABLE weir_meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO weir_meta (key, value) VALUES ('version', '1');

-- One row a tracked table. The generation moves whenever the table's mark in weir_dirty is taken away.
CREATE TABLE weir_journal (
  name TEXT PRIMARY KEY NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;

-- The tables written since their marks were last taken away. The row triggers insert a row here unless there is one,
-- and do nothing else, so a bulk write leaves one row, whatever its size.
CREATE TABLE weir_dirty (
  name TEXT PRIMARY KEY NOT NULL
) WITHOUT ROWID;

-- What applications invalidated by hand. The newest row always stays, so ids only grow.
CREATE TABLE weir_invalidation (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('table', 'tag', 'pattern')),
  target TEXT NOT NULL
);
