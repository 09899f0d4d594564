#include "tests/bench/sample_results.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "weir/spi/result_builder.hpp"

namespace weir::bench {
namespace {

/// Words with the frequencies of a language: the second is half as likely as the first, and so on.
/// No distribution of the standard library: those differ between implementations.
class Words {
 public:
  explicit Words(std::uint64_t seed) : random_{seed} {
    constexpr std::string_view kOnsets = "bcdfghjklmnprstvwz";
    constexpr std::string_view kVowels = "aeiou";
    for (std::size_t i = 0; i < kCount; ++i) {
      std::string word;
      for (std::size_t syllable = 0; syllable < 1 + i % 3; ++syllable) {
        word += kOnsets[number(kOnsets.size())];
        word += kVowels[number(kVowels.size())];
        if (number(2) == 0) word += kOnsets[number(kOnsets.size())];
      }
      words_.push_back(word);
    }
  }
  std::uint64_t number(std::uint64_t below) { return random_() % below; }
  std::string name(std::size_t words) {
    std::string text;
    for (std::size_t i = 0; i < words; ++i) {
      const double even = static_cast<double>(number(1U << 20U)) / (1U << 20U);
      const auto rank = static_cast<std::size_t>(std::pow(static_cast<double>(kCount), even)) - 1;
      std::string word = words_[rank];
      word.front() = static_cast<char>(word.front() - 'a' + 'A');
      if (i > 0) text += ' ';
      text += word;
    }
    return text;
  }

 private:
  static constexpr std::size_t kCount = 2000;
  std::mt19937_64 random_;
  std::vector<std::string> words_;
};

void add_track(spi::ResultBuilder& builder, Words& words, std::int64_t row, std::string& album) {
  if (row % 12 == 0) album = words.name(2 + words.number(3));
  builder.integer(row + 1);
  builder.text(words.name(1 + words.number(4)));
  builder.text(album);
  if (words.number(4) == 0) {
    builder.null();
  } else {
    builder.text(words.name(2));
  }
  builder.integer(static_cast<std::int64_t>(120'000 + words.number(300'000)));
  builder.integer(static_cast<std::int64_t>(3'000'000 + words.number(9'000'000)));
  builder.other(words.number(20) == 0 ? "1.99" : "0.99");
}

void add_posting(spi::ResultBuilder& builder, Words& words, std::int64_t row) {
  builder.integer(50'000'000 + row);
  builder.integer(static_cast<std::int64_t>(words.number(100'000)));
  builder.other(fmt::format("{}.{:02}", words.number(500), words.number(100)));
  builder.other(fmt::format("2026-{:02}-{:02} {:02}:{:02}:{:02}.{:06}+00", 1 + row / 2000 % 12,
                            1 + row / 70 % 28, row / 3 % 24, words.number(60), words.number(60),
                            words.number(1'000'000)));
  builder.text(words.number(10) == 0 ? "refunded" : "settled");
  builder.boolean(words.number(3) == 0);
}

void add_token(spi::ResultBuilder& builder, Words& words) {
  const std::uint64_t all = UINT64_MAX;
  std::string bytes(16, '\0');
  for (char& c : bytes) c = static_cast<char>(words.number(256));
  builder.other(fmt::format("{:016x}-{:016x}", words.number(all), words.number(all)));
  builder.bytes(bytes);
  builder.real(std::sqrt(static_cast<double>(words.number(all))));
}

}  // namespace

std::string_view to_string(SampleKind kind) noexcept {
  switch (kind) {
    case SampleKind::kTracks:
      return "tracks";
    case SampleKind::kLedger:
      return "ledger";
    case SampleKind::kOpaque:
      return "opaque";
  }
  return "unknown";
}

spi::ResultRef sample_result(SampleKind kind, std::size_t bytes) {
  using Columns = std::vector<std::pair<std::string_view, std::string_view>>;
  const Columns columns =
      kind == SampleKind::kTracks
          ? Columns{{"track_id", "int4"},     {"name", "varchar"},      {"title", "varchar"},
                    {"composer", "varchar"},  {"milliseconds", "int4"}, {"bytes", "int4"},
                    {"unit_price", "numeric"}}
      : kind == SampleKind::kLedger
          ? Columns{{"id", "int8"},        {"account_id", "int4"},
                    {"amount", "numeric"}, {"posted", "timestamptz"},
                    {"status", "text"},    {"checked", "bool"}}
          : Columns{{"id", "uuid"}, {"token", "bytea"}, {"weight", "float8"}};
  Words words{42};
  std::string album;
  // Rows are of about one size: a first result tells how many are needed.
  std::size_t rows = 8;
  while (true) {
    words = Words{42};
    spi::ResultBuilder builder;
    for (const auto& [name, type] : columns) builder.add_column(name, type);
    for (std::size_t row = 0; row < rows; ++row) {
      const auto number = static_cast<std::int64_t>(row);
      if (kind == SampleKind::kTracks) add_track(builder, words, number, album);
      if (kind == SampleKind::kLedger) add_posting(builder, words, number);
      if (kind == SampleKind::kOpaque) add_token(builder, words);
    }
    spi::ResultRef result = builder.finish();
    if (result->size() >= bytes) return result;
    rows = std::max(rows + 1, rows * bytes / result->size());
  }
}

}  // namespace weir::bench
