// What an entry costs to write and read, and what LZ4 and Zstandard would do to its rows.
//
//   bench_stored_entry --benchmark_repetitions=5 --benchmark_report_aggregates_only
//
// Counters: `ratio` is uncompressed / compressed size of the rows (of the whole value for entries).
#include "src/cache/stored_entry.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <lz4.h>
#include <zstd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "tests/bench/sample_results.hpp"

namespace weir::bench {
namespace {

constexpr std::array kKinds{SampleKind::kTracks, SampleKind::kLedger, SampleKind::kOpaque};
constexpr std::array<std::size_t, 8> kSizes{1UL << 10U,  2UL << 10U,  4UL << 10U,   8UL << 10U,
                                            16UL << 10U, 64UL << 10U, 256UL << 10U, 1UL << 20U};

std::string bytes_of(SampleKind kind, std::size_t size) {
  const spi::ResultRef rows = sample_result(kind, size);
  return {rows->data(), rows->size()};
}

void report(benchmark::State& state, std::size_t raw, std::size_t stored) {
  state.counters["ratio"] = static_cast<double>(raw) / static_cast<double>(stored);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(raw));
}

struct Lz4 {
  [[nodiscard]] static std::size_t room(std::size_t size) {
    return static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(size)));
  }
  std::size_t compress(const std::string& from, std::string& to) {
    return static_cast<std::size_t>(LZ4_compress_default(
        from.data(), to.data(), static_cast<int>(from.size()), static_cast<int>(to.size())));
  }
  void decompress(const std::string& from, std::size_t size, std::string& to) {
    benchmark::DoNotOptimize(LZ4_decompress_safe(from.data(), to.data(), static_cast<int>(size),
                                                 static_cast<int>(to.size())));
  }
};

/// Level 1, with contexts that are kept: its best case.
struct Zstandard {
  [[nodiscard]] static std::size_t room(std::size_t size) { return ZSTD_compressBound(size); }
  std::size_t compress(const std::string& from, std::string& to) {
    return ZSTD_compressCCtx(writer.get(), to.data(), to.size(), from.data(), from.size(), 1);
  }
  void decompress(const std::string& from, std::size_t size, std::string& to) {
    benchmark::DoNotOptimize(
        ZSTD_decompressDCtx(reader.get(), to.data(), to.size(), from.data(), size));
  }
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> writer{ZSTD_createCCtx(), ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> reader{ZSTD_createDCtx(), ZSTD_freeDCtx};
};

template <typename Codec>
void compress(benchmark::State& state, SampleKind kind, std::size_t size) {
  const std::string raw = bytes_of(kind, size);
  std::string stored(Codec::room(raw.size()), '\0');
  Codec codec;
  std::size_t written = 0;
  for (auto _ : state) {
    written = codec.compress(raw, stored);
    benchmark::DoNotOptimize(written);
  }
  report(state, raw.size(), written);
}

template <typename Codec>
void decompress(benchmark::State& state, SampleKind kind, std::size_t size) {
  std::string raw = bytes_of(kind, size);
  std::string stored(Codec::room(raw.size()), '\0');
  Codec codec;
  const std::size_t written = codec.compress(raw, stored);
  for (auto _ : state) codec.decompress(stored, written, raw);
  report(state, raw.size(), written);
}

detail::StoredEntry entry_of(SampleKind kind, std::size_t size) {
  return {.incarnation = "7300000000000000001:1:6f1c2f0e-8a4b-4d8e-9f43-2f4f0f5ce8a1",
          .snapshot = {.xmin = 81'234'567, .xmax = 81'234'570, .in_progress = {81'234'567}},
          .key = std::string(400, 'k'),
          .relations = {"16384", "16390", "16412"},
          .age = std::chrono::milliseconds{3},
          .lifetime = std::chrono::hours{24},
          .cost = std::chrono::milliseconds{2},
          .rows = sample_result(kind, size)};
}

constexpr Bytes kNever{UINT64_MAX};

void encode_entry(benchmark::State& state, SampleKind kind, std::size_t size, Bytes above) {
  const detail::StoredEntry entry = entry_of(kind, size);
  std::size_t stored = 0;
  for (auto _ : state) {
    const std::string bytes = encode(entry, {.above = above});
    stored = bytes.size();
    benchmark::DoNotOptimize(bytes.data());
  }
  report(state, entry.rows->size(), stored);
}

void decode_entry(benchmark::State& state, SampleKind kind, std::size_t size, Bytes above) {
  const detail::StoredEntry entry = entry_of(kind, size);
  const std::string bytes = encode(entry, {.above = above});
  for (auto _ : state) {
    const detail::DecodeResult decoded = detail::decode(bytes);
    if (!decoded.entry) std::abort();
  }
  report(state, entry.rows->size(), bytes.size());
}

void register_all() {
  for (const SampleKind kind : kKinds) {
    for (const std::size_t size : kSizes) {
      const auto add = [&](const char* what, auto function, auto... arguments) {
        benchmark::RegisterBenchmark(fmt::format("{}/{}/{}", what, to_string(kind), size).c_str(),
                                     function, kind, size, arguments...);
      };
      add("lz4_compress", compress<Lz4>);
      add("zstd1_compress", compress<Zstandard>);
      add("lz4_decompress", decompress<Lz4>);
      add("zstd1_decompress", decompress<Zstandard>);
      add("encode", encode_entry, Bytes{});
      add("encode_plain", encode_entry, kNever);
      add("decode", decode_entry, Bytes{});
      add("decode_plain", decode_entry, kNever);
    }
  }
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  weir::bench::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
