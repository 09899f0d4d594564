#include "tests/support/chinook.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/support/servers.hpp"

namespace weir::test {
namespace {

std::filesystem::path data_file(Engine engine) {
  const std::string name =
      engine == Engine::kPostgres ? "Chinook_PostgreSql.sql" : "Chinook_Sqlite.sql";
  const std::filesystem::path beside =
      std::filesystem::path{WEIR_SOURCE_DIR}.parent_path() / "shared" / "data";
  const std::string given = environment("WEIR_TEST_DATA");
  const std::filesystem::path folder = given.empty() ? beside : std::filesystem::path{given};
  for (const char* subfolder : {"", "chinook"}) {
    std::error_code ignored;
    if (auto file = folder / subfolder / name; std::filesystem::exists(file, ignored)) return file;
  }
  return {};
}

std::string generated_script(Engine engine) {
  std::string script = R"(
CREATE TABLE artist (artist_id INT PRIMARY KEY, name VARCHAR(120));
CREATE TABLE album (album_id INT PRIMARY KEY, title VARCHAR(160) NOT NULL,
  artist_id INT NOT NULL REFERENCES artist);
CREATE TABLE employee (employee_id INT PRIMARY KEY, last_name VARCHAR(20) NOT NULL,
  first_name VARCHAR(20) NOT NULL, title VARCHAR(30), reports_to INT REFERENCES employee,
  hire_date TIMESTAMP, city VARCHAR(40));
CREATE TABLE customer (customer_id INT PRIMARY KEY, first_name VARCHAR(40) NOT NULL,
  last_name VARCHAR(20) NOT NULL, company VARCHAR(80), city VARCHAR(40), country VARCHAR(40),
  email VARCHAR(60) NOT NULL, support_rep_id INT REFERENCES employee);
CREATE TABLE genre (genre_id INT PRIMARY KEY, name VARCHAR(120));
CREATE TABLE media_type (media_type_id INT PRIMARY KEY, name VARCHAR(120));
CREATE TABLE playlist (playlist_id INT PRIMARY KEY, name VARCHAR(120));
CREATE TABLE track (track_id INT PRIMARY KEY, name VARCHAR(200) NOT NULL,
  album_id INT REFERENCES album, media_type_id INT NOT NULL REFERENCES media_type,
  genre_id INT REFERENCES genre, composer VARCHAR(220), milliseconds INT NOT NULL, bytes INT,
  unit_price NUMERIC(10,2) NOT NULL);
CREATE TABLE playlist_track (playlist_id INT NOT NULL REFERENCES playlist,
  track_id INT NOT NULL REFERENCES track, PRIMARY KEY (playlist_id, track_id));
CREATE TABLE invoice (invoice_id INT PRIMARY KEY, customer_id INT NOT NULL REFERENCES customer,
  invoice_date TIMESTAMP NOT NULL, billing_city VARCHAR(40), billing_country VARCHAR(40),
  total NUMERIC(10,2) NOT NULL);
CREATE TABLE invoice_line (invoice_line_id INT PRIMARY KEY,
  invoice_id INT NOT NULL REFERENCES invoice, track_id INT NOT NULL REFERENCES track,
  unit_price NUMERIC(10,2) NOT NULL, quantity INT NOT NULL);
)";
  const auto rows = [&](const char* table, int count, auto&& row) {
    script += fmt::format("INSERT INTO {} VALUES ", table);
    for (int i = 1; i <= count; ++i) script += (i == 1 ? "" : ",") + row(i);
    script += ";\n";
  };
  const auto named = [](int i) { return fmt::format("({0}, 'Name {0}')", i); };
  rows("artist", 60, named);
  rows("genre", 25, named);
  rows("media_type", 5, named);
  rows("playlist", 18, named);
  rows("employee", 8, [](int i) {
    return fmt::format("({0}, 'Last{0}', 'First{0}', 'Title{1}', {2}, '2003-0{0}-01', 'Calgary')",
                       i, i / 3, i == 1 ? "NULL" : std::to_string(i / 2));
  });
  rows("album", 120, [](int i) { return fmt::format("({0}, 'Album {0}', {1})", i, i % 50 + 1); });
  rows("track", 900, [](int i) {
    return fmt::format("({0}, 'Track {0}', {1}, {2}, {3}, {4}, {5}, {6}, {7})", i, i % 120 + 1,
                       i % 5 + 1, i % 25 + 1, i % 4 == 0 ? "NULL" : fmt::format("'Comp {}'", i % 9),
                       100'000 + i * 317 % 400'000, i * 1000, i % 10 == 0 ? "1.99" : "0.99");
  });
  rows("playlist_track", 1500,
       [](int i) { return fmt::format("({}, {})", i % 17 + 1, i / 17 * 10 % 900 + i % 10 + 1); });
  rows("customer", 59, [](int i) {
    return fmt::format("({0}, 'First{0}', 'Last{0}', {1}, 'City{2}', 'Country{3}', 'c{0}@x', {4})",
                       i, i % 3 == 0 ? "'Company'" : "NULL", i % 20, i % 11, i % 3 + 3);
  });
  rows("invoice", 400, [](int i) {
    return fmt::format("({}, {}, '20{:02}-{:02}-{:02} 00:00:00', 'City{}', 'Country{}', {}.{:02})",
                       i, i % 59 + 1, 21 + i % 5, i % 12 + 1, i % 28 + 1, i % 20, i % 11, i % 20,
                       i % 100);
  });
  rows("invoice_line", 2000, [](int i) {
    return fmt::format("({}, {}, {}, 0.99, {})", i, i % 400 + 1, i * 7 % 900 + 1, i % 3 + 1);
  });
  return chinook_sql(engine, script);
}

}  // namespace

