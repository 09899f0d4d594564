#include "src/app/listen/log.hpp"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

constexpr std::chrono::system_clock::time_point kWhen{std::chrono::milliseconds{1'700'000'000'042}};

TEST(ListenLogTest, TextIsOneLineWithTimeLevelDatabaseAndFields) {
  const LogEvent event{LogLevel::kWarning, "deaf", "shop", "no\nbody", {{"tries", "3"}}};
  EXPECT_EQ(format_event(event, LogFormat::kText, kWhen),
            "2023-11-14T22:13:20.042Z warning shop: no\\nbody tries=\"3\"\n");
}

TEST(ListenLogTest, JsonIsOneObjectWithTheSame) {
  const LogEvent event{LogLevel::kInfo, "leader", "shop", "a \"b\"\n", {{"n", "1"}}};
  EXPECT_EQ(format_event(event, LogFormat::kJson, kWhen),
            R"({"time":"2023-11-14T22:13:20.042Z","level":"info","event":"leader",)"
            R"("database":"shop","text":"a \"b\"\n","n":"1"})"
            "\n");
}

TEST(ListenLogTest, WhatIsBelowTheLevelIsLeftOut) {
  std::string written;
  Log log{{.level = LogLevel::kWarning}, [&](std::string_view line) { written += line; }};
  log.write({LogLevel::kInfo, "a", {}, "quiet", {}});
  EXPECT_EQ(written, "");
  log.write({LogLevel::kError, "b", {}, "loud", {}});
  EXPECT_NE(written.find("loud"), std::string::npos);
  log.configure({.level = LogLevel::kDebug});
  log.write({LogLevel::kDebug, "c", {}, "whisper", {}});
  EXPECT_NE(written.find("whisper"), std::string::npos);
}

}  // namespace
}  // namespace weir::app
