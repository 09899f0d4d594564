#pragma once

namespace weir::postgres {

// Catalog queries of the analysis. Everything they name is qualified: the caller's search path may
// put a schema with a function of the same name before pg_catalog.

/// Whose eyes names are seen with, NULL when a temporary schema can change that unseen; and whether
/// users' operators for builtin types come before the builtin ones. Then nothing but this query,
/// which names the schema of its operators too, means what it says.
inline constexpr const char* kContextQuery = R"sql(
SELECT CASE WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN
  pg_catalog.concat_ws(E'\x1f', current_user, session_user,
                       pg_catalog.array_to_string(pg_catalog.current_schemas(true), E'\x1f'),
                       pg_catalog.current_setting('row_security')) END,
  EXISTS (SELECT FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) WITH ORDINALITY AS s (name, nr)
          JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) s.name
          JOIN pg_catalog.pg_operator o ON o.oprnamespace OPERATOR(pg_catalog.=) n.oid
          WHERE s.nr OPERATOR(pg_catalog.<) pg_catalog.array_position(pg_catalog.current_schemas(true), 'pg_catalog'::pg_catalog.name)
            AND o.oprleft OPERATOR(pg_catalog.<) 16384::pg_catalog.oid AND o.oprright OPERATOR(pg_catalog.<) 16384::pg_catalog.oid),
  CASE WHEN NOT EXISTS (
    WITH RECURSIVE mine (role) AS (
      SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) session_user
      UNION
      SELECT m.roleid FROM mine JOIN pg_catalog.pg_auth_members m ON m.member OPERATOR(pg_catalog.=) mine.role
    )
    SELECT FROM mine JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) mine.role
    WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN current_user END,
  (pg_catalog.current_schemas(true))[1] OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.name
)sql";

