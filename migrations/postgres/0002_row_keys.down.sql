-- weir 0002, taken out again: what version 1 was. Tables with key columns get version 1's trigger; one that the calling
-- role does not own is left untracked. The functions here are those of 0001.

SELECT pg_catalog.pg_advisory_xact_lock(2003134834, 1);

CREATE TABLE weir.was AS
SELECT t.tgrelid AS relation, substring(t.tgargs FROM 1 FOR 5) = '\x77616b6500' AS wake, t.tgenabled AS enabled
FROM pg_catalog.pg_trigger t
WHERE t.tgname = 'weir_write' AND t.tgfoid = 'weir.on_write()'::regprocedure AND (t.tgtype <> 60 OR t.tgnargs > 0);

DO $$
DECLARE
  writer regprocedure;
BEGIN
  FOR writer IN SELECT p.oid FROM pg_catalog.pg_proc p
                WHERE p.pronamespace = 'weir'::regnamespace AND p.proname ~ '^write_[0-9]+$' LOOP
    EXECUTE pg_catalog.format('DROP FUNCTION %s CASCADE', writer);  -- with the triggers
  END LOOP;
END
$$;

DROP FUNCTION weir.track(regclass, boolean, text[]);
DROP FUNCTION weir.key_columns(regclass);
DROP FUNCTION weir.tracked_as(regclass, text[]);
DROP FUNCTION weir.make_writer(regclass);
DROP FUNCTION weir.drop_writers();
DROP FUNCTION weir.writer_source(regclass, text[]);
DROP FUNCTION weir.wanted_arguments(regclass, boolean, text[]);
DROP FUNCTION weir.has_family(regclass);
DROP FUNCTION weir.key_candidates(regclass);

CREATE OR REPLACE FUNCTION weir.on_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO weir.journal (kind, relation) VALUES ('r', tg_relid) ON CONFLICT DO NOTHING;
  IF found AND tg_nargs > 0 AND pg_try_advisory_xact_lock(2003134834, 3) THEN
    PERFORM pg_notify('weir_changes', '');
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE VIEW weir.tracked AS
SELECT t.tgrelid AS relation, t.tgnargs > 0 AS wake
FROM pg_catalog.pg_trigger t
WHERE t.tgfoid = 'weir.on_write()'::regprocedure
  AND t.tgtype = 60  -- AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE, FOR EACH STATEMENT
  AND t.tgenabled = 'A' AND t.tgattr = ''::int2vector AND t.tgqual IS NULL
  AND (NOT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = t.tgrelid)
       OR EXISTS (SELECT FROM pg_catalog.pg_trigger r
                  WHERE r.tgrelid = t.tgrelid AND r.tgfoid = t.tgfoid
                    AND r.tgtype = 29  -- AFTER INSERT OR DELETE OR UPDATE, FOR EACH ROW
                    AND r.tgenabled = 'A' AND r.tgattr = ''::int2vector AND r.tgqual IS NULL));

DROP VIEW weir.live_trigger;
DROP FUNCTION weir.trigger_arguments(bytea);

