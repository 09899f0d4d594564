-- weir 0002: changes tell rows by the values of key columns.
--
-- Runs in one transaction, as 0001 does. Tables that are tracked already go on being told as a whole until
-- `weir track` (or `SELECT weir.track(…)`) is run for them again; until then nothing of theirs is touched here.
--
-- From then on the journal holds values of key columns, readable for whoever may use schema weir. For a table whose
-- keys are nobody's business: `weir track --no-keys`.

SELECT pg_catalog.pg_advisory_xact_lock(2003134834, 1);

DO $$
BEGIN
  IF (SELECT m.version FROM weir.meta m) IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION 'schema "weir" has version %, this migration is for version 1',
                    coalesce((SELECT m.version FROM weir.meta m)::text, 'none')
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'See "weir migrate status".';
  END IF;
END
$$;

-- Journal kind k: rows of `relation`, told by `target`: for every key column each value a row had or got, as
-- `attnum:value`, U+001F between them. NULL is left out, a text is cut to 64 characters.

-- Weir's triggers on a table have arguments that say what they do: 'wake' first, if they wake listeners; 'chosen', if
-- somebody chose the key columns rather than leave it to weir; and every key column as `attnum=name`. Of a table with
-- key columns all four have the same ones: weir_write for TRUNCATE, and weir_insert, weir_update and weir_delete, which
-- call the table's own function weir.write_<oid>(). Without key columns there is just weir_write, for everything.
CREATE FUNCTION weir.trigger_arguments(stored bytea) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
  -- Byte by byte in hexadecimal, because a text cannot hold the zeros between them.
  SELECT coalesce(array_agg(convert_from(decode(replace(a.hex, ' ', ''), 'hex'), getdatabaseencoding()) ORDER BY a.place), '{}')
  FROM string_to_table(regexp_replace(encode($1, 'hex'), '(..)', '\1 ', 'g'), '00 ') WITH ORDINALITY a (hex, place)
  WHERE a.hex <> ''
$$;

-- The trigger on tracked tables, as before, but for what its arguments mean.
CREATE OR REPLACE FUNCTION weir.on_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO weir.journal (kind, relation) VALUES ('r', tg_relid) ON CONFLICT DO NOTHING;
  IF found AND tg_nargs > 0 AND tg_argv[0] = 'wake' AND pg_try_advisory_xact_lock(2003134834, 3) THEN
    PERFORM pg_notify('weir_changes', '');
  END IF;
  RETURN NULL;
END
$$;

-- Weir's triggers on tables, so far as they always fire; others tell nothing for sure.
CREATE VIEW weir.live_trigger AS
SELECT t.tgrelid AS relation, t.tgname AS name, t.tgtype AS type, p.proname AS function, t.tgargs AS stored
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
WHERE p.pronamespace = 'weir'::regnamespace AND (p.proname = 'on_write' OR p.proname ~ '^write_[0-9]+$')
  AND t.tgenabled = 'A' AND t.tgattr = ''::int2vector AND t.tgqual IS NULL;
GRANT SELECT ON weir.live_trigger TO PUBLIC;

-- Relations every write to which leaves a journal row.
CREATE OR REPLACE VIEW weir.tracked AS
SELECT t.relation, bool_or(substring(t.stored FROM 1 FOR 5) = '\x77616b6500') AS wake  -- 'wake' and its end
FROM weir.live_trigger t
WHERE t.type & 67 = 0  -- AFTER, FOR EACH STATEMENT
GROUP BY t.relation
HAVING bit_or(t.type) = 60  -- INSERT, DELETE, UPDATE and TRUNCATE between them
   AND (NOT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = t.relation)
        OR EXISTS (SELECT FROM weir.live_trigger r
                   WHERE r.relation = t.relation AND r.function = 'on_write'
                     AND r.type = 29));  -- AFTER INSERT OR DELETE OR UPDATE, FOR EACH ROW