std::string chinook_sql(Engine engine, const std::string& sql) {
  if (engine == Engine::kPostgres) return sql;
  static const std::regex kNames{
      "\\b(invoice_line_id|invoice_line|playlist_track|media_type_id|media_type|unit_price|"
      "first_name|last_name|reports_to|hire_date|support_rep_id|invoice_date|billing_city|"
      "billing_country|(?:artist|album|track|genre|playlist|customer|employee|invoice)_id)\\b"};
  std::string translated;
  std::string::const_iterator from = sql.begin();
  for (std::sregex_iterator match{sql.begin(), sql.end(), kNames}, end; match != end; ++match) {
    translated.append(from, (*match)[0].first);
    for (const char c : match->str())
      if (c != '_') translated += c;
    from = (*match)[0].second;
  }
  return translated.append(from, sql.end());
}

std::string chinook_script(Engine engine) {
  const std::filesystem::path file = data_file(engine);
  if (file.empty()) return generated_script(engine);
  std::ifstream in{file};
  std::string script;
  // One transaction, and without the lines that make and enter a database of its own.
  static const std::regex kOwnDatabase{R"(^\s*(DROP DATABASE|CREATE DATABASE|\\c\b).*)"};
  for (std::string line; std::getline(in, line);)
    if (!std::regex_match(line, kOwnDatabase)) script += line + "\n";
  return "BEGIN;\n" + script + "\nCOMMIT;\n";
}

std::string chinook_views(Engine engine) {
  return chinook_sql(engine, R"(
CREATE VIEW customer_spend AS
  SELECT c.customer_id, c.country, sum(i.total) AS spent, count(i.invoice_id) AS invoices
  FROM customer c LEFT JOIN invoice i ON i.customer_id = c.customer_id
  GROUP BY c.customer_id, c.country;
CREATE VIEW country_spend AS
  SELECT country, sum(spent) AS spent, count(*) AS customers FROM customer_spend GROUP BY country;
CREATE VIEW long_track AS
  SELECT t.track_id, t.name, a.title, t.milliseconds
  FROM track t JOIN album a ON a.album_id = t.album_id WHERE t.milliseconds > 400000;
)");
}

