#include "tests/support/real_database.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

#include "weir/clock.hpp"
#include "weir/open_driver.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 60s;  // for one step of a test, however busy the machine

spi::Deadline deadline() { return spi::Deadline::after(system_clock(), kLimit); }

/// A temporary folder, gone with this object.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp failed"};
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Feeds `script` to `program`, a shell command that reads `< file`.
void pipe_script(const Folder& folder, const std::string& program, const std::string& script) {
  static std::atomic<int> counter{0};
  const std::string file = folder.file(fmt::format("script{}.sql", ++counter));
  std::ofstream{file} << script;
  FILE* pipe = ::popen(fmt::format("exec 2>&1; {} < '{}'", program, file).c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error{"popen failed"};
  std::string output;
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.append(buffer.data(), n);
  if (::pclose(pipe) != 0) throw std::runtime_error{"the database's command failed: " + output};
}

// --- PostgreSQL ----------------------------------------------------------------------------------

class PostgresForeign final : public ForeignConnection {
 public:
  explicit PostgresForeign(const std::string& dsn)
      : connection_{PQconnectdb(dsn.c_str()), &PQfinish} {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail("connect");
    PQsetNoticeProcessor(
        connection_.get(), [](void* /*context*/, const char* /*text*/) {}, nullptr);
  }

  Rows run(const std::string& sql) override {
    const ResultPointer result = take(PQexec(connection_.get(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(sql);
    Rows rows(static_cast<std::size_t>(PQntuples(result.get())));
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      for (int column = 0; column < PQnfields(result.get()); ++column) {
        auto& cells = rows[static_cast<std::size_t>(row)];
        if (PQgetisnull(result.get(), row, column) != 0)
          cells.emplace_back();
        else
          cells.emplace_back(PQgetvalue(result.get(), row, column));
      }
    }
    return rows;
  }

  void copy(const std::string& sql, const std::string& lines) override {
    if (PQresultStatus(take(PQexec(connection_.get(), sql.c_str())).get()) != PGRES_COPY_IN)
      fail(sql);
    if (PQputCopyData(connection_.get(), lines.data(), static_cast<int>(lines.size())) != 1 ||
        PQputCopyEnd(connection_.get(), nullptr) != 1) {
      fail(sql);
    }
    bool failed = false;
    while (const ResultPointer result = take(PQgetResult(connection_.get())))
      failed = failed || PQresultStatus(result.get()) != PGRES_COMMAND_OK;
    if (failed) fail(sql);
  }

 private:
  using ResultPointer = std::unique_ptr<PGresult, decltype(&PQclear)>;
  static ResultPointer take(PGresult* result) { return {result, &PQclear}; }
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error{fmt::format("{}: {}", what, PQerrorMessage(connection_.get()))};
  }

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

std::string with_database(const std::string& dsn, const std::string& database) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{
      PQconninfoParse(dsn.c_str(), nullptr), &PQconninfoFree};
  if (parsed == nullptr) throw std::runtime_error{"the server's DSN is malformed"};
  std::string text;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    const std::string keyword = option->keyword;
    const std::string value = keyword == "dbname"      ? database
                              : option->val == nullptr ? std::string{}
                                                       : std::string{option->val};
    if (!value.empty()) text += fmt::format("{}='{}' ", keyword, value);
  }
  return text;
}

class PostgresDatabase final : public RealDatabase {
 public:
  explicit PostgresDatabase(std::string server) : server_{std::move(server)} {
    std::random_device random;
    name_ = fmt::format("weir_test_{:08x}{:08x}", random(), random());
    PostgresForeign{server_}.run(fmt::format("CREATE DATABASE {}", name_));
    options_.database = with_database(server_, name_);
  }
  ~PostgresDatabase() override {
    try {
      PostgresForeign{server_}.run(fmt::format("DROP DATABASE {} WITH (FORCE)", name_));
    } catch (const std::exception& error) {
      std::fputs(error.what(), stderr);
    }
  }
  [[nodiscard]] Engine engine() const noexcept override { return Engine::kPostgres; }
  [[nodiscard]] std::unique_ptr<ForeignConnection> foreign() const override {
    return std::make_unique<PostgresForeign>(options_.database);
  }
  void command_line(const std::string& script) const override {
    pipe_script(folder_,
                fmt::format("psql \"{}\" -X -q -v ON_ERROR_STOP=1 -o /dev/null", options_.database),
                script);
  }

 private:
  std::string server_;
  std::string name_;
  Folder folder_;
};

// --- SQLite --------------------------------------------------------------------------------------

class SqliteForeign final : public ForeignConnection {
 public:
  explicit SqliteForeign(const std::string& path) : database_{nullptr, &sqlite3_close} {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open(path.c_str(), &opened);
    database_.reset(opened);
    if (code != SQLITE_OK) throw std::runtime_error{"sqlite3_open failed: " + path};
    sqlite3_busy_timeout(opened, 60'000);
    run("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF");
  }

  Rows run(const std::string& sql) override {
    Rows rows;
    const char* rest = sql.c_str();
    while (*rest != '\0') {
      sqlite3_stmt* prepared = nullptr;
      if (sqlite3_prepare_v2(database_.get(), rest, -1, &prepared, &rest) != SQLITE_OK) fail(sql);
      const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement{prepared,
                                                                                 &sqlite3_finalize};
      if (prepared == nullptr) continue;
      rows.clear();
      int code = 0;
      while ((code = sqlite3_step(prepared)) == SQLITE_ROW) {
        auto& cells = rows.emplace_back();
        for (int column = 0; column < sqlite3_column_count(prepared); ++column) {
          const unsigned char* text = sqlite3_column_text(prepared, column);
          if (text == nullptr)
            cells.emplace_back();
          else
            cells.emplace_back(reinterpret_cast<const char*>(text));
        }
      }
      if (code != SQLITE_DONE) fail(sql);
    }
    return rows;
  }

  void copy(const std::string& /*sql*/, const std::string& /*lines*/) override {
    throw std::runtime_error{"SQLite has no COPY"};
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error{fmt::format("{}: {}", what, sqlite3_errmsg(database_.get()))};
  }

  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database_;
};

class SqliteDatabase final : public RealDatabase {
 public:
  SqliteDatabase() {
    SqliteForeign{path()}.run("PRAGMA journal_mode = WAL");
    options_.database = "sqlite:" + path();
    options_.sqlite.foreign_keys = true;
  }
  [[nodiscard]] Engine engine() const noexcept override { return Engine::kSqlite; }
  [[nodiscard]] std::unique_ptr<ForeignConnection> foreign() const override {
    return std::make_unique<SqliteForeign>(path());
  }
  void command_line(const std::string& script) const override {
    pipe_script(folder_, fmt::format("sqlite3 -bail '{}'", path()),
                ".timeout 60000\n.output /dev/null\n" + script);
  }

 private:
  [[nodiscard]] std::string path() const { return folder_.file("test.db"); }
  Folder folder_;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, Engine engine) {
  return out << (engine == Engine::kPostgres ? "Postgres" : "Sqlite");
}

std::unique_ptr<RealDatabase> RealDatabase::make(Engine engine, const std::string& server) {
  if (engine == Engine::kPostgres) return std::make_unique<PostgresDatabase>(server);
  return std::make_unique<SqliteDatabase>();
}

void RealDatabase::install() const {
  const auto driver = open_driver(options_);
  driver->open_admin()->migrate_up(spi::DryRun::kNo, {});
  track();
}

void RealDatabase::track() const {
  const auto driver = open_driver(options_);
  driver->open_admin()->track({}, spi::DryRun::kNo, {});
}

Direct::Direct(const Options& options) : driver_{open_driver(options)} {
  const auto access = driver_->separate_writer() ? spi::Access::kRead : spi::Access::kWrite;
  connection_ = driver_->connect(access, deadline());
}

spi::ResultRef Direct::run(std::string_view sql, const Params& params) {
  return connection_->run({sql, &params, false, deadline()}).rows;
}

spi::ResultRef Direct::run_prepared(std::string_view sql, const Params& params) {
  return connection_->run({sql, &params, true, deadline()}).rows;
}

spi::Analysis Direct::analyze(std::string_view sql) {
  return connection_->analyze(sql, deadline());
}

std::string difference(const spi::ResultBuffer& cached, const spi::ResultBuffer& direct,
                       RowOrder order) {
  const auto columns = [](const spi::ResultBuffer& buffer) {
    std::string text;
    for (std::size_t column = 0; column < buffer.columns(); ++column)
      text += fmt::format("{} {}, ", buffer.column_name(column), buffer.column_type(column));
    return text;
  };
  if (columns(cached) != columns(direct))
    return fmt::format("columns: cached {}direct {}", columns(cached), columns(direct));
  const auto rows = [&](const spi::ResultBuffer& buffer) {
    std::vector<std::string> texts;
    for (std::size_t row = 0; row < buffer.rows(); ++row) {
      std::string& text = texts.emplace_back();
      for (std::size_t column = 0; column < buffer.columns(); ++column) {
        const CellType type = buffer.type(row, column);
        const bool in_heap =
            type == CellType::kText || type == CellType::kBytes || type == CellType::kOther;
        text += to_string(type);
        if (in_heap)
          text += fmt::format(" '{}'", buffer.text(row, column));
        else if (type != CellType::kNull)
          text += fmt::format(" {:x}", buffer.slot(row, column));
        text += ", ";
      }
    }
    if (order == RowOrder::kAny) std::sort(texts.begin(), texts.end());
    return texts;
  };
  const auto mine = rows(cached);
  const auto truth = rows(direct);
  if (mine == truth) return {};
  const auto at = std::mismatch(mine.begin(), mine.end(), truth.begin(), truth.end());
  return fmt::format("{} rows cached, {} direct; row {}: cached [{}] direct [{}]", mine.size(),
                     truth.size(), at.first - mine.begin(),
                     at.first == mine.end() ? "none" : *at.first,
                     at.second == truth.end() ? "none" : *at.second);
}

}  // namespace weir::test