-- The columns that can be keys: those of types where values equal in SQL have equal texts. `place` tells those that
-- are keys unless somebody chooses others: 1 of the primary key, 2 of a unique one, 3 of a foreign one.
CREATE FUNCTION weir.key_candidates(relation regclass)
RETURNS TABLE (attnum smallint, name name, is_text boolean, place integer)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.attnum, a.attname, a.attcollation <> 0,
         CASE WHEN EXISTS (SELECT FROM pg_index i
                           WHERE i.indrelid = a.attrelid AND i.indisprimary
                             AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) THEN 1
              WHEN EXISTS (SELECT FROM pg_index i
                           WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
                             AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) THEN 2
              WHEN EXISTS (SELECT FROM pg_constraint c
                           WHERE c.conrelid = a.attrelid AND c.contype = 'f' AND a.attnum = ANY (c.conkey)) THEN 3 END
  FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
    AND (a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype, 'uuid'::regtype)
         OR (a.atttypid IN ('text'::regtype, 'varchar'::regtype) AND l.collisdeterministic))
$$;

-- Whether rows of the relation can be written or read through another one.
CREATE FUNCTION weir.has_family(relation regclass) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = $1)
      OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = $1)
      OR (SELECT c.relkind <> 'r' FROM pg_class c WHERE c.oid = $1)
$$;

