#pragma once

// The conformance suite of spi::RemoteStore: what every store must do, whatever it is. Instantiate
// it with INSTANTIATE_TEST_SUITE_P(Where, RemoteStoreConformance, ::testing::Values(a case, …),
// remote_store_name).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/error_of.hpp"
#include "tests/support/servers.hpp"
#include "weir/clock.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::test {

/// A place where stores may be opened that see the same values.
class RemoteStorePlace {
 public:
  RemoteStorePlace() = default;
  RemoteStorePlace(const RemoteStorePlace&) = delete;
  RemoteStorePlace& operator=(const RemoteStorePlace&) = delete;
  virtual ~RemoteStorePlace() = default;
  /// Allows values of 4 MiB and waits for seconds, not milliseconds.
  [[nodiscard]] virtual std::unique_ptr<spi::RemoteStore> open() = 0;
  /// What this test's keys begin with.
  [[nodiscard]] virtual const std::string& prefix() const = 0;
};

struct RemoteStoreCase {
  std::string name{};
  /// Null when its server is missing and the test is to be skipped.
  std::function<std::unique_ptr<RemoteStorePlace>()> make{};
};

inline void PrintTo(const RemoteStoreCase& one, std::ostream* out) { *out << one.name; }
inline std::string remote_store_name(const ::testing::TestParamInfo<RemoteStoreCase>& info) {
  return info.param.name;
}

