// Uses real files, unlike other unit tests: what counts is what the file system says of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "src/engine/rules.hpp"
#include "tests/support/fake_clock.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kOneSecond = "[[rule]]\nname = '*'\nttl = '1s'\n";
constexpr std::string_view kTwoSeconds = "[[rule]]\nname = '*'\nttl = '2s'\n# longer\n";

class RulesFileTest : public ::testing::Test {
 protected:
  RulesFileTest() {
    std::random_device random;
    directory_ =
        std::filesystem::temp_directory_path() / ("weir-rules-" + std::to_string(random()));
    std::filesystem::create_directory(directory_);
    path = directory_ / "rules.toml";
  }
  ~RulesFileTest() override { std::filesystem::remove_all(directory_); }

  void write(std::string_view content) const { std::ofstream{path} << content; }
  /// As editors and config management do: a new file in its place.
  void replace(std::string_view content) const {
    const std::filesystem::path fresh = path.string() + ".new";
    std::ofstream{fresh} << content;
    std::filesystem::rename(fresh, path);
  }
  std::string tick(RulesFile& file) {
    clock.advance(RulesFile::kCheckEvery);
    return file.tick(clock.now());
  }
  static std::optional<std::chrono::milliseconds> ttl(const RulesFile& file) {
    return file.policy_for({.name = "q"}).ttl;
  }

  test::FakeClock clock;
  std::filesystem::path path;

 private:
  std::filesystem::path directory_;
};

TEST_F(RulesFileTest, NoPathMeansNoRules) {
  RulesFile file{""};
  EXPECT_EQ(file.size(), 0U);
  EXPECT_EQ(tick(file), "");
}

TEST_F(RulesFileTest, AMissingOrUnreadableFileIsRefusedAtTheStart) {
  try {
    const RulesFile file{path};
    FAIL() << "accepted a missing file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(path.string()), HasSubstr("No such file")));
  }
  EXPECT_THROW(RulesFile{path.parent_path()}, Error);
}

TEST_F(RulesFileTest, ABrokenFileIsRefusedAtTheStart) {
  write("[[rule]]\ncolour = 'red'\n");
  try {
    const RulesFile file{path};
    FAIL() << "accepted a broken file";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(path.string() + ":2:"), HasSubstr("colour")));
  }
}

TEST_F(RulesFileTest, ChangesInPlaceAndByReplacementAreSeen) {
  write(kOneSecond);
  RulesFile file{path};
  EXPECT_EQ(ttl(file), 1s);
  EXPECT_EQ(file.size(), 1U);
  const std::uint64_t first = file.version();
  EXPECT_EQ(tick(file), "");
  EXPECT_EQ(file.version(), first);

  write(kTwoSeconds);
  EXPECT_EQ(tick(file), "");
  EXPECT_EQ(ttl(file), 2s);
  const std::uint64_t second = file.version();
  EXPECT_NE(second, first);

  replace("");
  EXPECT_EQ(tick(file), "");
  EXPECT_EQ(ttl(file), std::nullopt);
  EXPECT_EQ(file.size(), 0U);
  EXPECT_NE(file.version(), second);
}

TEST_F(RulesFileTest, LooksAtMostOncePerInterval) {
  write(kOneSecond);
  RulesFile file{path};
  EXPECT_EQ(file.tick(clock.now()), "");
  write(kTwoSeconds);
  clock.advance(RulesFile::kCheckEvery - 1ns);
  EXPECT_EQ(file.tick(clock.now()), "");
  EXPECT_EQ(ttl(file), 1s);
  clock.advance(1ns);
  EXPECT_EQ(file.tick(clock.now()), "");
  EXPECT_EQ(ttl(file), 2s);
}

TEST_F(RulesFileTest, ABrokenNewVersionIsReportedOnceAndTheOldRulesStay) {
  write(kOneSecond);
  RulesFile file{path};
  const std::uint64_t version = file.version();
  replace("[[rule]]\nname = '*'\nttl = 'soon'\n");
  EXPECT_THAT(tick(file),
              AllOf(HasSubstr(":3:"), HasSubstr("\"soon\""), HasSubstr("stay in force")));
  EXPECT_EQ(tick(file), "");
  EXPECT_EQ(ttl(file), 1s);
  EXPECT_EQ(file.version(), version);
  replace(kTwoSeconds);
  EXPECT_EQ(tick(file), "");
  EXPECT_EQ(ttl(file), 2s);
}

TEST_F(RulesFileTest, ADeletedFileIsReportedOnceAndTheOldRulesStayUntilItIsBack) {
  write(kOneSecond);
  RulesFile file{path};
  std::filesystem::remove(path);
  EXPECT_THAT(tick(file), AllOf(HasSubstr("No such file"), HasSubstr("stay in force")));
  EXPECT_EQ(tick(file), "");
  EXPECT_EQ(ttl(file), 1s);
  write(kTwoSeconds);
  EXPECT_EQ(tick(file), "");
  EXPECT_EQ(ttl(file), 2s);
  std::filesystem::remove(path);
  EXPECT_THAT(tick(file), HasSubstr("No such file"));
}

}  // namespace
}  // namespace weir::detail