-- The arguments the triggers of a relation are to have. `keys` as of weir.track.
CREATE FUNCTION weir.wanted_arguments(relation regclass, wake boolean, keys text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  present text[] := coalesce((SELECT weir.trigger_arguments(t.tgargs) FROM pg_trigger t
                              WHERE t.tgrelid = $1 AND t.tgname = 'weir_write'), '{}');
  old text[] := ARRAY(SELECT p FROM unnest(present) p WHERE p LIKE '%=%');
  alone boolean := NOT weir.has_family($1);
  chosen boolean := $3 IS NOT NULL OR 'chosen' = ANY (present);
  wanted text[];
  refused text;
BEGIN
  IF $3 IS NOT NULL THEN
    SELECT string_agg(DISTINCT coalesce(quote_ident(k), 'NULL'), ', ') INTO refused
    FROM unnest($3) k WHERE NOT EXISTS (SELECT FROM weir.key_candidates($1) c WHERE c.name = k);
    wanted := ARRAY(SELECT concat(c.attnum, '=', c.name) FROM weir.key_candidates($1) c WHERE c.name = ANY ($3));
    refused := CASE
      WHEN refused IS NOT NULL
      THEN format('of %s these cannot be keys: %s; a key is a column of type smallint, integer, bigint, boolean, uuid, or '
                  'text or character varying with a deterministic collation', $1, refused)
      WHEN cardinality(wanted) > 8 THEN format('%s can have at most 8 keys, not %s', $1, cardinality(wanted))
      WHEN wanted <> '{}' AND NOT alone
      THEN format('%s is partitioned, a partition, in a family by inheritance, or no table: it has no keys', $1)
    END;
    IF refused IS NOT NULL THEN
      RAISE EXCEPTION 'weir.track: %', refused USING ERRCODE = 'invalid_column_reference';
    END IF;
  ELSIF NOT alone THEN
    chosen := chosen AND old = '{}';  -- what was chosen for a table of its own is not for a member
  ELSIF chosen THEN  -- by name, which a restored dump keeps, or by number, which a renamed column does
    wanted := ARRAY(SELECT DISTINCT concat(c.attnum, '=', c.name)
                    FROM unnest(old) o
                    JOIN weir.key_candidates($1) c
                      ON c.name = substring(o FROM '=(.*)')
                      OR (c.attnum = substring(o FROM '^[0-9]+')::smallint
                          AND NOT EXISTS (SELECT FROM weir.key_candidates($1) n WHERE n.name = substring(o FROM '=(.*)'))));
    chosen := old = '{}' OR wanted <> '{}';
  END IF;
  IF alone AND NOT chosen THEN
    wanted := ARRAY(SELECT concat(d.attnum, '=', d.name)
                    FROM (SELECT * FROM weir.key_candidates($1) c WHERE c.place IS NOT NULL
                          ORDER BY c.place, c.attnum LIMIT 8) d
                    ORDER BY d.attnum);
  END IF;
  RETURN CASE WHEN coalesce($2, 'wake' = present[1], false) THEN ARRAY['wake'] ELSE '{}' END
      || CASE WHEN chosen THEN ARRAY['chosen'] ELSE '{}' END
      || ARRAY(SELECT w FROM unnest(wanted) w ORDER BY substring(w FROM '^[0-9]+')::smallint);
END
$$;

-- The body of a relation's trigger function: static SQL, because dynamic would be planned for each statement. Whatever
-- goes wrong while the values are collected (a column was renamed, dropped, …), the change is told as the whole
-- relation, and never fails the application's write. That part only reads: its subtransaction gets no id. The bounds:
-- an index row of the journal has 2.7 kB at most, and what says much saves little. One row whose keys stay what they are
-- is by far the most frequent change, and has the shortest way.
CREATE FUNCTION weir.writer_source(relation regclass, arguments text[]) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
  SELECT format($body$
#variable_conflict use_column
DECLARE
  touched bigint;
  told text;
  again text;
BEGIN
  BEGIN
    IF tg_op = 'INSERT' THEN
      SELECT count(*), min(n.told), min(n.told) INTO touched, told, again
      FROM (SELECT concat_ws(E'\x1f', %1$s) FROM new_rows r LIMIT 2) n (told);
    ELSIF tg_op = 'DELETE' THEN
      SELECT count(*), min(o.told), min(o.told) INTO touched, told, again
      FROM (SELECT concat_ws(E'\x1f', %1$s) FROM old_rows r LIMIT 2) o (told);
    ELSE
      SELECT count(*), min(o.told), min(n.told) INTO touched, told, again
      FROM (SELECT concat_ws(E'\x1f', %1$s) FROM old_rows r LIMIT 2) o (told),
           (SELECT concat_ws(E'\x1f', %1$s) FROM new_rows r LIMIT 2) n (told);
    END IF;
    IF touched = 0 THEN
      RETURN NULL;
    ELSIF touched > 1 OR told <> again THEN
      told := NULL;
      IF tg_op = 'INSERT' THEN
        IF (SELECT count(*) FROM (SELECT FROM new_rows LIMIT 1025) r) <= 1024 THEN
          SELECT coalesce(string_agg(d.item, E'\x1f'), '') INTO told
          FROM (SELECT DISTINCT unnest(ARRAY[%1$s]) FROM new_rows r) d (item)
          WHERE d.item IS NOT NULL HAVING count(*) <= 128;
        END IF;
      ELSIF tg_op = 'DELETE' THEN
        IF (SELECT count(*) FROM (SELECT FROM old_rows LIMIT 1025) r) <= 1024 THEN
          SELECT coalesce(string_agg(d.item, E'\x1f'), '') INTO told
          FROM (SELECT DISTINCT unnest(ARRAY[%1$s]) FROM old_rows r) d (item)
          WHERE d.item IS NOT NULL HAVING count(*) <= 128;
        END IF;
      ELSIF (SELECT count(*) FROM (SELECT FROM new_rows LIMIT 1025) r) <= 1024 THEN
        SELECT coalesce(string_agg(d.item, E'\x1f'), '') INTO told
        FROM (SELECT unnest(ARRAY[%1$s]) FROM old_rows r
              UNION
              SELECT unnest(ARRAY[%1$s]) FROM new_rows r) d (item)
        WHERE d.item IS NOT NULL HAVING count(*) <= 128;
      END IF;
    END IF;
    IF octet_length(told) > 2000 THEN
      told := NULL;
    END IF;
  EXCEPTION WHEN OTHERS THEN
    told := NULL;
  END;
  IF told IS NULL THEN
    INSERT INTO weir.journal (kind, relation) VALUES ('r', tg_relid) ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO weir.journal (kind, relation, target) VALUES ('k', tg_relid, told) ON CONFLICT DO NOTHING;
  END IF;
  IF found AND tg_argv[0] = 'wake' AND pg_try_advisory_xact_lock(2003134834, 3) THEN
    PERFORM pg_notify('weir_changes', '');
  END IF;
  RETURN NULL;
END
$body$,
    string_agg(format(CASE WHEN c.is_text THEN $item$%L || translate(left(r.%I::text COLLATE "C", 64), E'\x1f', '?')$item$
                           ELSE '%L || r.%I::text' END, c.attnum || ':', c.name), ', ' ORDER BY c.attnum))
  FROM weir.key_candidates($1) c WHERE concat(c.attnum, '=', c.name) = ANY ($2)
$$;

-- The columns whose values every change to the relation tells, unless it tells the relation as a whole. None when that
-- is not so of each of its triggers, or when their function is not the one for the columns as they are now: one was
-- renamed, or dropped, or has another type.
CREATE FUNCTION weir.key_columns(relation regclass) RETURNS TABLE (attnum smallint, name name)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
  WITH writer AS MATERIALIZED (
    SELECT weir.trigger_arguments(decode(min(w.stored), 'hex')) AS arguments
    FROM (SELECT encode(t.stored, 'hex') AS stored FROM weir.live_trigger t
          WHERE t.relation = $1 AND t.function = 'write_' || $1::oid
            AND (t.name, t.type) IN (('weir_insert', 4), ('weir_update', 16), ('weir_delete', 8))) w
    HAVING count(*) = 3 AND count(DISTINCT w.stored) = 1
  ), told AS MATERIALIZED (
    SELECT c.attnum, c.name
    FROM writer w CROSS JOIN unnest(w.arguments) a (argument)
    JOIN weir.key_candidates($1) c ON a.argument = concat(c.attnum, '=', c.name)
  )
  SELECT t.attnum, t.name FROM told t
  WHERE NOT weir.has_family($1)
    AND (SELECT count(*) FROM told)
      = (SELECT count(*) FROM writer w CROSS JOIN unnest(w.arguments) a (argument) WHERE a.argument LIKE '%=%')
    AND EXISTS (SELECT FROM pg_proc p JOIN writer w ON p.prosrc = weir.writer_source($1, w.arguments)
                WHERE p.pronamespace = 'weir'::regnamespace AND p.proname = 'write_' || $1::oid)
  ORDER BY t.attnum
$$;

-- Makes the relation's trigger function, or makes it anew, by what the arguments of its trigger weir_write say. Owned by
-- the schema's owner, so that who tracks a table needs no right to create things here. Who calls it need not be asked:
-- it says what the triggers say, and they are only made by who may make them.
CREATE FUNCTION weir.make_writer(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  writer name := 'write_' || $1::oid;
  source text := weir.writer_source($1, (SELECT weir.trigger_arguments(t.tgargs) FROM pg_trigger t
                                         WHERE t.tgrelid = $1 AND t.tgname = 'weir_write'
                                           AND t.tgfoid = 'weir.on_write()'::regprocedure));
BEGIN
  IF source IS NULL THEN
    RAISE EXCEPTION 'weir.make_writer: the triggers of % tell of no key columns', $1
      USING ERRCODE = 'invalid_parameter_value', HINT = 'See weir.track.';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'weir'::regnamespace AND p.proname = writer
                                         AND p.prosrc = source) THEN
    EXECUTE format('CREATE OR REPLACE FUNCTION weir.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
                   'SET search_path = pg_catalog, pg_temp AS %L', writer, source);
  END IF;
END
$$;

-- Drops the functions of tables that are gone or need none any more.
CREATE FUNCTION weir.drop_writers() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  writer regprocedure;
BEGIN
  FOR writer IN SELECT p.oid FROM pg_proc p
                WHERE p.pronamespace = 'weir'::regnamespace AND p.proname ~ '^write_[0-9]+$'
                  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid) LOOP
    BEGIN
      EXECUTE format('DROP FUNCTION %s', writer);
    EXCEPTION WHEN OTHERS THEN  -- somebody else was faster, or needs it again
      NULL;
    END;
  END LOOP;
