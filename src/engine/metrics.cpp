#include "weir/metrics.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "src/base/hash.hpp"
#include "src/base/utf8.hpp"

namespace weir {
namespace {

/// The first characters of a text, at most so many bytes of them.
std::string_view head_of(std::string_view text, std::size_t most) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t next = end + detail::utf8_step(text.substr(end)).length;
    if (next > most) break;
    end = next;
  }
  return text.substr(0, end);
}

/// Writes one metric family after another in Prometheus' text format.
class Exposition {
 public:
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    head(name, help, "counter");
    fmt::format_to(std::back_inserter(text_), "weir_{} {}\n", name, value);
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    head(name, help, "gauge");
    fmt::format_to(std::back_inserter(text_), "weir_{} {}\n", name, value);
  }
  void counters(std::string_view name, std::string_view help, std::string_view label,
                const std::map<std::string, std::uint64_t>& values) {
    head(name, help, "counter");
    for (const auto& [key, value] : values) {
      fmt::format_to(std::back_inserter(text_), "weir_{}{{{}=\"{}\"}} {}\n", name, label, key,
                     value);
    }
  }
  /// One of two numbers about each statement. The hash tells those apart whose texts are cut alike.
  void statements(std::string_view name, std::string_view help,
                  const std::vector<StatementChanges>& all,
                  std::uint64_t StatementChanges::*number) {
    constexpr std::size_t kLongest = 200;
    head(name, help, "counter");
    for (const StatementChanges& each : all) {
      fmt::format_to(std::back_inserter(text_), "weir_{}{{hash=\"{:016x}\",statement=\"{}\"}} {}\n",
                     name, detail::hash64(each.statement),
                     escaped(head_of(each.statement, kLongest)), each.*number);
    }
  }
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram) {
    head(name, help, "histogram");
    std::uint64_t up_to = 0;
    for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
      up_to += histogram.counts[i];
      fmt::format_to(std::back_inserter(text_), "weir_{}_bucket{{le=\"{}\"}} {}\n", name,
                     Histogram::kBounds[i], up_to);
    }
    fmt::format_to(std::back_inserter(text_),
                   "weir_{0}_bucket{{le=\"+Inf\"}} {1}\nweir_{0}_sum {2}\nweir_{0}_count {1}\n",
                   name, histogram.count, histogram.sum_seconds);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  /// A label's value, by the format's rules.
  static std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '\\' || c == '"') out += '\\';
      out += c == '\n' ? "\\n" : std::string{c};
    }
    return out;
  }
  void head(std::string_view name, std::string_view help, std::string_view type) {
    fmt::format_to(std::back_inserter(text_), "# HELP weir_{0} {1}\n# TYPE weir_{0} {2}\n", name,
                   help, type);
  }
  std::string text_;
};

}  // namespace

std::string Metrics::to_prometheus() const {
  Exposition out;
  out.counter("hits_total", "Queries answered from the cache.", hits_total);
  out.counter("coalesced_total", "Queries answered by another caller's query under way.",
              coalesced_total);
  out.counters("misses_total", "Queries answered by the database, by reason.", "reason",
               misses_total);
  out.counter("stored_total", "Results put into the cache.", stored_total);
  out.counter("store_refused_total", "Results not put into the cache though cacheable.",
              store_refused_total);
  out.counter("evicted_total", "Entries evicted to make room.", evicted_total);
  out.counter("writes_total", "Statements run that write or may write.", writes_total);
  out.counter("transactions_total", "Transactions begun.", transactions_total);
  out.counter("transaction_retries_total",
              "Transactions tried again after a serialization failure or deadlock.",
              transaction_retries_total);
  out.counter("pulls_total", "Looks at the journal that succeeded.", pulls_total);
  out.counter("pull_failures_total", "Looks at the journal that failed.", pull_failures_total);
  out.counter("changes_total", "Changes learned from the journal.", changes_total);
  out.counter("key_collisions_total", "Results found stale only because key values share a place.",
              key_collisions_total);
  out.statements("statement_table_changes_total", "Changes to the tables a statement reads.",
                 statement_changes, &StatementChanges::table_changes);
  out.statements("statement_touched_total",
                 "Lookups of a statement that found a result voided by a change.",
                 statement_changes, &StatementChanges::touched);
  out.counter("resets_total", "Times everything cached was voided at once.", resets_total);
  out.counter("wake_ups_total", "Wake-ups received.", wake_ups_total);
  out.counter("errors_total", "Queries and writes that ended in an error.", errors_total);
  out.counter("hint_errors_total", "Problems found in hints, each text's when first seen.",
              hint_errors_total);
  out.counter("stale_on_error_total", "Answers served under stale_if_error.", stale_on_error_total);
  out.counter("stale_while_revalidate_total", "Answers served under stale_while_revalidate.",
              stale_while_revalidate_total);
  out.counter("redis_hits_total", "Answers from the shared tier.", redis_hits_total);
  out.counter("redis_misses_total", "Lookups in the shared tier that found nothing to serve.",
              redis_misses_total);
  out.counter("redis_stale_total", "Shared entries something they depend on changed under.",
              redis_stale_total);
  out.counter("redis_too_old_total", "Shared entries too old to be judged.", redis_too_old_total);
  out.counter("redis_corrupt_total", "Shared values that were no entry of their key.",
              redis_corrupt_total);
  out.counter("redis_errors_total", "Lookups the shared tier did not answer.", redis_errors_total);
  out.counter("redis_puts_total", "Results put into the shared tier.", redis_puts_total);
  out.counter("redis_put_errors_total", "Results the shared tier did not take.",
              redis_put_errors_total);
  out.counter("redis_skipped_cost_total",
              "Lookups and puts left out: cheaper to recompute than to fetch.",
              redis_skipped_cost_total);
  out.counter("redis_lease_won_total", "Reads made on behalf of all processes.",
              redis_lease_won_total);
  out.counter("redis_lease_waited_total", "Lookups that waited for another process's read.",
              redis_lease_waited_total);
  out.gauge("entries", "Entries in memory.", entries);
  out.gauge("memory_bytes", "Bytes the memory tier takes, overhead included.", memory_bytes);
  out.gauge("memory_capacity_bytes", "Bytes the memory tier may take.", memory_capacity_bytes);
  out.gauge("statements", "Remembered statement texts.", statements);
  out.gauge("connections_open", "Connections open.", connections_open);
  out.gauge("connections_leased", "Connections in use.", connections_leased);
  out.gauge("connections_waiting", "Callers waiting for a connection.", connections_waiting);
  out.gauge("listening", "1 when wake-ups are proven to arrive.", listening ? 1 : 0);
  out.gauge("leading", "1 when this process is the elected listener.", leading ? 1 : 0);
  out.gauge("redis_open", "1 when the shared tier does not work and is not asked.",
            redis_open ? 1 : 0);
  out.histogram("redis_get_seconds", "Time a lookup in the shared tier took.", redis_get_seconds);
  out.histogram("redis_put_seconds", "Time a put into the shared tier took.", redis_put_seconds);
  out.histogram("database_seconds", "Time the database took per query.", database_seconds);
  out.histogram("pull_seconds", "Time a look at the journal took.", pull_seconds);
  return out.take();
}

}  // namespace weir