/// $1 schemas, $2 names, $3 roles (0: the caller), in parallel.
inline constexpr const char* kRelationsQuery = R"sql(
WITH RECURSIVE
path AS MATERIALIZED (
  SELECT n.oid, s.nr
  FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) WITH ORDINALITY AS s (name, nr)
  JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
), found AS MATERIALIZED (
  SELECT w.nr,
         CASE WHEN w.role = 0 THEN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
              ELSE w.role END AS role,
         CASE w.schema
           WHEN '' THEN (SELECT c.oid FROM path p JOIN pg_catalog.pg_class c ON c.relnamespace = p.oid
                         WHERE c.relname = w.name ORDER BY p.nr LIMIT 1)
           WHEN 'pg_temp' THEN (SELECT c.oid FROM pg_catalog.pg_class c
                                WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relname = w.name)
           ELSE (SELECT c.oid FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
                 WHERE n.nspname = w.schema AND c.relname = w.name)
         END AS relation
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.oid[]))
       WITH ORDINALITY AS w (schema, name, role, nr)
), mine (role) AS (  -- whose changes weir.role_state() tells
  SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user
  UNION
  SELECT m.roleid FROM mine JOIN pg_catalog.pg_auth_members m ON m.member = mine.role
), down AS (
  SELECT f.relation AS root, f.relation AS member FROM found f WHERE f.relation IS NOT NULL
  UNION
  SELECT d.root, i.inhrelid FROM down d JOIN pg_catalog.pg_inherits i ON i.inhparent = d.member
), kin AS (  -- what it reads, and whatever those rows can be written through: a child may have several parents
  SELECT s.root, s.member  -- through arrays, or the estimate of one recursion on another would call for JIT
  FROM ROWS FROM (pg_catalog.unnest(ARRAY(SELECT d.root FROM down d ORDER BY d.root, d.member)),
                  pg_catalog.unnest(ARRAY(SELECT d.member FROM down d ORDER BY d.root, d.member))) AS s (root, member)
  UNION
  SELECT k.root, i.inhparent FROM kin k JOIN pg_catalog.pg_inherits i ON i.inhrelid = k.member
), trigger AS MATERIALIZED (
  SELECT p.oid, p.pronamespace FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = 'weir' AND p.proname = 'on_write' AND p.pronargs = 0
), family AS MATERIALIZED (
  SELECT m.root, c.oid AS member, c.relkind, m.below,
         c.relpersistence = 't' AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace) AS temporary,
         c.relpersistence = 't' AND pg_catalog.pg_is_other_temp_schema(c.relnamespace) AS foreign_temporary,
         pg_catalog.concat_ws('.', n.nspname, c.relname) AS name,
         COALESCE((SELECT pg_catalog.bit_or(t.tgtype) = 60  -- between them INSERT, DELETE, UPDATE and TRUNCATE
                   FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                   JOIN trigger g ON g.pronamespace = p.pronamespace
                   WHERE t.tgrelid = c.oid AND (p.oid = g.oid OR p.proname ~ '^write_[0-9]+$')
                     AND t.tgtype & 67 = 0  -- AFTER, FOR EACH STATEMENT
                     AND t.tgenabled = 'A' AND t.tgattr = ''::pg_catalog.int2vector AND t.tgqual IS NULL), false)
         AND (NOT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = c.oid)
              OR EXISTS (SELECT FROM pg_catalog.pg_trigger t
                         WHERE t.tgrelid = c.oid AND t.tgfoid IN (SELECT g.oid FROM trigger g) AND t.tgtype = 29
                           AND t.tgenabled = 'A' AND t.tgattr = ''::pg_catalog.int2vector
                           AND t.tgqual IS NULL)) AS tracked
  FROM (SELECT k.root, k.member, k.member <> k.root AS below
        FROM kin k) m
  JOIN pg_catalog.pg_class c ON c.oid = m.member
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
), seen AS (
  SELECT f.nr, f.role, c.*, n.nspname,
         c.relrowsecurity
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = f.role AND (r.rolsuper OR r.rolbypassrls))
         AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(f.role, c.relowner, 'USAGE')) AS secured
  FROM found f
  LEFT JOIN pg_catalog.pg_class c ON c.oid = f.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
)
SELECT s.nr, s.oid, s.nspname, s.relname, s.relkind,
       EXISTS (SELECT FROM family m WHERE m.root = s.oid AND m.temporary),
       s.oid < 16384 OR s.nspname IN ('pg_catalog', 'information_schema', 'pg_toast'),
       EXISTS (SELECT FROM family m WHERE m.root = s.oid AND m.relkind = 'f'),
       EXISTS (SELECT FROM trigger),
       (SELECT pg_catalog.min(m.name) FROM family m
        WHERE m.root = s.oid AND m.relkind IN ('r', 'p') AND NOT m.tracked AND NOT m.foreign_temporary),
       (SELECT pg_catalog.string_agg(m.member::pg_catalog.text, ' ' ORDER BY m.below, m.member) FROM family m
        WHERE m.root = s.oid AND NOT m.foreign_temporary),
       s.secured,
       CASE WHEN s.secured THEN
         (SELECT pg_catalog.string_agg(pg_catalog.pg_get_expr(p.polqual, p.polrelid), E'\x1f' ORDER BY p.oid)
          FROM pg_catalog.pg_policy p WHERE p.polrelid = s.oid AND p.polcmd IN ('r', '*') AND p.polqual IS NOT NULL) END,
       CASE WHEN s.relkind = 'v' AND s.oid >= 16384 THEN pg_catalog.pg_get_viewdef(s.oid) END,
       CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_options_to_table(s.reloptions) o
                         WHERE o.option_name = 'security_invoker' AND o.option_value::pg_catalog.bool)
            THEN 0::pg_catalog.oid ELSE s.relowner END,  -- such a view is the caller's wherever it is nested
       CASE WHEN s.relrowsecurity AND (s.relforcerowsecurity OR s.role <> s.relowner)
                 AND s.role NOT IN (SELECT w.role FROM mine w)
            THEN (SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.oid = s.role) END,
       EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
               WHERE n.nspname = 'weir' AND p.proname = 'key_columns' AND p.pronargs = 1
                 AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                 AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