END
$$;

-- Whether a relation's triggers are those that `weir.track` makes with these arguments.
CREATE FUNCTION weir.tracked_as(relation regclass, arguments text[]) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  writer text := 'write_' || $1::oid;
  keyed boolean := EXISTS (SELECT FROM unnest($2) a WHERE a LIKE '%=%');
  applied boolean := EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = $1);
  missing boolean;
BEGIN
  SELECT count(t.name) < count(*) INTO missing
  FROM (VALUES ('weir_write', 60, 'on_write', NOT keyed, $2), ('weir_write', 32, 'on_write', keyed, $2),
               ('weir_insert', 4, writer, keyed, $2), ('weir_update', 16, writer, keyed, $2),
               ('weir_delete', 8, writer, keyed, $2), ('weir_apply', 29, 'on_write', applied, '{}'))
       AS w (name, type, function, needed, arguments)
  LEFT JOIN weir.live_trigger t ON t.relation = $1 AND t.name = w.name AND t.type = w.type AND t.function = w.function
                               AND weir.trigger_arguments(t.stored) = w.arguments
  WHERE w.needed;
  RETURN NOT missing
     AND (keyed OR NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = $1
                               AND t.tgname IN ('weir_insert', 'weir_update', 'weir_delete')))
     AND (NOT keyed OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'weir'::regnamespace AND p.proname = writer
                               AND p.prosrc = weir.writer_source($1, $2)));
