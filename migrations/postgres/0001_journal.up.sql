-- weir 0001: the journal.
--
-- Everything runs in one transaction (`weir migrate up`, or `psql -1 -v ON_ERROR_STOP=1 -f`). Installing needs
-- CREATE on the database; superuser rights are needed only for the event triggers, without which DDL is noticed by
-- comparing a catalog fingerprint.
--
-- Who may do what afterwards: USAGE on the schema is the one gate, given to PUBLIC here. Behind it are reading the
-- journal (relation oids and tags, no row data) and calling the invalidation functions. To keep it to one role:
--   REVOKE USAGE ON SCHEMA weir FROM PUBLIC; GRANT USAGE ON SCHEMA weir TO app;
-- Roles that only write to tracked tables need no right here at all.
--
-- Advisory lock keys are (2003134834, n), 'weir' in ASCII: 1 migration, 2 listener election, 3 trigger wake-up, 4 prune.

SELECT pg_catalog.pg_advisory_xact_lock(2003134834, 1);

DO $$
BEGIN
  IF pg_catalog.current_setting('server_version_num')::int < 140000 THEN
    RAISE EXCEPTION 'weir needs PostgreSQL 14 or newer, this server is %', pg_catalog.current_setting('server_version')
      USING ERRCODE = 'feature_not_supported';
  END IF;
  IF pg_catalog.to_regnamespace('weir') IS NOT NULL THEN
    RAISE EXCEPTION 'schema "weir" already exists'
      USING ERRCODE = 'duplicate_schema', HINT = 'See "weir migrate status".';
  END IF;
END
$$;

CREATE SCHEMA weir;
COMMENT ON SCHEMA weir IS 'weir query cache: journal of committed changes';
GRANT USAGE ON SCHEMA weir TO PUBLIC;