FROM seen s ORDER BY s.nr
)sql";

/// $1 tables, $2 those among them whose journal may tell rows. Equality of a column is that of the
/// canonical texts `key_value` makes only for these types, and for text only where characters are
/// Unicode's and a collation tells all different texts apart.
inline constexpr const char* kColumnsQuery = R"sql(
WITH told AS MATERIALIZED (
  SELECT r.relation, k.attnum
  FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS r (relation)
  CROSS JOIN LATERAL weir.key_columns(r.relation::pg_catalog.regclass) AS k
)
SELECT a.attrelid, a.attnum, a.attname,
       CASE WHEN a.atttypid IN ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype,
                                'pg_catalog.int8'::pg_catalog.regtype) THEN 'int'
            WHEN a.atttypid = 'pg_catalog.bool'::pg_catalog.regtype THEN 'bool'
            WHEN a.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype THEN 'uuid'
            WHEN a.atttypid IN ('pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype)
                 AND c.collisdeterministic AND pg_catalog.getdatabaseencoding() = 'UTF8' THEN 'text' END,
       a.attcollation,
       EXISTS (SELECT FROM pg_catalog.pg_index i
               WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
                 AND i.indkey[0] = a.attnum AND i.indpred IS NULL),
       EXISTS (SELECT FROM told t WHERE t.relation = a.attrelid AND t.attnum = a.attnum),
       a.atttypid = 'pg_catalog.varchar'::pg_catalog.regtype
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
)sql";

