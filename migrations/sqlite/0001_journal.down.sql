-- The triggers on tracked tables are dropped first, by `weir migrate down` itself: their names are data.
DROP TABLE weir_invalidation;
DROP TABLE weir_dirty;
DROP TABLE weir_journal;
DROP TABLE weir_meta;