std::vector<ChinookQuery> chinook_queries(Engine engine) {
  std::vector<ChinookQuery> queries{
      {"artist by id", "SELECT * FROM artist WHERE artist_id = $1", {7}},
      {"absent artist", "SELECT * FROM artist WHERE artist_id = $1", {999'999}},
      {"genres", "SELECT * FROM genre ORDER BY genre_id"},
      {"media types", "SELECT name FROM media_type ORDER BY media_type_id"},
      {"albums of an artist",
       "SELECT album_id, title FROM album WHERE artist_id = $1 ORDER BY album_id",
       {1}},
      {"album page",
       "SELECT t.track_id, t.name, t.milliseconds, t.unit_price, g.name AS genre, m.name AS medium "
       "FROM track t JOIN genre g ON g.genre_id = t.genre_id JOIN media_type m "
       "ON m.media_type_id = t.media_type_id WHERE t.album_id = $1 ORDER BY t.track_id",
       {3}},
      {"artists without albums",
       "SELECT a.artist_id, a.name FROM artist a LEFT JOIN album b ON b.artist_id = a.artist_id "
       "WHERE b.album_id IS NULL ORDER BY a.artist_id"},
      {"tracks per genre",
       "SELECT g.name, count(t.track_id) AS n FROM genre g LEFT JOIN track t "
       "ON t.genre_id = g.genre_id GROUP BY g.genre_id, g.name ORDER BY n DESC, g.name"},
      {"genres with many tracks",
       "SELECT genre_id, count(*) FROM track GROUP BY genre_id HAVING count(*) > 30 "
       "ORDER BY genre_id"},
      {"price range",
       "SELECT min(unit_price), max(unit_price), count(DISTINCT unit_price) FROM track"},
      {"longest tracks",
       "SELECT track_id, name, milliseconds FROM track ORDER BY milliseconds DESC, track_id "
       "LIMIT 10"},
      {"third page of tracks",
       "SELECT track_id, name FROM track ORDER BY name, track_id LIMIT 20 OFFSET 40"},
      {"invoices of a customer",
       "SELECT invoice_id, invoice_date, total FROM invoice WHERE customer_id = $1 "
       "ORDER BY invoice_id DESC",
       {23}},
      {"lines of an invoice",
       "SELECT l.invoice_line_id, t.name, l.unit_price, l.quantity, l.unit_price * l.quantity "
       "AS amount FROM invoice_line l JOIN track t ON t.track_id = l.track_id "
       "WHERE l.invoice_id = $1 ORDER BY l.invoice_line_id",
       {100}},
      {"sales per country",
       "SELECT billing_country, sum(total) AS sales, count(*) AS n FROM invoice "
       "GROUP BY billing_country ORDER BY billing_country"},
      {"best customers",
       "SELECT c.customer_id, c.last_name, sum(i.total) AS spent FROM customer c JOIN invoice i "
       "ON i.customer_id = c.customer_id GROUP BY c.customer_id, c.last_name "
       "ORDER BY spent DESC, c.customer_id LIMIT 10"},
      {"best tracks",
       "SELECT t.name, sum(l.quantity) AS sold FROM invoice_line l JOIN track t "
       "ON t.track_id = l.track_id GROUP BY t.track_id, t.name "
       "ORDER BY sold DESC, t.track_id LIMIT 10"},
      {"sales per artist",
       "SELECT ar.name, sum(l.unit_price * l.quantity) AS sales FROM invoice_line l "
       "JOIN track t ON t.track_id = l.track_id JOIN album al ON al.album_id = t.album_id "
       "JOIN artist ar ON ar.artist_id = al.artist_id GROUP BY ar.artist_id, ar.name "
       "ORDER BY sales DESC, ar.artist_id LIMIT 15"},
      {"tracks never sold",
       "SELECT count(*) FROM track t WHERE NOT EXISTS (SELECT 1 FROM invoice_line l "
       "WHERE l.track_id = t.track_id)"},
      {"tracks in no playlist",
       "SELECT count(*) FROM track WHERE track_id NOT IN (SELECT track_id FROM playlist_track)"},
      {"playlist sizes",
       "SELECT p.playlist_id, p.name, count(pt.track_id) AS n FROM playlist p "
       "LEFT JOIN playlist_track pt ON pt.playlist_id = p.playlist_id "
       "GROUP BY p.playlist_id, p.name ORDER BY p.playlist_id"},
      {"playlist length",
       "SELECT sum(t.milliseconds) FROM playlist_track pt JOIN track t "
       "ON t.track_id = pt.track_id WHERE pt.playlist_id = $1",
       {17}},
      {"reports of an employee",
       "SELECT employee_id, first_name, last_name FROM employee WHERE reports_to = $1 "
       "ORDER BY employee_id",
       {2}},
      {"employees and their managers",
       "SELECT e.last_name, m.last_name AS manager FROM employee e LEFT JOIN employee m "
       "ON m.employee_id = e.reports_to ORDER BY e.employee_id"},
      {"chain of command",
       "WITH RECURSIVE chain(employee_id, depth) AS (SELECT employee_id, 0 FROM employee "
       "WHERE reports_to IS NULL UNION ALL SELECT e.employee_id, c.depth + 1 FROM employee e "
       "JOIN chain c ON e.reports_to = c.employee_id WHERE c.depth < 10) "
       "SELECT employee_id, depth FROM chain ORDER BY depth, employee_id"},
      {"sales per support rep",
       "SELECT e.employee_id, e.last_name, coalesce(sum(i.total), 0) AS sales FROM employee e "
       "LEFT JOIN customer c ON c.support_rep_id = e.employee_id LEFT JOIN invoice i "
       "ON i.customer_id = c.customer_id GROUP BY e.employee_id, e.last_name "
       "ORDER BY e.employee_id"},
      {"customers per country",
       "SELECT country, count(*) AS n FROM customer GROUP BY country ORDER BY n DESC, country"},
      {"customers with a company",
       "SELECT customer_id, company FROM customer WHERE company IS NOT NULL ORDER BY customer_id"},
      {"cte of big spenders",
       "WITH spent AS (SELECT customer_id, sum(total) AS total FROM invoice GROUP BY customer_id) "
       "SELECT c.last_name, s.total FROM spent s JOIN customer c ON c.customer_id = s.customer_id "
       "WHERE s.total > (SELECT avg(total) FROM spent) ORDER BY c.customer_id"},
      {"cte that shadows a table",
       "WITH genre AS (SELECT media_type_id AS genre_id, name FROM media_type) "
       "SELECT * FROM genre ORDER BY genre_id"},
      {"rank of tracks in genre",
       "SELECT * FROM (SELECT track_id, genre_id, rank() OVER (PARTITION BY genre_id "
       "ORDER BY milliseconds DESC) AS place FROM track) r WHERE place <= 2 "
       "ORDER BY genre_id, place, track_id"},
      {"running total",
       "SELECT invoice_id, total, sum(total) OVER (ORDER BY invoice_id) AS running FROM invoice "
       "WHERE customer_id = $1 ORDER BY invoice_id",
       {5}},
      {"neighbouring invoices",
       "SELECT invoice_id, lag(invoice_id) OVER w AS before, lead(invoice_id) OVER w AS after "
       "FROM invoice WHERE customer_id < 4 WINDOW w AS (PARTITION BY customer_id "
       "ORDER BY invoice_id) ORDER BY invoice_id"},
      {"quartiles of price",
       "SELECT quartile, count(*) FROM (SELECT ntile(4) OVER (ORDER BY unit_price, track_id) "
       "AS quartile FROM track) q GROUP BY quartile ORDER BY quartile"},
      {"union of cities",
       "SELECT city FROM customer UNION SELECT city FROM employee UNION "
       "SELECT billing_city FROM invoice ORDER BY 1"},
      {"customers who never bought genre 1",
       "SELECT customer_id FROM customer EXCEPT SELECT i.customer_id FROM invoice i "
       "JOIN invoice_line l ON l.invoice_id = i.invoice_id JOIN track t "
       "ON t.track_id = l.track_id WHERE t.genre_id = 1 ORDER BY 1"},
      {"genres bought and listed",
       "SELECT t.genre_id FROM track t JOIN invoice_line l ON l.track_id = t.track_id INTERSECT "
       "SELECT t.genre_id FROM track t JOIN playlist_track p ON p.track_id = t.track_id ORDER BY "
       "1"},
      {"full join of genres and media",
       "SELECT g.name AS genre, m.name AS medium FROM genre g FULL JOIN media_type m "
       "ON m.media_type_id = g.genre_id ORDER BY g.genre_id, m.media_type_id"},
      {"scalar subqueries",
       "SELECT (SELECT count(*) FROM artist) AS artists, (SELECT count(*) FROM album) AS albums, "
       "(SELECT max(total) FROM invoice) AS biggest"},
      {"correlated subquery",
       "SELECT a.album_id, (SELECT sum(t.milliseconds) FROM track t WHERE t.album_id = a.album_id) "
       "AS length FROM album a WHERE a.artist_id < 6 ORDER BY a.album_id"},
      {"case",
       "SELECT CASE WHEN milliseconds < 180000 THEN 'short' WHEN milliseconds < 300000 "
       "THEN 'middle' ELSE 'long' END AS class, count(*) FROM track GROUP BY 1 ORDER BY 1"},
      {"filtered aggregates",
       "SELECT count(*) FILTER (WHERE composer IS NULL) AS unknown, count(composer) AS known "
       "FROM track"},
      {"search",
       "SELECT track_id, name FROM track WHERE lower(name) LIKE '%love%' ORDER BY track_id"},
      {"view", "SELECT * FROM customer_spend WHERE customer_id < $1 ORDER BY customer_id", {9}},
      {"view over a view", "SELECT * FROM country_spend ORDER BY country"},
      {"view with a join", "SELECT * FROM long_track ORDER BY milliseconds, track_id LIMIT 12"},
      {"values and a table",
       "WITH v(n) AS (VALUES (1), (2), (99)) SELECT v.n, g.name FROM v LEFT JOIN genre g "
       "ON g.genre_id = v.n ORDER BY v.n"},
  };
  if (engine == Engine::kPostgres) {
    const std::vector<ChinookQuery> own{
        {"distinct on",
         "SELECT DISTINCT ON (customer_id) customer_id, invoice_id, total FROM invoice "
         "ORDER BY customer_id, invoice_date DESC, invoice_id DESC"},
        {"lateral",
         "SELECT a.artist_id, l.title FROM artist a CROSS JOIN LATERAL (SELECT title FROM album b "
         "WHERE b.artist_id = a.artist_id ORDER BY b.album_id LIMIT 1) l ORDER BY a.artist_id"},
        {"titles of an artist",
         "SELECT string_agg(title, ', ' ORDER BY album_id), array_agg(album_id ORDER BY album_id) "
         "FROM album WHERE artist_id = $1",
         {90}},
        {"grouping sets",
         "SELECT genre_id, media_type_id, count(*) FROM track GROUP BY GROUPING SETS "
         "((genre_id), (media_type_id), ()) ORDER BY 1 NULLS LAST, 2 NULLS LAST"},
        {"sales per year",
         "SELECT extract(year FROM invoice_date) AS year, sum(total) FROM invoice GROUP BY 1 "
         "ORDER BY 1"},
        {"median", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY milliseconds) FROM track"},
    };
    queries.insert(queries.end(), own.begin(), own.end());
  } else {
    const std::vector<ChinookQuery> own{
        {"titles of an artist",
         "SELECT group_concat(title, ', ') FROM (SELECT title FROM album WHERE artist_id = $1 "
         "ORDER BY album_id)",
         {90}},
        {"sales per year",
         "SELECT substr(invoice_date, 1, 4) AS year, sum(total) FROM invoice GROUP BY 1 ORDER BY "
         "1"},
        {"total", "SELECT total(quantity) FROM invoice_line"},
    };
    queries.insert(queries.end(), own.begin(), own.end());
  }
  for (ChinookQuery& query : queries) query.sql = chinook_sql(engine, query.sql);
  return queries;
}

}  // namespace weir::test