class RemoteStoreConformance : public ::testing::TestWithParam<RemoteStoreCase> {
 protected:
  static constexpr std::chrono::milliseconds kLong{60'000};

  void SetUp() override {
    place_ = GetParam().make();
    if (!place_ && servers_required()) FAIL() << "no server of this kind";
    if (!place_) GTEST_SKIP() << "no server; see tests/support/servers.sh";
    store_ = place_->open();
  }

  [[nodiscard]] spi::RemoteStore& store() { return *store_; }
  [[nodiscard]] std::unique_ptr<spi::RemoteStore> another() { return place_->open(); }
  [[nodiscard]] std::string key(const std::string& name) const { return place_->prefix() + name; }
  [[nodiscard]] static spi::Deadline soon() {
    return spi::Deadline::after(system_clock(), std::chrono::seconds{20});
  }
  [[nodiscard]] std::optional<std::string> bytes(const std::string& name) {
    auto value = store().get(key(name), soon());
    return value ? std::optional{std::move(value->bytes)} : std::nullopt;
  }
  /// Reads until `count` entries came or something is wrong.
  static spi::StreamRead read_all(spi::ChangeStream& stream, std::size_t count) {
    spi::StreamRead all;
    while (all.entries.size() < count) {
      spi::StreamRead some = stream.read(soon());
      all.gap = all.gap || some.gap;
      if (some.entries.empty()) {
        ADD_FAILURE() << "nothing came";
        break;
      }
      for (spi::StreamEntry& entry : some.entries) all.entries.push_back(std::move(entry));
    }
    return all;
  }
  /// Places a reader at the stream's end, or waits there in vain for a moment. A busy machine may
  /// not even connect in that moment.
  static void begin(spi::ChangeStream& stream) {
    const spi::Deadline limit = soon();
    for (;;) {
      try {
        const auto moment = spi::Deadline::after(system_clock(), std::chrono::milliseconds{100});
        EXPECT_TRUE(stream.read(moment).entries.empty());
        return;
      } catch (const Error& error) {
        ASSERT_FALSE(limit.passed(system_clock())) << error.what();
      }
    }
  }

 private:
  std::unique_ptr<RemoteStorePlace> place_;
  std::unique_ptr<spi::RemoteStore> store_;
};

TEST_P(RemoteStoreConformance, NothingIsThereBeforeItWasPut) {
  EXPECT_FALSE(store().get(key("k"), soon()));
}

TEST_P(RemoteStoreConformance, WhatWasPutIsFoundByEveryone) {
  store().put(key("k"), "value", kLong, soon());
  const auto other = another();
  EXPECT_EQ(other->get(key("k"), soon())->bytes, "value");
  other->put(key("k"), "newer", kLong, soon());
  EXPECT_EQ(bytes("k"), "newer");
}

TEST_P(RemoteStoreConformance, AllBytesAreAllowedInKeysAndValues) {
  std::string all;
  for (int round = 0; round < 3; ++round) {
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  }
  store().put(key(all), all, kLong, soon());
  EXPECT_EQ(bytes(all), all);
  EXPECT_FALSE(bytes(all.substr(0, 100)));
}

TEST_P(RemoteStoreConformance, ValuesOfMegabytesComeBackWhole) {
  std::string value(Bytes::mebi(4).value, 'x');
  for (std::size_t i = 0; i < value.size(); i += 997) value[i] = static_cast<char>(i);
  store().put(key("k"), value, kLong, soon());
  EXPECT_TRUE(bytes("k") == value);
}

TEST_P(RemoteStoreConformance, AValueLargerThanAllowedIsRefused) {
  const std::string value(Bytes::mebi(4).value + 1, 'x');
  error_of(ErrorCode::kUsage, [&] { store().put(key("k"), value, kLong, soon()); });
  EXPECT_FALSE(bytes("k"));
}

TEST_P(RemoteStoreConformance, RemainingIsNeverMoreThanTheLifetime) {
  store().put(key("k"), "value", kLong, soon());
  const auto value = store().get(key("k"), soon());
  ASSERT_TRUE(value);
  EXPECT_LE(value->remaining, kLong);
  EXPECT_GT(value->remaining, kLong / 2);
}

TEST_P(RemoteStoreConformance, ValuesDieAndAreReplacedTogetherWithTheirLifetime) {
  using std::chrono::milliseconds;
  store().put(key("k"), "long", kLong, soon());
  store().put(key("k"), "short", milliseconds{30}, soon());
  const spi::Deadline limit = soon();
  std::optional<spi::RemoteValue> value;
  while ((value = store().get(key("k"), soon())) && !limit.passed(system_clock())) {
    EXPECT_EQ(value->bytes, "short");
    EXPECT_LE(value->remaining, milliseconds{30});
  }
  EXPECT_FALSE(value);
}

TEST_P(RemoteStoreConformance, AddPutsOnlyWhereNothingIs) {
  EXPECT_TRUE(store().add(key("k"), "first", kLong, soon()));
  EXPECT_FALSE(store().add(key("k"), "second", kLong, soon()));
  EXPECT_EQ(bytes("k"), "first");
}

TEST_P(RemoteStoreConformance, OfManyWhoAddExactlyOneWins) {
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      if (store().add(key("k"), "owner " + std::to_string(i), kLong, soon())) ++won;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_P(RemoteStoreConformance, RemoveTakesOnlyTheValueItNames) {
  store().put(key("k"), "mine", kLong, soon());
  store().remove_if(key("k"), "other", soon());
  EXPECT_EQ(bytes("k"), "mine");
  store().remove_if(key("k"), "mine", soon());
  EXPECT_FALSE(bytes("k"));
  store().remove_if(key("k"), "mine", soon());
}

TEST_P(RemoteStoreConformance, ItIsAliveAndSaysWhatItIs) {
  store().ping(soon());
  EXPECT_FALSE(store().facts(soon()).version.empty());
  EXPECT_FALSE(store().display_name().empty());
}

TEST_P(RemoteStoreConformance, ManyThreadsNeverGetEachOthersAnswers) {
  std::vector<std::thread> threads;
  threads.reserve(12);
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const std::string own = key("k" + std::to_string(i));
      for (int round = 0; round < 100; ++round) {
        const std::string value = own + " " + std::to_string(round);
        store().put(own, value, kLong, soon());
        const auto got = store().get(own, soon());
        ASSERT_TRUE(got);
        ASSERT_EQ(got->bytes, value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(RemoteStoreConformance, AStreamBeginsAtItsEndAndBringsAllInOrder) {
  const auto writer = store().open_stream(key("s"));
  const auto reader = store().open_stream(key("s"));
  writer->append("before", 1000, soon());
  begin(*reader);
  std::vector<std::string> sent;
  for (int i = 0; i < 50; ++i) {
    sent.push_back(std::string{"\0\r\n", 3} + std::to_string(i));
    writer->append(sent.back(), 1000, soon());
  }
  const spi::StreamRead read = read_all(*reader, sent.size());
  EXPECT_FALSE(read.gap);
  ASSERT_EQ(read.entries.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(read.entries[i].bytes, sent[i]);
}

TEST_P(RemoteStoreConformance, AStreamThatDoesNotExistYetMayBeReadAndEachReaderGetsAll) {
  const auto other = another();
  const auto one = store().open_stream(key("s"));
  const auto two = other->open_stream(key("s"));
  begin(*one);
  begin(*two);
  store().open_stream(key("s"))->append("a", 1000, soon());
  for (spi::ChangeStream* const reader : {one.get(), two.get()}) {
    const spi::StreamRead read = read_all(*reader, 1);
    EXPECT_FALSE(read.gap);
    EXPECT_EQ(read.entries.at(0).bytes, "a");
  }
}

TEST_P(RemoteStoreConformance, AReadWaitsForWhatComes) {
  const auto reader = store().open_stream(key("s"));
  begin(*reader);
  std::thread writer{[&] { store().open_stream(key("s"))->append("late", 1000, soon()); }};
  EXPECT_EQ(read_all(*reader, 1).entries.at(0).bytes, "late");
  writer.join();
}

TEST_P(RemoteStoreConformance, AReadReturnsAtItsDeadlineAndGoesOnLater) {
  const auto reader = store().open_stream(key("s"));
  begin(*reader);
  for (int i = 0; i < 5; ++i) begin(*reader);
  store().open_stream(key("s"))->append("x", 1000, soon());
  EXPECT_EQ(read_all(*reader, 1).entries.at(0).bytes, "x");
}

TEST_P(RemoteStoreConformance, AnInterruptEndsTheRunningOrTheNextRead) {
  const auto reader = store().open_stream(key("s"));
  begin(*reader);
  reader->interrupt();
  EXPECT_TRUE(reader->read(soon()).entries.empty());
  std::thread other{[&] { reader->interrupt(); }};
  EXPECT_TRUE(reader->read(spi::Deadline{}).entries.empty());  // else the test hangs
  other.join();
  store().open_stream(key("s"))->append("x", 1000, soon());
  const spi::StreamRead read = read_all(*reader, 1);
  EXPECT_FALSE(read.gap);
  EXPECT_EQ(read.entries.at(0).bytes, "x");
}

TEST_P(RemoteStoreConformance, WhatWasTrimmedBeforeItWasReadIsAGap) {
  const auto writer = store().open_stream(key("s"));
  const auto reader = store().open_stream(key("s"));
  writer->append("first", 10, soon());
  begin(*reader);
  // Stores trim roughly: enough for any of them to have let the oldest go.
  for (int i = 0; i < 400; ++i) writer->append(std::to_string(i), 10, soon());
  spi::StreamRead all;
  while (all.entries.empty() || all.entries.back().bytes != "399") {
    spi::StreamRead some = reader->read(soon());
    all.gap = all.gap || some.gap;
    ASSERT_FALSE(some.entries.empty() && !some.gap);
    for (spi::StreamEntry& entry : some.entries) all.entries.push_back(std::move(entry));
  }
  EXPECT_TRUE(all.gap);
  EXPECT_LT(all.entries.size(), 400U);
}

}  // namespace weir::test