/// $1 schemas, $2 names, $3 argument counts, $4 forms (c call, a any arguments, t attribute of a
/// row, r attribute of a record, s attribute of anything) of functions; $5 schemas, $6 names, $7
/// operands of operators; $8 schemas, $9 names of types; $10 relations read; $11 columns that are
/// cast; $12 whether rows occur that are of no table.
///
/// A user's candidate counts only when each of its argument types can occur: builtin ones always
/// can, others when reachable from the columns read, the types named, results of other candidates
/// and implicit casts. A row is also one of its table's ancestors and of the type the table was
/// made of; a record is of any row type, a value of any domain over its type. `near` leaves out
/// implicit casts from builtin types: for the comparisons, whose builtin candidates always match
/// such arguments better.
inline constexpr const char* kNamesQuery = R"sql(
WITH RECURSIVE
path AS MATERIALIZED (
  SELECT n.oid, s.nr
  FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) WITH ORDINALITY AS s (name, nr)
  JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
), places AS MATERIALIZED (
  SELECT p.oid FROM path p WHERE p.oid <> pg_catalog.pg_my_temp_schema()
), wanted_type AS MATERIALIZED (
  SELECT w.nr,
         CASE w.schema
           WHEN '' THEN (SELECT t.oid FROM path p JOIN pg_catalog.pg_type t ON t.typnamespace = p.oid
                         WHERE t.typname = w.name ORDER BY p.nr LIMIT 1)
           ELSE (SELECT t.oid FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_type t ON t.typnamespace = n.oid
                 WHERE n.nspname = w.schema AND t.typname = w.name)
         END AS type
  FROM ROWS FROM (pg_catalog.unnest($8::pg_catalog.text[]), pg_catalog.unnest($9::pg_catalog.text[])) WITH ORDINALITY AS w (schema, name, nr)
), proc AS NOT MATERIALIZED (
  SELECT p.oid, p.proname, n.nspname, p.pronamespace, p.provolatile, p.proargtypes, p.pronargs, p.pronargdefaults,
         p.provariadic, p.prorettype, p.proallargtypes, p.proargmodes, p.proargnames, n.nspname = 'pg_catalog' AS builtin,
         l.lanname IN ('c', 'internal') AND e.extname IS NOT NULL AS compiled,
         l.lanname = 'c' AND p.provolatile = 'i' AND e.extname IS NOT NULL AND NOT reads_text AS of_extension,
         (l.lanname = 'c' OR p.prokind = 'a') AND p.provolatile = 'i' AND NOT reads_text
           AND e.extname IN ('citext', 'cube', 'fuzzystrmatch', 'hstore', 'intarray', 'ltree', 'pg_trgm', 'seg')
           AS of_known_extension,
         p.prosqlbody IS NOT NULL AND p.provolatile <> 'v' AND NOT p.prosecdef AND p.proconfig IS NULL AS readable
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
    AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
  CROSS JOIN LATERAL (SELECT p.proname = 'populate_record') AS populate (reads_text)  -- hstore's: 'now' becomes a time
), named AS MATERIALIZED (
  SELECT w.nr, w.form, p.*
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.int4[]), pg_catalog.unnest($4::pg_catalog.text[]))
       WITH ORDINALITY AS w (schema, name, arguments, form, nr)
  JOIN proc p ON p.proname = w.name
    AND CASE w.schema WHEN '' THEN p.pronamespace IN (SELECT s.oid FROM places s) ELSE p.nspname = w.schema END
  WHERE w.form = 'a'
     OR (w.arguments >= p.pronargs - p.pronargdefaults - (CASE WHEN p.provariadic <> 0 THEN 1 ELSE 0 END)
         AND (w.arguments <= p.pronargs OR p.provariadic <> 0)
         AND (w.form NOT IN ('t', 'r')
              OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'p'))))
), named_operator AS MATERIALIZED (
  SELECT w.nr, w.schema, w.name, o.oprcode, o.oprleft, o.oprright, o.oprresult, pn.nspname = 'pg_catalog' AS builtin
  FROM ROWS FROM (pg_catalog.unnest($5::pg_catalog.text[]), pg_catalog.unnest($6::pg_catalog.text[]), pg_catalog.unnest($7::pg_catalog.int4[]))
       WITH ORDINALITY AS w (schema, name, operands, nr)
  JOIN pg_catalog.pg_operator o ON o.oprname = w.name AND (o.oprleft = 0) = (w.operands = 1)
  JOIN pg_catalog.pg_namespace pn ON pn.oid = o.oprnamespace
    AND CASE w.schema WHEN '' THEN pn.oid IN (SELECT s.oid FROM places s) ELSE pn.nspname = w.schema END
), candidate AS MATERIALIZED (
  SELECT n.form, n.proargtypes::pg_catalog.oid[] AS arguments, ARRAY[n.prorettype] || n.proallargtypes AS results
  FROM named n WHERE NOT n.builtin
  UNION ALL
  SELECT 'c', ARRAY[o.oprleft, o.oprright], ARRAY[o.oprresult] FROM named_operator o WHERE NOT o.builtin
), brought (by, type) AS MATERIALIZED (  -- by an argument of that type, or without (0)
  SELECT DISTINCT COALESCE(a.type, 0::pg_catalog.oid), r.type
  FROM candidate c CROSS JOIN LATERAL pg_catalog.unnest(c.results) AS r (type)
  LEFT JOIN LATERAL pg_catalog.unnest(c.arguments) AS a (type) ON a.type >= 16384
  WHERE r.type >= 16384
  UNION
  SELECT 0::pg_catalog.oid, t.oid
  FROM candidate c CROSS JOIN LATERAL pg_catalog.unnest(c.arguments) AS a (type)
  JOIN pg_catalog.pg_type t ON t.oid = a.type
  WHERE t.typtype = 'd'
     OR (t.typtype = 'c' AND c.form <> 't'
         AND ($12::pg_catalog.bool OR EXISTS (SELECT FROM named n WHERE n.prorettype = 'pg_catalog.record'::pg_catalog.regtype)))
), closure (tag, type) AS (  -- tag: 0 = columns and names, -1 = implicit casts from builtin types, else a wanted type
  (SELECT 0, a.atttypid FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = ANY ($10::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
   UNION ALL SELECT 0, c.reltype FROM pg_catalog.pg_class c WHERE c.oid = ANY ($10::pg_catalog.oid[])
   UNION ALL SELECT 0, w.type FROM wanted_type w WHERE w.type IS NOT NULL
   UNION ALL SELECT w.nr, w.type FROM wanted_type w WHERE w.type IS NOT NULL
   UNION ALL SELECT -1, k.casttarget FROM pg_catalog.pg_cast k
             WHERE k.castcontext = 'i' AND k.castsource < 16384 AND k.casttarget >= 16384
   UNION ALL SELECT 0, b.type FROM brought b WHERE b.by = 0)
  UNION
  SELECT x.tag, x.type
  FROM closure r JOIN pg_catalog.pg_type t ON t.oid = r.type
  CROSS JOIN LATERAL (
    SELECT r.tag, t.typelem UNION ALL SELECT r.tag, t.typarray UNION ALL SELECT r.tag, t.typbasetype
    UNION ALL SELECT r.tag, a.atttypid FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT r.tag, g.rngsubtype FROM pg_catalog.pg_range g WHERE t.oid IN (g.rngtypid, g.rngmultitypid)
    UNION ALL SELECT r.tag, g.rngtypid FROM pg_catalog.pg_range g WHERE t.oid IN (g.rngsubtype, g.rngmultitypid)
    UNION ALL SELECT r.tag, g.rngmultitypid FROM pg_catalog.pg_range g WHERE t.oid = g.rngtypid
    UNION ALL SELECT r.tag, k.casttarget FROM pg_catalog.pg_cast k WHERE k.castsource = t.oid AND k.castcontext = 'i'
    UNION ALL SELECT r.tag, c.reltype FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
              WHERE i.inhrelid = t.typrelid
    UNION ALL SELECT r.tag, c.reloftype FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid
    UNION ALL SELECT 0, b.type FROM brought b WHERE b.by = t.oid
  ) AS x (tag, type)
  WHERE t.oid >= 16384 AND x.type <> 0
), zoned AS MATERIALIZED (  -- calls that make of a time one with today's zone, as AT TIME ZONE does
  SELECT FROM named n
  WHERE n.builtin AND 'pg_catalog.timetz'::pg_catalog.regtype = ANY (n.proargtypes)
    AND NOT EXISTS (SELECT FROM named s WHERE s.nr = n.nr AND s.builtin AND 'pg_catalog.time'::pg_catalog.regtype = ANY (s.proargtypes))
), near AS MATERIALIZED (
  SELECT DISTINCT c.type FROM closure c WHERE c.tag = 0 AND c.type >= 16384
), reach AS MATERIALIZED (
  SELECT DISTINCT c.type FROM closure c WHERE c.tag <= 0 AND c.type >= 16384
), called AS MATERIALIZED (
  SELECT n.*, NOT EXISTS (SELECT FROM pg_catalog.unnest(n.proargtypes) AS a (type)
                          WHERE a.type >= 16384 AND a.type NOT IN (SELECT r.type FROM reach r)) AS possible
  FROM named n
), used_operator AS MATERIALIZED (
  SELECT n.*, NOT EXISTS (SELECT FROM pg_catalog.unnest(ARRAY[n.oprleft, n.oprright]) AS a (type)
                          WHERE a.type >= 16384 AND a.type NOT IN (SELECT r.type FROM reach r))
              AND NOT (n.schema = '' AND n.name IN ('=', '<>', '<', '>', '<=', '>=')
                       AND (n.oprleft >= 16384 OR n.oprright >= 16384)
                       AND NOT EXISTS (SELECT FROM near r WHERE r.type IN (n.oprleft, n.oprright))) AS possible
  FROM named_operator n
), own (readable, result) AS MATERIALIZED (  -- what users' functions and operators give
  SELECT f.readable, r.type
  FROM (SELECT c.readable, ARRAY[c.prorettype] || c.proallargtypes AS results FROM called c WHERE NOT c.builtin AND c.possible
        UNION ALL SELECT true, ARRAY[u.oprresult] FROM used_operator u WHERE NOT u.builtin AND u.possible) f
  CROSS JOIN LATERAL pg_catalog.unnest(f.results) AS r (type)
)
SELECT 'function', c.nr, CASE WHEN c.builtin THEN 'builtin' WHEN c.of_known_extension THEN 'trusted'
                              WHEN c.readable THEN 'body' ELSE 'opaque' END,
       CASE WHEN c.builtin THEN c.proname::pg_catalog.text ELSE pg_catalog.concat_ws('.', c.nspname, c.proname) END,
       c.provolatile::pg_catalog.text,
       CASE WHEN c.readable AND NOT c.builtin THEN pg_catalog.pg_get_functiondef(c.oid) END
FROM called c
WHERE c.builtin OR c.possible
   OR (c.form IN ('c', 'a') AND NOT EXISTS (SELECT FROM called o WHERE o.nr = c.nr AND (o.builtin OR o.possible)))
UNION
SELECT 'operator', u.nr, CASE WHEN u.builtin THEN 'builtin' WHEN p.of_extension THEN 'trusted'
                              WHEN p.readable THEN 'body' ELSE 'opaque' END,
       CASE WHEN u.builtin THEN u.name ELSE pg_catalog.concat_ws('.', p.nspname, p.proname) END, p.provolatile::pg_catalog.text,
       CASE WHEN p.readable AND NOT u.builtin THEN pg_catalog.pg_get_functiondef(p.oid) END
FROM used_operator u JOIN proc p ON p.oid = u.oprcode
WHERE u.builtin OR u.possible OR NOT EXISTS (SELECT FROM used_operator o WHERE o.nr = u.nr AND (o.builtin OR o.possible))
UNION ALL
SELECT 'type', w.nr, CASE WHEN n.nspname = 'pg_catalog' THEN 'builtin' ELSE 'opaque' END,
       CASE WHEN n.nspname = 'pg_catalog' THEN t.typname::pg_catalog.text
            ELSE pg_catalog.concat_ws('.', n.nspname, t.typname) END, 'i',
       (SELECT pg_catalog.string_agg(b.typname::pg_catalog.text, ' ') FROM closure c
        JOIN pg_catalog.pg_type b ON b.oid = c.type WHERE c.tag = w.nr AND w.type >= 16384 AND c.type < 16384)
FROM wanted_type w JOIN pg_catalog.pg_type t ON t.oid = w.type
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
UNION
SELECT 'cast', 0, CASE WHEN p.of_extension THEN 'trusted' WHEN p.readable THEN 'body' ELSE 'opaque' END,
       pg_catalog.concat_ws('.', p.nspname, p.proname), p.provolatile::pg_catalog.text,
       CASE WHEN p.readable THEN pg_catalog.pg_get_functiondef(p.oid) END
FROM pg_catalog.pg_cast k JOIN proc p ON p.oid = k.castfunc
WHERE NOT p.builtin AND (k.castsource < 16384 OR k.castsource IN (SELECT r.type FROM near r))
  AND (CASE k.castcontext WHEN 'i' THEN k.casttarget < 16384 OR k.casttarget IN (SELECT r.type FROM reach r)
                          WHEN 'a' THEN k.casttarget IN (SELECT o.result FROM own o WHERE o.readable) END  -- what a body's result goes through
       OR k.casttarget IN (SELECT w.type FROM wanted_type w)
       OR (k.castsource >= 16384  -- to_json()
           AND k.casttarget IN ('pg_catalog.json'::pg_catalog.regtype, 'pg_catalog.jsonb'::pg_catalog.regtype)))
  AND (k.castsource >= 16384 OR k.casttarget < 16384 OR k.casttarget IN (SELECT r.type FROM near r))
UNION
SELECT 'check', 0, 'body', pg_catalog.concat_ws('.', n.nspname, t.typname), 'i', pg_catalog.pg_get_expr(c.conbin, 0)
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_type t ON t.oid = c.contypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE c.contype = 'c' AND c.contypid IN (SELECT r.type FROM near r)
  AND (EXISTS (SELECT FROM wanted_type w WHERE w.type >= 16384) OR EXISTS (SELECT FROM own))
UNION
SELECT 'support', 0, CASE WHEN p.readable THEN 'body' ELSE 'opaque' END, pg_catalog.concat_ws('.', p.nspname, p.proname),
       p.provolatile::pg_catalog.text, CASE WHEN p.readable THEN pg_catalog.pg_get_functiondef(p.oid) END
FROM (SELECT m.amproc, m.amproclefttype, m.amprocrighttype FROM pg_catalog.pg_amproc m WHERE m.oid >= 16384
      UNION ALL SELECT o.oprcode, m.amoplefttype, m.amoprighttype
                FROM pg_catalog.pg_amop m JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr WHERE m.oid >= 16384
      UNION ALL SELECT f.proc, g.rngtypid, g.rngtypid FROM pg_catalog.pg_range g
                CROSS JOIN LATERAL pg_catalog.unnest(ARRAY[g.rngcanonical, g.rngsubdiff]) AS f (proc)
                WHERE g.rngtypid >= 16384) AS m (proc, left_type, right_type)
JOIN proc p ON p.oid = m.proc
WHERE NOT p.builtin AND NOT p.compiled
  AND (m.left_type < 16384 OR m.left_type IN (SELECT r.type FROM near r))
  AND (m.right_type < 16384 OR m.right_type IN (SELECT r.type FROM near r))
UNION
SELECT 'moving', 0, 'builtin', COALESCE((SELECT pg_catalog.min(pg_catalog.concat_ws('.', c.relname, a.attname))
                                         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                                         WHERE a.attrelid = ANY ($10::pg_catalog.oid[]) AND NOT a.attisdropped
                                           AND a.atttypid = t.oid),
                                        'a part of it'), 'i', pg_catalog.ltrim(t.typname::pg_catalog.text, '_')
FROM closure k JOIN pg_catalog.pg_type t ON t.oid = k.type
WHERE k.tag = 0 AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
  AND (pg_catalog.ltrim(t.typname::pg_catalog.text, '_') IN ('timetz', 'regrole', 'aclitem')
       OR (pg_catalog.ltrim(t.typname::pg_catalog.text, '_') = 'time' AND EXISTS (SELECT FROM zoned)))
UNION ALL
SELECT 'moving', 0, 'builtin', 'make_time()', 'i', 'time'
WHERE EXISTS (SELECT FROM zoned) AND EXISTS (SELECT FROM named n WHERE n.builtin AND n.proname = 'make_time')
UNION ALL
SELECT 'column', 0, CASE WHEN pg_catalog.bool_and(t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
                                                  AND t.typcategory IN ('D', 'N', 'B', 'T'))
                         THEN 'trusted' ELSE 'opaque' END, u.name, 'i', NULL
FROM (SELECT a.attname::pg_catalog.text, a.atttypid
      FROM pg_catalog.pg_attribute a
      WHERE NOT a.attisdropped
        AND (a.attrelid = ANY ($10::pg_catalog.oid[])
             OR a.attrelid IN (SELECT t.typrelid FROM closure k JOIN pg_catalog.pg_type t ON t.oid = k.type
                               WHERE k.type >= 16384 AND t.typrelid <> 0))
      UNION ALL
      SELECT o.name, o.type
      FROM named n CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(n.proargnames), pg_catalog.unnest(n.proallargtypes),
                                                 pg_catalog.unnest(n.proargmodes)) AS o (name, type, mode)
      WHERE o.mode IN ('o', 'b', 't')) AS u (name, type)
JOIN pg_catalog.pg_type t ON t.oid = u.type
WHERE u.name = ANY ($11::pg_catalog.text[])
GROUP BY u.name
)sql";

}  // namespace weir::postgres