END
$$;

DROP FUNCTION weir.track(regclass, boolean);

-- Puts triggers on the relation and its family, as the calling role (it must own them). `wake`: true asks the triggers
-- for wake-ups, false takes that back, NULL leaves it. `keys`: the columns by whose values changes tell rows, '{}' to
-- have them tell the table as a whole; NULL keeps what was chosen so, or leaves it to weir: the columns of primary,
-- unique and foreign keys, at most 8. A member of a partition or inheritance family is always told as a whole.
CREATE FUNCTION weir.track(relation regclass, wake boolean DEFAULT NULL, keys text[] DEFAULT NULL)
RETURNS TABLE (member regclass, outcome text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  class pg_class;
  present text[];
  wanted text[];
  arguments text;
  columns text;
  name name;
  writer text;
  made record;
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
      wanted := weir.wanted_arguments(member, wake, keys);
      IF weir.tracked_as(member, wanted) THEN
        outcome := 'already tracked';
      ELSE
        SELECT weir.trigger_arguments(t.tgargs) INTO present FROM pg_trigger t
        WHERE t.tgrelid = member AND t.tgname = 'weir_write';
        outcome := CASE WHEN present IS NOT NULL
                             AND (NOT EXISTS (SELECT FROM weir.tracked t WHERE t.relation = member)
                                  OR ARRAY(SELECT substring(a FROM '^[0-9]+=') FROM unnest(present) a WHERE a LIKE '%=%')
                                   = ARRAY(SELECT substring(a FROM '^[0-9]+=') FROM unnest(wanted) a WHERE a LIKE '%=%'))
                        THEN 'repaired' ELSE 'tracked' END;
        LOOP  -- The first trigger's lock keeps out writers and DDL, and may have waited for some.
          arguments := (SELECT string_agg(quote_literal(w.argument), ', ' ORDER BY w.place)
                        FROM unnest(wanted) WITH ORDINALITY w (argument, place));
          writer := CASE WHEN EXISTS (SELECT FROM unnest(wanted) w WHERE w LIKE '%=%') THEN 'write_' || class.oid END;
          EXECUTE format('CREATE OR REPLACE TRIGGER weir_write AFTER %s ON %s '
                         'FOR EACH STATEMENT EXECUTE FUNCTION weir.on_write(%s)',
                         CASE WHEN writer IS NULL THEN 'INSERT OR UPDATE OR DELETE OR TRUNCATE' ELSE 'TRUNCATE' END,
                         member, arguments);
          EXIT WHEN wanted = weir.wanted_arguments(member, wake, keys);
          wanted := weir.wanted_arguments(member, wake, keys);
        END LOOP;
        IF writer IS NOT NULL THEN
          PERFORM weir.make_writer(member);
          FOR made IN SELECT * FROM (VALUES ('weir_insert', 'INSERT', 'NEW TABLE AS new_rows'),
                                            ('weir_update', 'UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
                                            ('weir_delete', 'DELETE', 'OLD TABLE AS old_rows')) v (name, event, rows) LOOP
            EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s REFERENCING %s '
                           'FOR EACH STATEMENT EXECUTE FUNCTION weir.%I(%s)',
                           made.name, made.event, member, made.rows, writer, arguments);
          END LOOP;
        ELSE
          FOR name IN SELECT t.tgname FROM pg_trigger t
                      WHERE t.tgrelid = member AND t.tgname IN ('weir_insert', 'weir_update', 'weir_delete') LOOP
            EXECUTE format('DROP TRIGGER %I ON %s', name, member);
          END LOOP;
        END IF;
        IF EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = member) THEN
          EXECUTE format('CREATE OR REPLACE TRIGGER weir_apply AFTER INSERT OR UPDATE OR DELETE ON %s '
                         'FOR EACH ROW EXECUTE FUNCTION weir.on_write()', member);
        END IF;
      END IF;
      columns := (SELECT string_agg(quote_ident(substring(w FROM '=(.*)')), ', ' ORDER BY place)
                  FROM unnest(wanted) WITH ORDINALITY w (w, place) WHERE w LIKE '%=%');
      outcome := outcome || coalesce(' by ' || columns, '');
    END IF;
    RETURN NEXT;
  END LOOP;
  -- Only now, with triggers on every member: the event trigger would otherwise finish the family at the first ALTER.
  FOR member, name IN
    SELECT t.tgrelid, t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid IN (SELECT weir.family(relation)) AND p.pronamespace = 'weir'::regnamespace
      AND (p.proname = 'on_write' OR p.proname ~ '^write_[0-9]+$') AND t.tgenabled <> 'A' LOOP
    EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER %I', member, name);
  END LOOP;
  PERFORM weir.drop_writers();