CREATE FUNCTION weir.track(relation regclass, wake boolean DEFAULT NULL)
RETURNS TABLE (member regclass, outcome text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  class pg_class;
  wanted boolean;
  waking boolean;
  name name;
BEGIN
  FOR member IN SELECT weir.family(relation) LOOP
    SELECT c.* INTO class FROM pg_class c WHERE c.oid = member;
    outcome := CASE
      WHEN class.oid IS NULL THEN 'skipped: no such relation'
      WHEN class.oid < 16384 THEN 'skipped: system relation'
      WHEN class.relnamespace = 'weir'::regnamespace THEN 'skipped: weir''s own'
      WHEN class.relpersistence = 't' THEN 'skipped: temporary table'
      WHEN class.relkind = 'f' THEN 'skipped: foreign table, its remote writes cannot be seen'
      WHEN class.relkind = 'v' THEN 'skipped: view, its tables are what counts'
      WHEN class.relkind = 'm' THEN 'skipped: materialized view, its refresh is seen as DDL'
      WHEN class.relkind NOT IN ('r', 'p') THEN 'skipped: not a table'
    END;
    IF outcome IS NULL THEN
      SELECT t.tgnargs > 0 INTO waking FROM pg_trigger t WHERE t.tgrelid = member AND t.tgname = 'weir_write';
      wanted := coalesce(wake, waking, false);
      outcome := 'already tracked';
      IF NOT EXISTS (SELECT FROM weir.tracked t WHERE t.relation = member AND t.wake = wanted) THEN
        outcome := CASE WHEN waking IS NULL THEN 'tracked' ELSE 'repaired' END;
        EXECUTE format('CREATE OR REPLACE TRIGGER weir_write AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION weir.on_write(%s)',
                       member, CASE WHEN wanted THEN quote_literal('wake') END);
        IF EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = member) THEN
          EXECUTE format('CREATE OR REPLACE TRIGGER weir_apply AFTER INSERT OR UPDATE OR DELETE ON %s '
                         'FOR EACH ROW EXECUTE FUNCTION weir.on_write()', member);
        END IF;
      END IF;
    END IF;
    RETURN NEXT;
  END LOOP;
  -- Only now, with a trigger on every member: the event trigger would otherwise finish the family at the first ALTER.
  FOR member, name IN
    SELECT t.tgrelid, t.tgname FROM pg_trigger t
    WHERE t.tgrelid IN (SELECT weir.family(relation)) AND t.tgfoid = 'weir.on_write()'::regprocedure
      AND t.tgenabled <> 'A' LOOP
    EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER %I', member, name);
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION weir.untrack(relation regclass) RETURNS TABLE (member regclass, outcome text)
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name name;
BEGIN
  FOR member IN SELECT weir.family(relation) LOOP
    outcome := 'not tracked';
    FOR name IN SELECT t.tgname FROM pg_trigger t
                WHERE t.tgrelid = member AND t.tgfoid = 'weir.on_write()'::regprocedure AND t.tgparentid = 0 LOOP
      EXECUTE format('DROP TRIGGER %I ON %s', name, member);
      outcome := 'untracked';
    END LOOP;
    RETURN NEXT;
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION weir.on_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed oid;
BEGIN
  IF tg_event = 'sql_drop' THEN
    -- What goes down with a temporary table or view is not always marked temporary itself.
    IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d
                   WHERE NOT d.is_temporary
                     AND NOT (NOT d.original AND d.object_identity ~ ' (on|for) pg_temp\.'
                              AND d.object_type IN ('rule', 'trigger', 'policy', 'default value',
                                                    'table constraint'))) THEN
      RETURN;
    END IF;
  ELSIF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()) THEN
    IF NOT EXISTS (SELECT FROM pg_event_trigger_ddl_commands() c WHERE c.schema_name IS DISTINCT FROM 'pg_temp') THEN
      RETURN;
    END IF;
  ELSIF starts_with(tg_tag, 'DROP ') AND tg_tag <> 'DROP OWNED' THEN
    RETURN;  -- sql_drop has told
  END IF;
  INSERT INTO weir.journal (kind) VALUES ('a') ON CONFLICT DO NOTHING;

  IF tg_event = 'ddl_command_end' THEN
    FOR changed IN
      SELECT i.inhrelid
      FROM pg_event_trigger_ddl_commands() c JOIN pg_inherits i ON c.objid IN (i.inhrelid, i.inhparent)
      WHERE c.classid = 'pg_class'::regclass
        AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhrelid AND t.tgname = 'weir_write')
            <> EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhparent AND t.tgname = 'weir_write')
      UNION
      SELECT s.srrelid FROM pg_subscription_rel s JOIN pg_trigger t ON t.tgrelid = s.srrelid
      WHERE tg_tag LIKE '% SUBSCRIPTION' AND t.tgfoid = 'weir.on_write()'::regprocedure AND t.tgtype = 60
        AND NOT EXISTS (SELECT FROM weir.tracked d WHERE d.relation = s.srrelid)
    LOOP
      BEGIN
        PERFORM weir.track(changed);
      EXCEPTION WHEN OTHERS THEN  -- untracked means uncached: never a reason to refuse the application's DDL
        RAISE WARNING 'weir could not track %: %', changed::regclass, sqlerrm
          USING HINT = format('SELECT weir.track(%L);', changed::regclass);
      END;
    END LOOP;
  END IF;
END
$$;

UPDATE weir.meta SET version = 1;

DO $$
DECLARE
  was record;
BEGIN
  FOR was IN SELECT w.relation, w.wake FROM weir.was w WHERE w.enabled = 'A' LOOP
    BEGIN
      EXECUTE pg_catalog.format('DROP TRIGGER weir_write ON %s', was.relation::regclass);
      PERFORM weir.track(was.relation, was.wake);
    EXCEPTION WHEN insufficient_privilege OR lock_not_available THEN
      RAISE WARNING 'weir could not track % as a whole: %', was.relation::regclass, sqlerrm
        USING HINT = pg_catalog.format('SELECT weir.track(%L);', was.relation::regclass);
    END;
  END LOOP;
END
$$;

DROP TABLE weir.was;
