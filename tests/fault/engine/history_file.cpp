#include "tests/fault/engine/history_file.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace weir::test {
namespace {

std::int64_t ticks(TimePoint time) { return time.time_since_epoch().count(); }

TimePoint take_time(std::istream& from) {
  Duration::rep ticks = 0;
  from >> ticks;
  return TimePoint{Duration{ticks}};
}

}  // namespace

void save(const History& history, const std::string& file) {
  std::ofstream out{file};
  out << history.reads.size() << ' ' << history.writes.size() << ' ' << history.failed_reads
      << '\n';
  for (const ReadRecord& read : history.reads) {
    out << read.process << ' ' << ticks(read.begin) << ' ' << ticks(read.end) << ' '
        << read.bound.count() << ' ' << read.seen.size();
    for (const SeenVersion& seen : read.seen)
      out << ' ' << seen.key << ' ' << seen.left << ' ' << seen.right;
    out << '\n';
  }
  for (const WriteRecord& write : history.writes) {
    out << write.key << ' ' << write.version << ' ' << write.process << ' ' << ticks(write.begin)
        << ' ' << ticks(write.end) << ' ' << static_cast<int>(write.outcome) << '\n';
  }
  out << history.metrics;
  if (!out.flush()) throw std::runtime_error{"cannot write " + file};
}

History load_history(const std::string& file) {
  std::ifstream in{file};
  History history;
  std::size_t reads = 0;
  std::size_t writes = 0;
  in >> reads >> writes >> history.failed_reads;
  for (; reads > 0 && in; --reads) {
    ReadRecord& read = history.reads.emplace_back();
    in >> read.process;
    read.begin = take_time(in);
    read.end = take_time(in);
    Duration::rep bound = 0;
    std::size_t seen = 0;
    in >> bound >> seen;
    read.bound = Duration{bound};
    for (; seen > 0 && in; --seen) {
      SeenVersion& one = read.seen.emplace_back();
      in >> one.key >> one.left >> one.right;
    }
  }
  for (; writes > 0 && in; --writes) {
    WriteRecord& write = history.writes.emplace_back();
    in >> write.key >> write.version >> write.process;
    write.begin = take_time(in);
    write.end = take_time(in);
    int outcome = 0;
    in >> outcome;
    write.outcome = static_cast<WriteOutcome>(outcome);
  }
  if (!in) throw std::runtime_error{"cannot read " + file};
  history.metrics.assign(std::istreambuf_iterator<char>{in}, {});
  return history;
}

}  // namespace weir::test
