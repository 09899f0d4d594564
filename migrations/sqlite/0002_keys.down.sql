ALTER TABLE weir_journal DROP COLUMN chosen;
ALTER TABLE weir_journal DROP COLUMN keys;
DROP TABLE weir_key;
UPDATE weir_meta SET value = '1' WHERE key = 'version';
