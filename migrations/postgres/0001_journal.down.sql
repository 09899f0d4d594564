-- weir 0001, taken out again: triggers on tracked tables, event triggers, functions, journal, schema. Whatever else
-- somebody put into schema weir makes the last statement fail, and with it everything, rather than be dropped.

SELECT pg_catalog.pg_advisory_xact_lock(2003134834, 1);

DROP EVENT TRIGGER IF EXISTS weir_ddl;
DROP EVENT TRIGGER IF EXISTS weir_drop;
DROP VIEW weir.tracked;
DROP FUNCTION weir.on_ddl();
DROP FUNCTION weir.on_write() CASCADE;  -- with the triggers on every tracked table
DROP FUNCTION weir.track(regclass, boolean);
DROP FUNCTION weir.untrack(regclass);
DROP FUNCTION weir.family(regclass);
DROP FUNCTION weir.pull(xid8, xid8[], integer);
DROP FUNCTION weir.history(integer, integer, integer);
DROP FUNCTION weir.changes(xid8, xid8[], integer);
DROP FUNCTION weir.ddl_state();
DROP FUNCTION weir.role_state();
DROP FUNCTION weir.catalog_fingerprint();
DROP FUNCTION weir.invalidate_table(regclass);
DROP FUNCTION weir.invalidate_tag(text);
DROP FUNCTION weir.invalidate_tags_matching(text);
DROP FUNCTION weir.invalidate_everything();
DROP FUNCTION weir.prune(interval);
DROP FUNCTION weir.handshake();
DROP FUNCTION weir.current_incarnation();
DROP TABLE weir.incarnation;
DROP TABLE weir.journal;
DROP TABLE weir.meta;
DROP SCHEMA weir;