END
$$;

-- Takes the triggers off the relation and its family again.
CREATE OR REPLACE FUNCTION weir.untrack(relation regclass) RETURNS TABLE (member regclass, outcome text)
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name name;
BEGIN
  FOR member IN SELECT weir.family(relation) LOOP
    outcome := 'not tracked';
    FOR name IN SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                WHERE t.tgrelid = member AND t.tgparentid = 0 AND p.pronamespace = 'weir'::regnamespace
                  AND (p.proname = 'on_write' OR p.proname ~ '^write_[0-9]+$') LOOP
      EXECUTE format('DROP TRIGGER %I ON %s', name, member);
      outcome := 'untracked';
    END LOOP;
    RETURN NEXT;
  END LOOP;
  PERFORM weir.drop_writers();
END
$$;

-- The event trigger: any DDL that concerns more than this session's temporary objects voids everything. New members
-- of a tracked family, and tracked tables a subscription starts to write, get their triggers here; a trigger somebody
-- disabled stays as it is. A table with key columns that becomes a member of a family is told as a whole from now on.
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
        AND (EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhrelid AND t.tgname = 'weir_write')
               <> EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhparent AND t.tgname = 'weir_write')
             OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid IN (i.inhrelid, i.inhparent)
                                                   AND t.tgname = 'weir_insert'))
      UNION
      SELECT s.srrelid FROM pg_subscription_rel s JOIN pg_trigger t ON t.tgrelid = s.srrelid
      WHERE tg_tag LIKE '% SUBSCRIPTION' AND t.tgfoid = 'weir.on_write()'::regprocedure AND t.tgtype IN (60, 32)
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

UPDATE weir.meta SET version = 2;