-- What committed transactions touched. kind: r = relation, t = tag, p = glob over tags, a = everything (DDL).
-- The key starts with xid, so that the pull is two index probes; one row per transaction and thing. No CHECK on kind:
-- only the functions below write here, and it would double what a trigger's repeat within a transaction costs.
CREATE TABLE weir.journal (
  xid      xid8   NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  kind     "char" NOT NULL,
  relation oid    NOT NULL DEFAULT 0,
  target   text   NOT NULL DEFAULT '' COLLATE "C",
  PRIMARY KEY (xid, kind, relation, target)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- One row: what the schema is, which life of which server the journal belongs to, and what was pruned from it.
CREATE TABLE weir.meta (
  one               boolean     PRIMARY KEY DEFAULT true CHECK (one),
  version           integer     NOT NULL,
  installed_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
  ddl_tracking      text        NOT NULL CHECK (ddl_tracking IN ('event triggers', 'fingerprint')),
  system_identifier bigint,
  database          oid,
  incarnation       text,
  pruned            pg_snapshot NOT NULL DEFAULT '1:1:',
  candidate         pg_snapshot,
  candidate_at      timestamptz
);

-- Empty after crash recovery, promotion and restore, because it is unlogged; a restored dump is recognised by the
-- row's own xmin. Transaction ids of before must then not be compared with ids of after.
CREATE UNLOGGED TABLE weir.incarnation (
  one   boolean PRIMARY KEY DEFAULT true CHECK (one),
  value text    NOT NULL,
  xid   xid8    NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
);

GRANT SELECT ON weir.journal, weir.meta, weir.incarnation TO PUBLIC;

-- This server's incarnation, or NULL when `weir.handshake()` must make a new one.
CREATE FUNCTION weir.current_incarnation() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_is_in_recovery() THEN  -- unlogged tables cannot be read here; ids are the primary's
    RETURN (SELECT m.incarnation FROM weir.meta m
            WHERE m.system_identifier = (SELECT system_identifier FROM pg_control_system()));
  END IF;
  RETURN (SELECT m.incarnation FROM weir.meta m JOIN weir.incarnation i ON i.value = m.incarnation
          WHERE i.xmin = i.xid::xid
            AND m.system_identifier = (SELECT system_identifier FROM pg_control_system())
            AND m.database = (SELECT oid FROM pg_database WHERE datname = current_database()));
END
$$;

-- This server's incarnation; makes a new one, and starts the journal afresh, when there is none.
CREATE FUNCTION weir.handshake() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text := weir.current_incarnation();
  server bigint;
  base oid;
BEGIN
  IF known IS NOT NULL OR pg_is_in_recovery() THEN
    RETURN known;
  END IF;
  PERFORM FROM weir.meta FOR UPDATE;
  known := weir.current_incarnation();
  IF known IS NOT NULL THEN
    RETURN known;
  END IF;
  SELECT system_identifier INTO server FROM pg_control_system();
  SELECT oid INTO base FROM pg_database WHERE datname = current_database();
  known := format('%s-%s-%s-%s', server, base, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
                  gen_random_uuid());
  DELETE FROM weir.incarnation;
  INSERT INTO weir.incarnation (value) VALUES (known);
  DELETE FROM weir.journal;
  UPDATE weir.meta SET system_identifier = server, database = base, incarnation = known,
                       pruned = pg_current_snapshot(), candidate = NULL, candidate_at = NULL;
  RETURN known;
END
$$;

-- The trigger on tracked tables. Per statement on the table itself; per row (no transition tables: they would crash
-- a logical-replication apply worker) only where a subscription writes. An argument asks for a wake-up, paid by one
-- transaction at a time; such a transaction cannot be prepared for two-phase commit.
CREATE FUNCTION weir.on_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO weir.journal (kind, relation) VALUES ('r', tg_relid) ON CONFLICT DO NOTHING;
  IF found AND tg_nargs > 0 AND pg_try_advisory_xact_lock(2003134834, 3) THEN
    PERFORM pg_notify('weir_changes', '');
  END IF;
  RETURN NULL;
END
$$;

-- Relations every write to which leaves a journal row.
CREATE VIEW weir.tracked AS
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
GRANT SELECT ON weir.tracked TO PUBLIC;

-- The relation and everything connected with it by partitioning or inheritance, ancestors and descendants alike.
CREATE FUNCTION weir.family(relation regclass) RETURNS SETOF regclass
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE member (id) AS (
    SELECT $1::oid
    UNION
    SELECT CASE WHEN i.inhrelid = m.id THEN i.inhparent ELSE i.inhrelid END
    FROM member m JOIN pg_inherits i ON m.id IN (i.inhrelid, i.inhparent)
  )
  SELECT id::regclass FROM member ORDER BY id
$$;

-- Puts triggers on the relation and its family, as the calling role (it must own them). `wake`: true asks the trigger
-- for wake-ups, false takes that back, NULL leaves it.
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

-- Takes the triggers off the relation and its family again.
CREATE FUNCTION weir.untrack(relation regclass) RETURNS TABLE (member regclass, outcome text)
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

-- The event trigger: any DDL that concerns more than this session's temporary objects voids everything. New members
-- of a tracked family, and tracked tables a subscription starts to write, get their triggers here; a trigger somebody
-- disabled stays as it is.
CREATE FUNCTION weir.on_ddl() RETURNS event_trigger
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
REVOKE EXECUTE ON FUNCTION weir.on_ddl() FROM PUBLIC;

-- A digest of every catalog row that can change what a query means or reads: row ids and the transactions that wrote
-- them. Rows of the initial catalogs (xmin 1) and temporary relations do not count.
CREATE FUNCTION weir.catalog_fingerprint() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH relation AS MATERIALIZED (
    SELECT c.oid, c.xmin FROM pg_class c WHERE c.relpersistence <> 't' AND c.xmin <> '1' AND c.relkind <> 'i'
  ), part (kind, total, digest) AS (
    SELECT 1, count(*), sum(hashtextextended(xmin::text, oid::bigint)) FROM relation
    UNION ALL
    SELECT 2, count(*), sum(hashtextextended(a.xmin::text, a.attrelid::bigint * 2048 + a.attnum))
      FROM pg_attribute a WHERE a.attrelid IN (SELECT oid FROM relation) AND a.attnum > 0
    UNION ALL
    SELECT 3, count(*), sum(hashtextextended(i.xmin::text, i.inhrelid::bigint * 4294967296 + i.inhparent::bigint))
      FROM pg_inherits i
    UNION ALL
    SELECT 4, count(*), sum(hashtextextended(s.srsubid::text, s.srrelid::bigint)) FROM pg_subscription_rel s
    UNION ALL
    SELECT 5, count(*), sum(hashtextextended(xmin::text, oid::bigint + number * 4294967296))
    FROM (SELECT 1::bigint AS number, oid, xmin FROM pg_proc
          UNION ALL SELECT 2, oid, xmin FROM pg_rewrite
          UNION ALL SELECT 3, oid, xmin FROM pg_policy
          UNION ALL SELECT 4, oid, xmin FROM pg_trigger
          UNION ALL SELECT 5, t.oid, t.xmin FROM pg_type t
            WHERE t.typnamespace NOT IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname ~ '^pg_(toast_)?temp_')
          UNION ALL SELECT 6, oid, xmin FROM pg_enum
          UNION ALL SELECT 7, oid, xmin FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
          UNION ALL SELECT 8, oid, xmin FROM pg_operator
          UNION ALL SELECT 9, oid, xmin FROM pg_cast
          UNION ALL SELECT 10, oid, xmin FROM pg_collation
          UNION ALL SELECT 11, oid, xmin FROM pg_attrdef
          UNION ALL SELECT 12, oid, xmin FROM pg_ts_config
          UNION ALL SELECT 13, oid, xmin FROM pg_ts_dict
          UNION ALL SELECT 14, mapcfg, xmin FROM pg_ts_config_map
          UNION ALL SELECT 15, aggfnoid, xmin FROM pg_aggregate
          UNION ALL SELECT 16, oid, xmin FROM pg_foreign_server
          UNION ALL SELECT 17, ftrelid, xmin FROM pg_foreign_table
          UNION ALL SELECT 18, partrelid, xmin FROM pg_partitioned_table
          UNION ALL SELECT 19, oid, xmin FROM pg_opclass
          UNION ALL SELECT 20, oid, xmin FROM pg_constraint WHERE contypid <> 0
          UNION ALL SELECT 21, oid, xmin FROM pg_event_trigger) o
    WHERE xmin <> '1'
  )
  SELECT md5(string_agg(kind || ' ' || total || ' ' || coalesce(digest, 0), ',' ORDER BY kind)) FROM part
