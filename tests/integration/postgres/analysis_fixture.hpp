#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "drivers/postgres/analyzer.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"

namespace weir::postgres::test {

/// A shop with every kind of relation in a database of its own, weir installed, most of it tracked.
class AnalysisTest : public JournalTest {
 protected:
  void install() override {
    JournalTest::install();
    run(kShop);
  }

  spi::Analysis analyze(std::string_view sql) { return analyze(db(), sql); }
  spi::Analysis analyze(Pq& connection, std::string_view sql) {
    return analyzer_.analyze(connection, sql, in(std::chrono::seconds{20}));
  }
  static std::vector<std::string> names(const std::vector<spi::RelationUse>& uses) {
    std::vector<std::string> texts;
    for (const spi::RelationUse& use : uses) texts.push_back(use.name);
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  std::vector<std::string> dependencies(const spi::Analysis& analysis) {
    std::vector<std::string> texts;
    for (const std::string& id : analysis.dependencies) {
      texts.push_back(value("SELECT " + id + "::regclass"));
    }
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  /// From here on `db()` is another superuser's, with these roles granted: grants to the servers'
  /// own superuser would be seen by every test that runs at the same time.
  void log_in_as_member_of(const std::vector<std::string>& roles) {
    const std::string login = role("LOGIN SUPERUSER");
    for (const std::string& granted : roles) run("GRANT " + granted + " TO " + login);
    db() = connect(with(dsn(), {{"user", login}, {"password", "secret"}}));
  }
  /// The part of a report a person would look at first.
  static std::string report(const spi::Analysis& analysis) {
    return fmt::format("kind {}, cacheability {}, {}", static_cast<int>(analysis.kind),
                       static_cast<int>(analysis.cacheability), fmt::join(analysis.reasons, "; "));
  }

  Analyzer analyzer_;

  static constexpr const char* kShop = R"sql(
SET search_path = public;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE customers (id int PRIMARY KEY, name text, email varchar(50), born date, age int, note text, data jsonb,
                        created timestamptz, mood mood, tags text[]);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int REFERENCES customers, total numeric(10,2),
                     placed timestamptz, status text);
CREATE TABLE items (order_id bigint, product_id int, qty int);
CREATE TABLE products (id int PRIMARY KEY, name text, price numeric, sold daterange);
CREATE TABLE loose (id int, v text);
CREATE VIEW order_totals AS SELECT o.id, c.name, o.total FROM orders o JOIN customers c ON c.id = o.customer_id;
CREATE VIEW by_name AS SELECT name, sum(total) AS total FROM order_totals GROUP BY name;
CREATE VIEW recent AS SELECT * FROM orders WHERE placed > now() - interval '1 day';
CREATE VIEW lucky AS SELECT id FROM customers WHERE random() < 0.5;
CREATE VIEW over_loose AS SELECT l.v FROM loose l;
CREATE VIEW text_dates AS SELECT id, note AS born FROM customers;
CREATE VIEW over_catalog AS SELECT relname FROM pg_class;
CREATE MATERIALIZED VIEW sales AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY 1;
CREATE VIEW over_sales AS SELECT * FROM sales;
CREATE TABLE measures (at date, v int) PARTITION BY RANGE (at);
CREATE TABLE measures_2023 PARTITION OF measures FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE measures_2024 PARTITION OF measures FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (at);
CREATE TABLE measures_2024_1 PARTITION OF measures_2024 FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE animals (id int, name text);
CREATE TABLE dogs (bark text) INHERITS (animals);
CREATE TABLE puppies (weeks int) INHERITS (dogs);
CREATE TABLE "MiXed" ("Id" int, "select" text);
CREATE TABLE clocks (at timetz);
CREATE SEQUENCE numbers;
CREATE SCHEMA other;
CREATE TABLE other.orders (id int);
CREATE TABLE other.only_there (id int);
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE remote (id int) SERVER elsewhere;
CREATE TABLE hidden (x int);
CREATE FUNCTION f_plpgsql(int DEFAULT 0) RETURNS bigint LANGUAGE plpgsql STABLE
  AS $$BEGIN RETURN (SELECT count(*) FROM public.hidden) + $1; END$$;
CREATE FUNCTION f_liar() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN (SELECT count(*) FROM public.hidden); END$$;
CREATE FUNCTION f_volatile() RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.hidden VALUES (1); RETURN 1; END$$;
CREATE FUNCTION f_text() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT x FROM public.hidden';
CREATE FUNCTION f_atomic(a int) RETURNS bigint LANGUAGE sql STABLE
  BEGIN ATOMIC SELECT count(*) + a FROM products WHERE price > 1; END;
CREATE FUNCTION f_return() RETURNS bigint LANGUAGE sql STABLE RETURN (SELECT count(*) FROM by_name);
CREATE FUNCTION f_atomic_default(t timestamptz DEFAULT now()) RETURNS timestamptz LANGUAGE sql STABLE RETURN t;
CREATE FUNCTION f_atomic_now() RETURNS timestamptz LANGUAGE sql STABLE BEGIN ATOMIC SELECT now(); END;
CREATE FUNCTION f_atomic_definer() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
  BEGIN ATOMIC SELECT count(*) FROM products; END;
CREATE FUNCTION f_atomic_liar() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT f_liar(); END;
CREATE FUNCTION label(customers) RETURNS text LANGUAGE sql STABLE AS 'SELECT count(*)::text FROM public.hidden';
CREATE FUNCTION upper(mood) RETURNS text LANGUAGE sql STABLE AS 'SELECT count(*)::text FROM public.hidden';
CREATE FUNCTION op_reads(int, int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) + $1 + $2 FROM public.hidden';
CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = op_reads);
CREATE TYPE pair AS (a int, b date);
CREATE FUNCTION pair_to_bigint(pair) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.hidden';
CREATE CAST (pair AS bigint) WITH FUNCTION pair_to_bigint(pair) AS IMPLICIT;
CREATE TABLE pairs (p pair);
CREATE FUNCTION sum_step(bigint, int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT $1 + $2 + count(*) FROM public.hidden';
CREATE AGGREGATE hidden_sum(int) (SFUNC = sum_step, STYPE = bigint, INITCOND = '0');
CREATE FUNCTION is_small(int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT $1 < count(*) FROM public.hidden';
CREATE DOMAIN small AS int CHECK (is_small(VALUE));
CREATE DOMAIN day AS date;
INSERT INTO customers VALUES (1, 'Ann', 'a@x', '1990-01-01', 30, '2020-01-01', '{"a": 1}', now(), 'ok', '{x}');
INSERT INTO orders VALUES (1, 1, 10, now(), 'new'), (2, 1, 5.5, now(), 'paid');
INSERT INTO products VALUES (1, 'p', 3, '[2020-01-01,2021-01-01)');
SELECT weir.track(c.oid) FROM pg_class c
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname NOT IN ('loose', 'hidden');
SELECT weir.track('other.orders');
)sql";
};

}  // namespace weir::postgres::test
