#include "drivers/postgres/keyed_references.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/postgres/keyed_fixture.hpp"

namespace weir::postgres::test {
namespace {

using Cases = std::vector<std::pair<std::string, std::string>>;

void expect(const Cases& cases, const KeyedShop& shop = {}) {
  for (const auto& [sql, keys] : cases) EXPECT_EQ(shop.keys(sql), keys) << sql;
}

TEST(KeyedReferencesTest, ConjunctsOfWhereKeyATable) {
  expect({
      {"SELECT * FROM a WHERE id = 5", "a.id=5"},
      {"SELECT * FROM a WHERE $1 = id", "a.id=$1"},
      {"SELECT * FROM a WHERE price > 3 AND (a.k = 7 AND name LIKE 'x%')", "a.k=7"},
      {"SELECT * FROM public.a WHERE public.a.k = 7", "a.k=7"},
      {"SELECT * FROM a AS t WHERE t.k = 7", "a.k=7"},
      {"SELECT * FROM a t WHERE a.k = 7", "a: whole"},  // hidden: an outer a, or an error
      {"SELECT * FROM public.a t WHERE public.t.k = 7", "a: whole"},
      {"SELECT * FROM a t (k, id) WHERE t.k = 7 AND id = 3", "a: whole"},
      {"SELECT * FROM ONLY a WHERE k = 7", "a.k=7"},
      {"SELECT count(*), row_number() OVER () FROM a WHERE k = 7 GROUP BY v HAVING count(*) > 1 "
       "ORDER BY 1 LIMIT 3",
       "a.k=7"},
      {"SELECT * FROM a", "a: whole"},
      {"SELECT * FROM a WHERE v = 1",
       "a: compared only by v, no key column of it: weir track --keys"},
      {"SELECT * FROM a WHERE v = 1 AND w = 2",
       "a: compared only by v, w, no key column of it: weir track --keys"},
      {"SELECT * FROM whole WHERE id = 1", "whole: partitioned"},
      {"SELECT * FROM loose WHERE id = 1", "loose: whole"},
      {"SELECT 1", ""},
  });
}

TEST(KeyedReferencesTest, WhateverIsNoEqualityWithAConstantMayBeTrueOfAnyRow) {
  expect({
      {"SELECT * FROM a WHERE id IS NULL", "a: whole"},
      {"SELECT * FROM a WHERE id IS NOT DISTINCT FROM 5", "a: whole"},
      {"SELECT * FROM a WHERE NOT id = 5", "a: whole"},
      {"SELECT * FROM a WHERE NOT (id = 5 AND k = 3)", "a: whole"},
      {"SELECT * FROM a WHERE (id = 5) IS NOT TRUE", "a: whole"},
      {"SELECT * FROM a WHERE id <> 5", "a: whole"},
      {"SELECT * FROM a WHERE id >= 5", "a: whole"},
      {"SELECT * FROM a WHERE id BETWEEN 5 AND 5", "a: whole"},
      {"SELECT * FROM a WHERE id NOT IN (5)", "a: whole"},
      {"SELECT * FROM a WHERE id <> ALL ($1)", "a: whole"},
      {"SELECT * FROM a WHERE id = ALL ($1)", "a: whole"},
      {"SELECT * FROM a WHERE id + 0 = 5", "a: whole"},
      {"SELECT * FROM a WHERE id::text = '5'", "a: whole"},
      {"SELECT * FROM a WHERE abs(id) = 5", "a: whole"},
      {"SELECT * FROM a WHERE coalesce(id, 5) = 5", "a: whole"},
      {"SELECT * FROM a WHERE nullif(id, 5) = 5", "a: whole"},
      {"SELECT * FROM a WHERE CASE WHEN v = 1 THEN id = 5 ELSE true END", "a: whole"},
      {"SELECT * FROM a WHERE (id, k) = (5, 6)", "a: whole"},
      {"SELECT * FROM a WHERE id OPERATOR(mine.=) 5", "a: whole"},
      {"SELECT * FROM a WHERE id OPERATOR(pg_catalog.=) 5", "a.id=5"},
      {"SELECT * FROM a WHERE name = 'x' COLLATE \"C\"", "a: whole"},
      {"SELECT * FROM a WHERE (name COLLATE \"C\") = 'x'", "a: whole"},
      {"SELECT * FROM a WHERE id = k", "a: whole"},
      {"SELECT id = 5 FROM a", "a: whole"},
      {"SELECT * FROM a GROUP BY id HAVING id = 5", "a: whole"},
      {"SELECT count(*) FILTER (WHERE id = 5) FROM a", "a: whole"},
      {"SELECT * FROM a WHERE id = NULL", "a: whole"},  // transform_null_equals
      {"SELECT * FROM a WHERE NULL = id", "a: whole"},
  });
}

TEST(KeyedReferencesTest, OnlyConstantsWithACanonicalTextAreValues) {
  expect({
      {"SELECT * FROM a WHERE id = -5", "a.id=-5"},
      {"SELECT * FROM a WHERE id = 0", "a.id=0"},
      {"SELECT * FROM a WHERE id = - 5 AND true", "a.id=-5"},
      {"SELECT * FROM a WHERE id = - -5", "a.id=5"},
      {"SELECT * FROM a WHERE id = - /* c */ 5", "a: whole"},
      {"SELECT * FROM a WHERE id = -(5)", "a: whole"},
      {"SELECT * FROM a WHERE id = -5+3", "a: whole"},
      {"/* é */ SELECT * FROM a WHERE name = 'é' AND id IN (-1, 0, -0, 1)", "a.id=-1|0|0|1"},
      {"SELECT * FROM a WHERE id = 3000000000", "a.id=3000000000"},
      {"SELECT * FROM a WHERE id = -3000000000", "a.id=-3000000000"},
      {"SELECT * FROM a WHERE id = 9223372036854775808", "a: whole"},
      {"SELECT * FROM a WHERE id = 5.0", "a: whole"},
      {"SELECT * FROM a WHERE id = 1e3", "a: whole"},
      {"SELECT * FROM a WHERE id = ' 042 '", "a.id=42"},
      {"SELECT * FROM a WHERE id = '5.0'", "a: whole"},
      {"SELECT * FROM a WHERE id = '5'::bigint", "a.id=5"},
      {"SELECT * FROM a WHERE id = '-5'::integer", "a.id=-5"},
      {"SELECT * FROM a WHERE id = 5::int2", "a.id=5"},
      {"SELECT * FROM a WHERE id = 5::numeric", "a: whole"},
      {"SELECT * FROM a WHERE id = '5'::mine.int4", "a: whole"},
      {"SELECT * FROM a WHERE id = true", "a: whole"},
      {"SELECT * FROM a WHERE id = NULL::int", "a.id="},
      {"SELECT * FROM a WHERE id IN (NULL, 3)", "a.id=3"},
      {"SELECT * FROM a WHERE ok = true", "a.ok=true"},
      {"SELECT * FROM a WHERE ok = false", "a.ok=false"},
      {"SELECT * FROM a WHERE ok = 'f'", "a.ok=false"},
      {"SELECT * FROM a WHERE ok = 't'::bool", "a.ok=true"},
      {"SELECT * FROM a WHERE ok = 'tr'", "a: whole"},
      {"SELECT * FROM a WHERE name = 'It''s'", "a.name=It's"},
      {"SELECT * FROM a WHERE name = E'a\\x1fb'", "a.name=a?b"},
      {"SELECT * FROM a WHERE name = 'x'::varchar", "a.name=x"},
      {"SELECT * FROM a WHERE name = 'xyz'::varchar(2)", "a: whole"},
      {"SELECT * FROM a WHERE name = 'x '::char(2)", "a: whole"},
      {"SELECT * FROM a WHERE name = 'x'::name", "a: whole"},
      {"SELECT * FROM a WHERE name = 5::text", "a.name=5"},
      {"SELECT * FROM a WHERE name = 5", "a: whole"},
      {"SELECT * FROM a WHERE name = true::text", "a: whole"},
      {"SELECT * FROM a WHERE u = 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'",
       "a.u=a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {"SELECT * FROM a WHERE u = 'x'", "a: whole"},
      {"SELECT * FROM a WHERE price = 5", "a: whole"},
      {"SELECT * FROM a WHERE name = B'1'", "a: whole"},
      {"SELECT * FROM a WHERE name = current_user", "a: whole"},
  });
}

TEST(KeyedReferencesTest, ListsArraysAndAlternativesGiveSeveralValues) {
  std::string many = "SELECT * FROM a WHERE id IN (1";
  std::string most = "a.id=1";
  for (int i = 2; i <= 64; ++i) {
    many += ", " + std::to_string(i);
    most += "|" + std::to_string(i);
  }
  expect({
      {"SELECT * FROM a WHERE id IN (1, '2', $3)", "a.id=1|2|$3"},
      {"SELECT * FROM a WHERE id IN (1, k)", "a: whole"},
      {"SELECT * FROM a WHERE id IN (1, 2.5)", "a: whole"},
      {"SELECT * FROM a WHERE id IN (SELECT 1)", "a: whole"},
      {"SELECT * FROM a WHERE (id, k) IN ((1, 2))", "a: whole"},
      {"SELECT * FROM a WHERE id = ANY ($1)", "a.id=$1[]"},
      {"SELECT * FROM a WHERE id = SOME ($1::int[])", "a.id=$1[]"},
      {"SELECT * FROM a WHERE id = ANY ($1::numeric[])", "a: whole"},
      {"SELECT * FROM a WHERE id = ANY ($1::text[])", "a: whole"},
      {"SELECT * FROM a WHERE id = ANY (ARRAY[1]::text[])", "a: whole"},
      {"SELECT * FROM a WHERE name = ANY ($1::uuid[])", "a: whole"},
      {"SELECT * FROM a WHERE id = ANY ($1::int[][])", "a: whole"},
      {"SELECT * FROM a WHERE id = ANY ($1::int)", "a: whole"},
      {"SELECT * FROM a WHERE id = ANY (ARRAY[1, $2])", "a.id=1|$2"},
      {"SELECT * FROM a WHERE name = ANY (ARRAY['x'::text, 'y'::text])", "a.name=x|y"},
      {"SELECT * FROM a WHERE name = ANY (ARRAY['x', 'y']::text[])", "a.name=x|y"},
      {"SELECT * FROM a WHERE name = ANY (ARRAY['x', 'y']::char(1)[])", "a: whole"},
      {"SELECT * FROM a WHERE $1 = ANY (ARRAY[id])", "a: whole"},
      {"SELECT * FROM a WHERE id = ANY (SELECT 1)", "a: whole"},
      {"SELECT * FROM a WHERE id = 1 OR id IN (2, 3) OR $1 = id", "a.id=1|2|3|$1"},
      {"SELECT * FROM a WHERE id = 1 OR k = 2", "a: whole"},
      {"SELECT * FROM a WHERE id = 1 OR id IS NULL", "a: whole"},
      {"SELECT * FROM a WHERE id = 1 OR v > 3", "a: whole"},
      {"SELECT * FROM a WHERE id = 1 OR (id = 2 AND v = 3)", "a: whole"},
      {"SELECT * FROM a x, a y WHERE x.id = 1 OR y.id = 1", "a: whole; a: whole"},
      {many + ")", most},
      {many + ", 65)", "a: whole"},
      {many + ") AND k = 3", most},
      {many + ") UNION SELECT * FROM b WHERE k = 1",
       most + "; b: the statement compares with more than 64 values"},
  });
}

TEST(KeyedReferencesTest, APrimaryKeyIsPreferredThenFewValuesThenTheFirst) {
  expect({
      {"SELECT * FROM a WHERE k = 1 AND id IN (2, 3)", "a.id=2|3"},
      {"SELECT * FROM a WHERE k IN (1, 2) AND name = 'x'", "a.name=x"},
      {"SELECT * FROM a WHERE name = 'x' AND k = 1", "a.name=x"},
      {"SELECT * FROM a WHERE k = 1 AND name = 'x'", "a.k=1"},
      {"SELECT * FROM a WHERE k = ANY ($1) AND name IN ('x', 'y')", "a.name=x|y"},
      {"SELECT * FROM a WHERE k IN (1, 2) AND k = 3", "a.k=3"},
      {"SELECT * FROM a WHERE v = 1 AND k = 3", "a.k=3"},
  });
}

TEST(KeyedReferencesTest, AParameterIsBelievedWhenAllItsUsesAgreeOnItsType) {
  expect({
      {"SELECT * FROM a WHERE id = $1 AND k = $1", "a.id=$1"},
      {"SELECT * FROM a, b WHERE a.id = $1 AND b.k = $1", "a.id=$1; b.k=$1"},
      {"SELECT * FROM a WHERE id = $1::int", "a.id=$1"},
      {"SELECT * FROM a WHERE id = $1::int8 AND price < $2::numeric", "a.id=$1"},
      {"SELECT $1::int, id FROM a WHERE id = $1", "a.id=$1"},
      {"SELECT * FROM a WHERE price < $1::numeric AND id = $1", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 AND price < $1", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 AND price < $1::float8", "a: whole"},
      {"SELECT $1 FROM a WHERE id = $1", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 LIMIT $1", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 LIMIT $2", "a.id=$1"},
      {"SELECT * FROM a WHERE id = $1 OR $1 IS NULL", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 AND ($1 IS NULL OR v = 1)", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 AND id = ANY ($1)", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 AND name = $1::text", "a: whole"},
      {"SELECT * FROM a WHERE id = $1::text::int", "a: whole"},
      {"SELECT * FROM a WHERE id = $1::numeric", "a: whole"},
      {"SELECT * FROM a WHERE name = $1::varchar(3)", "a: whole"},
      {"SELECT * FROM a WHERE name = $1 AND $1::name = 'x'", "a: whole"},
      {"SELECT * FROM a WHERE id = $1 AND k = 3 AND v < $1", "a.k=3"},
      {"SELECT * FROM a WHERE id = $1 AND EXISTS (SELECT FROM b WHERE x < $1)",
       "a: whole; b: whole"},
      {"SELECT * FROM a WHERE id = $1 UNION SELECT * FROM a WHERE NOT k = $1",
       "a: whole; a: whole"},
      {"SELECT * FROM a WHERE (id = $1 OR k = $1) AND id = $1", "a: whole"},
  });
}

TEST(KeyedReferencesTest, EqualitiesOfColumnsCarryValues) {
  expect({
      {"SELECT * FROM a, b WHERE a.id = 5 AND b.a_id = a.id", "a.id=5; b.a_id=5"},
      {"SELECT * FROM a JOIN b ON b.a_id = a.id WHERE a.id = 5", "a.id=5; b.a_id=5"},
      {"SELECT * FROM a JOIN b ON b.a_id = a.id JOIN c ON c.b_id = b.a_id WHERE c.b_id = $1",
       "a.id=$1; b.a_id=$1; c.b_id=$1"},
      {"SELECT * FROM a CROSS JOIN b WHERE b.v = a.v AND a.v = 3 AND b.k = b.v",
       "a: compared only by v, no key column of it: weir track --keys; b.k=3"},
      {"SELECT * FROM a JOIN b ON a.id = 5", "a.id=5; b: whole"},
      {"SELECT * FROM a JOIN b ON b.a_id >= a.id WHERE a.id = 5", "a.id=5; b: whole"},
      {"SELECT * FROM a, b WHERE b.a_id IS DISTINCT FROM a.id AND a.id = 5", "a.id=5; b: whole"},
      {"SELECT * FROM a, b WHERE NOT b.a_id = a.id AND a.id = 5", "a.id=5; b: whole"},
      {"SELECT * FROM a JOIN b ON b.a_id = a.id OR b.k = 3 WHERE a.id = 5", "a.id=5; b: whole"},
      {"SELECT * FROM a x, a y WHERE x.id = 5", "a.id=5; a: whole"},
      {"SELECT * FROM a x, a y WHERE x.id = 5 AND y.k = x.id", "a.id=5; a.k=5"},
      {"SELECT * FROM a, b WHERE a.name = b.name AND b.name = 'x'", "a.name=x; b.name=x"},
      {"SELECT * FROM a, b WHERE a.tag = b.name AND b.name = 'x'", "a: whole; b.name=x"},
      {"SELECT * FROM a, b WHERE a.price = b.k AND b.k = 1", "a: whole; b.k=1"},
  });
}

TEST(KeyedReferencesTest, OnSaysNothingOfThePreservedSide) {
  expect({
      {"SELECT * FROM a LEFT JOIN b ON b.a_id = a.id WHERE a.id = 5", "a.id=5; b.a_id=5"},
      {"SELECT * FROM a LEFT JOIN b ON b.a_id = a.id AND a.k = 5", "a: whole; b: whole"},
      {"SELECT * FROM a LEFT JOIN b ON b.k = 5", "a: whole; b.k=5"},
      {"SELECT * FROM a LEFT JOIN b ON a.k = 5", "a: whole; b: whole"},
      {"SELECT * FROM b RIGHT JOIN a ON b.a_id = a.id WHERE a.id = 5", "b.a_id=5; a.id=5"},
      {"SELECT * FROM b RIGHT JOIN a ON b.k = 5 AND a.k = 6", "b.k=5; a: whole"},
      {"SELECT * FROM a LEFT JOIN b ON b.a_id = a.k AND a.k = 3", "a: whole; b.a_id=3"},
      {"SELECT * FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.k = 5", "a: whole; b.k=5"},
      {"SELECT * FROM a LEFT JOIN b ON true WHERE b.a_id = a.id AND b.a_id = 5",
       "a.id=5; b.a_id=5"},
      {"SELECT * FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.k IS NULL", "a: whole; b: whole"},
      {"SELECT * FROM a LEFT JOIN (b JOIN c ON c.b_id = b.id AND c.k = 1) ON b.a_id = a.id "
       "WHERE a.id = 5",
       "a.id=5; b.a_id=5; c.k=1"},
      {"SELECT * FROM a LEFT JOIN (b LEFT JOIN c ON c.b_id = b.a_id) ON b.a_id = a.id "
       "WHERE a.id = 5",
       "a.id=5; b.a_id=5; c.b_id=5"},
      {"SELECT * FROM a LEFT JOIN (b LEFT JOIN c ON c.b_id = b.id AND b.k = 4) ON b.a_id = a.id",
       "a: whole; b: whole; c: whole"},
      {"SELECT * FROM (a JOIN b ON b.a_id = a.id AND a.k = 4) LEFT JOIN c ON c.b_id = a.k",
       "a.k=4; b: whole; c.b_id=4"},
      {"SELECT * FROM c LEFT JOIN (a JOIN b ON a.k = 4) ON c.b_id = a.k",
       "c: whole; a.k=4; b: whole"},
      {"SELECT * FROM a LEFT JOIN b ON b.k = 5 JOIN c ON c.k = b.k", "a: whole; b.k=5; c: whole"},
  });
}

TEST(KeyedReferencesTest, OnOfAFullJoinSaysNothing) {
  expect({
      {"SELECT count(*) FROM a x FULL JOIN b y ON x.v = y.k AND y.id = 1", "a: whole; b: whole"},
      {"SELECT * FROM a FULL JOIN b ON a.id = b.a_id AND a.id = 5", "a: whole; b: whole"},
      {"SELECT * FROM a FULL JOIN b ON a.id = b.a_id WHERE a.id = 5", "a.id=5; b: whole"},
      {"SELECT * FROM a FULL JOIN b ON true WHERE a.id = 5 AND a.id = b.k", "a.id=5; b.k=5"},
      {"SELECT * FROM (a JOIN c ON c.k = 3 AND a.id = c.k) FULL JOIN b ON a.id = b.a_id",
       "a.id=3; c.k=3; b: whole"},
      {"SELECT * FROM a JOIN (b FULL JOIN c ON b.id = 3 AND c.b_id = b.id) ON a.id = b.id",
       "a: whole; b: whole; c: whole"},
  });
}

TEST(KeyedReferencesTest, UsingMergesColumnsAndNaturalHidesThem) {
  expect({
      {"SELECT * FROM a JOIN b USING (k) WHERE k = 5", "a.k=5; b.k=5"},
      {"SELECT * FROM a JOIN b USING (k) WHERE b.k = 5", "a.k=5; b.k=5"},
      {"SELECT * FROM a JOIN b USING (k) JOIN c USING (k) WHERE c.k = 5", "a.k=5; b.k=5; c.k=5"},
      {"SELECT * FROM a LEFT JOIN b USING (k) WHERE k = 5", "a.k=5; b.k=5"},
      {"SELECT * FROM a RIGHT JOIN b USING (k) WHERE k = 5", "a.k=5; b.k=5"},
      {"SELECT * FROM a FULL JOIN b USING (k) WHERE k = 5", "a: whole; b: whole"},
      {"SELECT * FROM a FULL JOIN b USING (k) WHERE a.k = 5", "a.k=5; b: whole"},
      {"SELECT * FROM a FULL JOIN b USING (k) JOIN c USING (k) WHERE c.k = 5",
       "a: whole; b: whole; c.k=5"},
      {"SELECT * FROM a LEFT JOIN b USING (k) JOIN c ON c.k = b.k WHERE c.k = 5",
       "a: whole; b.k=5; c.k=5"},
      {"SELECT * FROM a JOIN b USING (k) AS j WHERE j.k = 5", "a: whole; b: whole"},
      {"SELECT * FROM a JOIN b USING (k) AS j WHERE a.k = 5", "a.k=5; b.k=5"},
      {"SELECT * FROM a NATURAL JOIN b WHERE k = 5", "a: whole; b: whole"},
      {"SELECT * FROM a NATURAL JOIN b WHERE y = 5", "a: whole; b: whole"},
      {"SELECT * FROM a NATURAL JOIN b WHERE a.k = 5", "a.k=5; b: whole"},
      {"SELECT * FROM a NATURAL FULL JOIN b WHERE k = 5", "a: whole; b: whole"},
      {"SELECT * FROM a NATURAL FULL JOIN loose WHERE k = 5", "a: whole; loose: whole"},
      {"SELECT * FROM a NATURAL JOIN b, c WHERE y = 5", "a: whole; b: whole; c.y=5"},
      {"SELECT * FROM (a JOIN b ON a.k = 1) AS j WHERE a.id = 5 AND j.x = 3 AND x = 4",
       "a.k=1; b: whole"},
      {"SELECT * FROM a JOIN loose USING (k) WHERE k = 5", "a: whole; loose: whole"},
      {"SELECT * FROM loose JOIN a USING (k) WHERE a.k = 5", "loose: whole; a.k=5"},
  });
}

TEST(KeyedReferencesTest, NamesMeanWhatIsInSight) {
  expect({
      {"SELECT * FROM a, b WHERE x = 5", "a: whole; b.x=5"},
      {"SELECT * FROM a, b WHERE k = 5", "a: whole; b: whole"},
      {"SELECT * FROM a, b WHERE z = 5 AND z.k = 6", "a: whole; b: whole"},
      {"SELECT * FROM a JOIN other.a ON true WHERE public.a.k = 5 AND other.a.k = 6",
       "a.k=5; a.k=6"},
      {"SELECT * FROM a JOIN other.a ON true WHERE a.k = 5", "a: whole; a: whole"},
      {"SELECT * FROM a, b JOIN c ON x = 5", "a: whole; b.x=5; c: whole"},
      // An ON sees its own join alone; what else it names is of an outer level.
      {"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM a i, b JOIN c ON u = $1)",
       "a: whole; a: whole; b: whole; c: whole"},
      {"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM a, b JOIN c ON a.k = 5)",
       "a: whole; a: whole; b: whole; c: whole"},
      {"SELECT * FROM a, b JOIN c ON a.k = 5", "a: whole; b: whole; c: whole"},
      {"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE u = $1)", "a: whole; b: whole"},
      {"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b a WHERE a.u = $1)", "a: whole; b: whole"},
      {"SELECT * FROM \"a\" WHERE \"a\".\"ID\" = 5", "a: whole"},
      {"SELECT * FROM a WHERE a.id.x = 5", "a: whole"},
      {"SELECT * FROM a WHERE (a).id = 5", "a: whole"},
  });
}

TEST(KeyedReferencesTest, EveryQueryIsALevelOfItsOwn) {
  expect({
      {"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE w = 5)", "a: whole; b: whole"},
      {"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM c WHERE name = 'x')", "a: whole; c: whole"},
      {"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = 5 AND b.a_id = a.id)",
       "a: whole; b.k=5"},
      {"SELECT * FROM a WHERE id = 5 AND EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id)",
       "a.id=5; b: whole"},
      {"SELECT * FROM a WHERE id = 5 AND NOT EXISTS (SELECT 1 FROM b WHERE k = 6)",
       "a.id=5; b.k=6"},
      {"SELECT * FROM a WHERE k NOT IN (SELECT k FROM b WHERE b.id = 6)", "a: whole; b.id=6"},
      {"SELECT (SELECT max(v) FROM b WHERE b.k = 6) FROM a WHERE id = 5", "a.id=5; b.k=6"},
      {"SELECT * FROM a WHERE id = 5 ORDER BY (SELECT v FROM b WHERE k = 6)", "a.id=5; b.k=6"},
      {"SELECT v FROM a WHERE id = 5 GROUP BY v HAVING v > (SELECT v FROM b WHERE k = 6)",
       "a.id=5; b.k=6"},
      {"SELECT * FROM a JOIN c ON c.k = (SELECT k FROM b WHERE b.id = 6)",
       "a: whole; c: whole; b.id=6"},
      {"SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.a_id = a.id) l WHERE a.id = 5",
       "a.id=5; b: whole"},
      {"SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.k = 6) l WHERE l.id = 5",
       "a: whole; b.k=6"},
      {"SELECT * FROM generate_series(1, (SELECT v FROM b WHERE k = 6)) g", "b.k=6"},
      {"SELECT * FROM a, generate_series(1, 2) k WHERE k = 5", "a.k=5"},
      {"VALUES ((SELECT v FROM b WHERE k = 6))", "b.k=6"},
      {"SELECT * FROM a WHERE id = 5 LIMIT (SELECT v FROM b WHERE k = 6)", "a.id=5; b.k=6"},
      {"SELECT coalesce((SELECT v FROM b WHERE k = 6), (SELECT v FROM c)) FROM a",
       "a: whole; b.k=6; c: whole"},
      {"SELECT count(*) OVER (PARTITION BY (SELECT v FROM b WHERE k = 6)) FROM a",
       "a: whole; b.k=6"},
      {"SELECT id FROM a WHERE id = 1 UNION SELECT id FROM b WHERE k = 2 EXCEPT SELECT 1 FROM c",
       "a.id=1; b.k=2; c: whole"},
      {"SELECT id FROM a WHERE id = 1 UNION ALL SELECT id FROM a WHERE k = 2", "a.id=1; a.k=2"},
      {"SELECT * FROM a TABLESAMPLE system (10) WHERE id = 5",
       "a: it is read in a way that is not understood"},
  });
}

TEST(KeyedReferencesTest, AWithQueryIsALevelAndHidesTables) {
  expect({
      {"WITH q AS (SELECT * FROM a WHERE id = 5) SELECT * FROM q", "a.id=5"},
      {"WITH q AS (SELECT * FROM a) SELECT * FROM q WHERE id = 5", "a: whole"},
      {"WITH q AS (SELECT * FROM a WHERE id = 5) SELECT 1", "a.id=5"},
      {"WITH a AS (SELECT * FROM b WHERE k = 6) SELECT * FROM a WHERE id = 5", "b.k=6"},
      {"WITH a AS (SELECT * FROM a WHERE k = 6) SELECT * FROM a WHERE id = 5", "a.k=6"},
      {"WITH a AS (SELECT 1 AS id) SELECT * FROM public.a WHERE id = 5", "a.id=5"},
      {"WITH q AS (SELECT 1) SELECT * FROM a, q WHERE q.id = 5 AND a.k = 1", "a.k=1"},
      {"SELECT * FROM a WHERE id IN (WITH a AS (SELECT 1) SELECT * FROM a)", "a: whole"},
      {"WITH RECURSIVE q AS (SELECT * FROM b WHERE id = 5 UNION ALL "
       "SELECT b.* FROM b JOIN q ON b.a_id = q.id) SELECT * FROM q",
       "b.id=5; b: whole"},
      {"WITH RECURSIVE q AS (SELECT * FROM b WHERE id = 5 UNION ALL "
       "SELECT b.* FROM b JOIN q ON b.a_id = q.id WHERE b.k = 7) SELECT * FROM q",
       "b.id=5; b.k=7"},
      {"WITH q AS (SELECT * FROM a WHERE id = 1) SELECT * FROM (SELECT * FROM q) d WHERE d.id = 2",
       "a.id=1"},
  });
}

TEST(KeyedReferencesTest, ADerivedTableThatOnlyPicksAndFiltersIsPartOfItsLevel) {
  expect({
      {"SELECT * FROM (SELECT * FROM a) d WHERE d.id = 5", "a.id=5"},
      {"SELECT * FROM (SELECT * FROM a) d WHERE id = 5", "a.id=5"},
      {"SELECT * FROM (SELECT a.* FROM a, b) d WHERE id = 5", "a.id=5; b: whole"},
      {"SELECT * FROM (SELECT k AS id, id AS k FROM a) d WHERE d.id = 5", "a.k=5"},
      {"SELECT * FROM (SELECT id::text AS k, 1 AS one, k AS real FROM a) d WHERE real = 5 AND one "
       "= 1",
       "a.k=5"},
      {"SELECT * FROM (SELECT id + 1 AS id FROM a) d WHERE d.id = 5", "a: whole"},
      {"SELECT * FROM (SELECT id::text AS id FROM a) d WHERE d.id = 5", "a: whole"},
      {"SELECT * FROM (SELECT id FROM a WHERE k = 1) d", "a.k=1"},
      {"SELECT * FROM (SELECT id, k FROM a) d (k, id) WHERE d.k = 5", "a: whole"},
      {"SELECT * FROM (SELECT * FROM (SELECT * FROM a) d) e JOIN b ON b.a_id = e.id WHERE e.id = 5",
       "a.id=5; b.a_id=5"},
      {"SELECT * FROM (SELECT a_id AS i FROM b WHERE b.k = b.x) d (id) WHERE id = 5", "b: whole"},
      {"SELECT * FROM a LEFT JOIN (SELECT * FROM b WHERE b.k = 6) d ON d.a_id = a.id",
       "a: whole; b.k=6"},
      {"SELECT * FROM a LEFT JOIN (SELECT * FROM b WHERE b.k = b.x) d ON d.a_id = a.id AND d.x = 7",
       "a: whole; b.k=7"},
      {"SELECT * FROM (SELECT a.id FROM a WHERE a.k = 6) d LEFT JOIN b ON b.k = d.id AND d.id = 1",
       "a.k=6; b.k=1"},
      {"SELECT * FROM (SELECT a.k FROM a LEFT JOIN b ON b.a_id = a.id) d JOIN c ON c.k = d.k "
       "WHERE c.k = 3",
       "a.k=3; b: whole; c.k=3"},
      {"SELECT * FROM (SELECT * FROM a JOIN b USING (k)) d WHERE d.k = 5", "a.k=5; b.k=5"},
      {"SELECT * FROM (SELECT * FROM a FULL JOIN b USING (k)) d WHERE d.k = 5",
       "a: whole; b: whole"},
      {"SELECT * FROM (SELECT * FROM a NATURAL JOIN b) d WHERE d.k = 5", "a: whole; b: whole"},
      {"SELECT * FROM (SELECT * FROM a WHERE id = 3 OR EXISTS (SELECT FROM b WHERE k = 1)) d "
       "WHERE d.k = 5",
       "a.k=5; b.k=1"},
  });
}

TEST(KeyedReferencesTest, NothingIsCarriedIntoWhatDoesMore) {
  for (const char* inside :
       {"SELECT DISTINCT id FROM a", "SELECT DISTINCT ON (k) id FROM a", "SELECT id FROM a LIMIT 1",
        "SELECT id FROM a OFFSET 1", "SELECT id FROM a ORDER BY v FETCH FIRST ROW ONLY",
        "SELECT id FROM a ORDER BY count(*)", "SELECT id FROM a GROUP BY id",
        "SELECT 1 AS id FROM a HAVING true", "SELECT max(id) AS id FROM a",
        "SELECT id, row_number() OVER () FROM a", "SELECT id, generate_series(1, 2) FROM a",
        "SELECT id, a.count FROM a", "SELECT id, (a).count FROM a",
        "SELECT id, (SELECT count(a.k)) FROM a", "SELECT id, coalesce(count(*), 1) FROM a",
        "SELECT id FROM a WINDOW w AS (ORDER BY v)", "SELECT id FROM a UNION SELECT 1",
        "WITH q AS (SELECT 1) SELECT id FROM a", "SELECT id, random()::int FROM a"}) {
    const std::string keys =
        KeyedShop{}.keys("SELECT * FROM (" + std::string{inside} + ") d WHERE d.id = 5");
    EXPECT_EQ(keys, "a: whole") << inside;
  }
  expect({
      {"SELECT * FROM (SELECT id, rank() OVER (ORDER BY v) FROM a WHERE k = 1) d WHERE d.id = 5",
       "a.k=1"},
      {"SELECT * FROM (SELECT id FROM a WHERE k = 1 LIMIT 3) d WHERE d.id = 5", "a.k=1"},
      {"SELECT * FROM (SELECT a.* FROM a JOIN b ON b.a_id = a.id WHERE b.k = 2 LIMIT 3) d "
       "WHERE d.id = 5",
       "a: whole; b.k=2"},
  });
}

TEST(KeyedReferencesTest, AViewIsReadLikeADerivedTable) {
  KeyedShop shop;
  shop.add_view("all_a", "SELECT a.id, a.k AS key, a.name FROM a;");
  shop.add_view("new_a", "SELECT a.id, a.k FROM a WHERE (a.name = 'new'::text);");
  shop.add_view("pairs", "SELECT a.id, b.k FROM (a LEFT JOIN b ON ((b.a_id = a.id)));");
  shop.add_view("counts", "SELECT a.k, count(*) AS n FROM a GROUP BY a.k;");
  shop.add_view("nested", "SELECT all_a.id, all_a.key AS k FROM all_a;");
  shop.add_view("negative", "SELECT a.id FROM a WHERE (a.k = -5);");
  shop.add_view("broken", "SELECT FROM WHERE");
  expect(
      {
          {"SELECT * FROM all_a WHERE id = $1", "a.id=$1"},
          {"SELECT * FROM all_a WHERE key = 3", "a.k=3"},
          {"SELECT * FROM all_a WHERE k = 3", "a: whole"},
          {"SELECT * FROM all_a AS v WHERE v.key = 3", "a.k=3"},
          {"SELECT * FROM public.all_a WHERE public.all_a.key = 3", "a.k=3"},
          {"SELECT * FROM all_a AS v (key, id) WHERE v.key = 3", "a: whole"},
          {"SELECT * FROM new_a WHERE k = 3", "a.k=3"},
          {"SELECT * FROM new_a WHERE k > 3", "a.name=new"},
          {"SELECT * FROM b LEFT JOIN new_a ON true", "b: whole; a.name=new"},
          {"SELECT * FROM pairs WHERE id = 3", "a.id=3; b.a_id=3"},
          {"SELECT * FROM pairs WHERE k = 3", "a: whole; b.k=3"},
          {"SELECT * FROM counts WHERE k = 3", "a: whole"},
          {"SELECT * FROM nested WHERE k = 3", "a.k=3"},
          {"SELECT * FROM negative", "a.k=-5"},
          {"SELECT * FROM nested x JOIN nested y USING (id) WHERE id = 3", "a.id=3; a.id=3"},
          {"SELECT * FROM all_a x, a y WHERE x.id = 3", "a.id=3; a: whole"},
          {"WITH a AS (SELECT 1) SELECT * FROM all_a WHERE id = 3", "a.id=3"},
          {"SELECT * FROM broken", "problem: a view is not understood"},
          {"SELECT * FROM all_a TABLESAMPLE system (10)",
           "problem: a view is read in a way that is not understood"},
      },
      shop);
}

TEST(KeyedReferencesTest, WhatIsNotUnderstoodMakesEverythingWhole) {
  EXPECT_EQ(KeyedShop{}.keys("SELECT * FROM nobody WHERE id = 5"), "problem: a name is not known");
  EXPECT_EQ(KeyedShop{}.keys("WITH q AS (DELETE FROM a RETURNING *) SELECT * FROM a WHERE id = 5"),
            "problem: DeleteStmt is not understood");
  EXPECT_EQ(KeyedShop{}.keys("SELECT * FROM a WHERE CURRENT OF c AND id = 5").substr(0, 8),
            "problem:");
  std::string many = "SELECT * FROM a t0";
  for (int i = 1; i < 200; ++i) many += ", a t" + std::to_string(i);
  EXPECT_EQ(KeyedShop{}.keys(many), "problem: it names too many tables");
  KeyedShop shop;
  shop.add_view("v0", "SELECT 1 AS one");
  for (int i = 1; i < 40; ++i) {
    const std::string below = "v" + std::to_string(i - 1);
    shop.add_view("v" + std::to_string(i), "SELECT 1 AS one FROM " + below + " x, " + below + " y");
  }
  EXPECT_EQ(shop.keys("SELECT * FROM v39"), "problem: it names too many views");
}

TEST(KeyedReferencesTest, AReferenceSaysTheColumnItsNumberAndItsType) {
  const KeyedReferences found = KeyedShop{}.read("SELECT * FROM a WHERE u = $2 AND $1 > 0");
  ASSERT_EQ(found.references.size(), 1U);
  ASSERT_TRUE(found.references[0].key);
  const spi::KeyedReference& key = *found.references[0].key;
  EXPECT_EQ(key.relation, "1");
  EXPECT_EQ(key.column, "7");
  EXPECT_EQ(key.type, "uuid");
  EXPECT_EQ(key.relation_name, "public.a");
  EXPECT_EQ(key.column_name, "u");
  EXPECT_EQ(key.values, (std::vector<spi::KeyValue>{{2, false, {}}}));
}

}  // namespace
}  // namespace weir::postgres::test