$$;

-- Who reads: the login role and all roles it is a member of, directly or not, with their names and what frees them from
-- row security. These are the roles a session can take on (but for a superuser's, see the analysis); roles are no
-- database's, so that no event trigger tells of ALTER ROLE or of GRANT role. Level by level, because that takes a third
-- of what a recursive query takes; the settings keep every plan a cached one by index.
CREATE FUNCTION weir.role_state() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  known oid[] := ARRAY[session_user::regrole::oid];
  level oid[] := known;
  grants numeric := 0;
  more numeric;
BEGIN
  LOOP
    SELECT array_agg(m.roleid) FILTER (WHERE m.roleid <> ALL (known)),
           sum(hashtextextended(m.xmin::text, m.member::bigint * 4294967296 + m.roleid::bigint))
      INTO level, more FROM pg_auth_members m WHERE m.member = ANY (level);
    EXIT WHEN more IS NULL;
    grants := grants + more;
    EXIT WHEN level IS NULL;
    known := known || level;
  END LOOP;
  RETURN grants || ':' || (
    SELECT sum(hashtextextended(concat_ws(' ', r.rolname, r.rolsuper, r.rolbypassrls, r.rolinherit), r.oid::bigint))
    FROM pg_roles r WHERE r.oid = ANY (known));
END
$$;

-- What to compare from pull to pull to notice what left no journal row: the event triggers' own catalog rows while
-- both are there and always fire, else the fingerprint; and what no event trigger tells, or not in time: settings
-- reloaded, roles altered, and a partition whose concurrent detachment has begun.
CREATE FUNCTION weir.ddl_state() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  state text;
BEGIN
  SELECT 'event triggers ' || string_agg(e.oid || ':' || e.xmin, ' ' ORDER BY e.evtevent) INTO state
  FROM pg_event_trigger e
  WHERE e.evtfoid = 'weir.on_ddl()'::regprocedure AND e.evtenabled = 'A' AND e.evttags IS NULL
    AND e.evtevent IN ('ddl_command_end', 'sql_drop')
  HAVING count(DISTINCT e.evtevent) = 2;
  RETURN coalesce(state, 'fingerprint ' || weir.catalog_fingerprint())
    || ' detaching ' || (SELECT count(*) || ':' || coalesce(sum(i.inhrelid::bigint), 0)
                         FROM pg_inherits i WHERE i.inhdetachpending)
    || ' loaded ' || extract(epoch FROM pg_conf_load_time())
    || ' roles ' || weir.role_state();
END
$$;

-- The journal rows a snapshot did not see, given as its xmax and its in-progress list (below xmax, so the two halves
-- do not meet). The shape and the settings keep the cached generic plan, which knows no selectivity, from reading the
-- whole journal.
CREATE FUNCTION weir.changes(seen_below xid8, unseen xid8[], max_rows integer) RETURNS SETOF weir.journal
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
  RETURN QUERY SELECT j.* FROM weir.journal j WHERE j.xid >= seen_below
               UNION ALL
               SELECT j.* FROM weir.journal j WHERE j.xid = ANY (unseen)
               LIMIT max_rows;
END
$$;

-- The pull: first a row about the server, then at most `max_rows` of `weir.changes`; only the first row when
-- `seen_below` is NULL. STABLE is what makes it one snapshot, the caller's statement's, for everything in it.
CREATE FUNCTION weir.pull(seen_below xid8, unseen xid8[], max_rows integer)
RETURNS TABLE (kind "char", xid xid8, relation oid, target text, snapshot pg_snapshot, pruned pg_snapshot,
               incarnation text, ddl_state text, standby boolean, version integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT pg_current_snapshot(), m.pruned, weir.current_incarnation(), weir.ddl_state(), pg_is_in_recovery(), m.version
    INTO snapshot, pruned, incarnation, ddl_state, standby, version FROM weir.meta m;
  RETURN NEXT;
  IF seen_below IS NOT NULL THEN
    RETURN QUERY SELECT j.kind, j.xid, j.relation, j.target, NULL::pg_snapshot, NULL::pg_snapshot,
                        NULL::text, NULL::text, NULL::boolean, NULL::integer
                 FROM weir.changes(seen_below, unseen, max_rows) j;
  END IF;
END
$$;

-- What the journal retains, for a process that starts and judges what others read before: first a row as `weir.pull`
-- has it, then of every relation and tag its `keep` newest rows, of every pattern all. Only the newest `newest` rows
-- of the journal are looked at, and at most `max_rows` told, newest first; `cut` is then an id up to which rows are
-- missing. A statement of its own before the first pull, which goes on from its snapshot.
CREATE FUNCTION weir.history(newest integer, keep integer, max_rows integer)
RETURNS TABLE (kind "char", xid xid8, relation oid, target text, snapshot pg_snapshot, pruned pg_snapshot,
               incarnation text, ddl_state text, standby boolean, version integer, cut xid8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
  SELECT pg_current_snapshot(), m.pruned, weir.current_incarnation(), weir.ddl_state(), pg_is_in_recovery(), m.version
    INTO snapshot, pruned, incarnation, ddl_state, standby, version FROM weir.meta m;
  SELECT j.xid INTO cut FROM weir.journal j ORDER BY j.xid DESC OFFSET newest LIMIT 1;
  RETURN NEXT;
  RETURN QUERY
    SELECT r.kind, r.xid, r.relation, r.target, NULL::pg_snapshot, NULL::pg_snapshot, NULL::text, NULL::text,
           NULL::boolean, NULL::integer, NULL::xid8
    FROM (SELECT j.*, row_number() OVER (PARTITION BY j.kind, j.relation, j.target ORDER BY j.xid DESC) AS place
          FROM (SELECT * FROM weir.journal n ORDER BY n.xid DESC LIMIT newest) j) r
    WHERE r.place <= keep OR r.kind = 'p'
    ORDER BY r.xid DESC LIMIT max_rows;
END
$$;

-- Invalidation by hand: a journal row like any change, so it reaches every process with the calling transaction.
CREATE FUNCTION weir.invalidate_table(relation regclass) RETURNS void
LANGUAGE sql SECURITY DEFINER STRICT SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO weir.journal (kind, relation) VALUES ('r', $1) ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION weir.invalidate_tag(tag text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF octet_length(tag) NOT BETWEEN 1 AND 1024 THEN
    RAISE EXCEPTION 'weir.invalidate_tag: a tag has 1 to 1024 bytes, this one %', octet_length(tag)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO weir.journal (kind, target) VALUES ('t', tag) ON CONFLICT DO NOTHING;
END
$$;

-- `*` any run, `?` any one character, `\` takes the next literally.
CREATE FUNCTION weir.invalidate_tags_matching(pattern text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF octet_length(pattern) NOT BETWEEN 1 AND 1024 THEN
    RAISE EXCEPTION 'weir.invalidate_tags_matching: a pattern has 1 to 1024 bytes, this one %', octet_length(pattern)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO weir.journal (kind, target) VALUES ('p', pattern) ON CONFLICT DO NOTHING;
END
$$;

-- Voids whatever any process has cached.
CREATE FUNCTION weir.invalidate_everything() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO weir.journal (kind) VALUES ('a') ON CONFLICT DO NOTHING
$$;

-- Deletes rows that were already visible one `retention` ago, in a snapshot this function itself took then, and records
-- that snapshot; returns how many. Age alone would not do: a long transaction's row is old when it commits.
CREATE FUNCTION weir.prune(retention interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  taken pg_snapshot;
  taken_at timestamptz;
  deleted bigint := 0;
BEGIN
  IF retention < interval '1 second' THEN
    RAISE EXCEPTION 'weir.prune: retention must be at least 1 second, not %', retention
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(2003134834, 4) THEN
    RETURN 0;
  END IF;
  SELECT m.candidate, m.candidate_at INTO taken, taken_at FROM weir.meta m;
  IF taken_at <= clock_timestamp() AND clock_timestamp() - taken_at < retention THEN
    RETURN 0;
  END IF;
  IF taken_at <= clock_timestamp() THEN
    DELETE FROM weir.journal j WHERE j.xid < pg_snapshot_xmax(taken) AND pg_visible_in_snapshot(j.xid, taken);
    GET DIAGNOSTICS deleted = ROW_COUNT;
  END IF;
  UPDATE weir.meta SET pruned = CASE WHEN deleted > 0 THEN taken ELSE pruned END,
                       candidate = pg_current_snapshot(), candidate_at = clock_timestamp();
  RETURN deleted;
END
$$;

DO $$
DECLARE
  ddl_tracking text := 'event triggers';
BEGIN
  BEGIN
    CREATE EVENT TRIGGER weir_ddl ON ddl_command_end EXECUTE FUNCTION weir.on_ddl();
    CREATE EVENT TRIGGER weir_drop ON sql_drop EXECUTE FUNCTION weir.on_ddl();
    ALTER EVENT TRIGGER weir_ddl ENABLE ALWAYS;
    ALTER EVENT TRIGGER weir_drop ENABLE ALWAYS;
  EXCEPTION WHEN insufficient_privilege THEN
    ddl_tracking := 'fingerprint';
  END;
  INSERT INTO weir.meta (version, ddl_tracking) VALUES (1, ddl_tracking);
  PERFORM weir.handshake();
END
$$;
