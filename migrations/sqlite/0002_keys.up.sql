-- What of a table changed, for tables tracked by rows: the values of some of its columns in every row written, before
-- and after. A row here is a row written there. `keys` is NULL when they cannot be told; then any row may have changed.
-- The newest row always stays, so ids only grow, and they grow in the order of the commits: SQLite has one writer.
CREATE TABLE weir_key (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  keys TEXT
);

-- The columns told, one a line; empty for a table tracked as a whole. And whether somebody chose them.
ALTER TABLE weir_journal ADD COLUMN keys TEXT NOT NULL DEFAULT '';
ALTER TABLE weir_journal ADD COLUMN chosen INTEGER NOT NULL DEFAULT 0;

UPDATE weir_meta SET value = '2' WHERE key = 'version';
