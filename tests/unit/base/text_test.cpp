#include "weir/spi/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/error_of.hpp"

namespace weir::spi {
namespace {

/// Whether `text` is UTF-8, decoded number by number instead of by a table of bytes.
bool decodes(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) -> std::uint32_t {
      return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const std::uint32_t lead = byte(0);
    std::size_t length = 1;
    std::uint32_t code = lead;
    if (lead >= 0x80) {
      if ((lead & 0xE0U) == 0xC0) {
        length = 2;
        code = lead & 0x1FU;
      } else if ((lead & 0xF0U) == 0xE0) {
        length = 3;
        code = lead & 0x0FU;
      } else if ((lead & 0xF8U) == 0xF0) {
        length = 4;
        code = lead & 0x07U;
      } else {
        return false;
      }
      for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) return false;
        code = code << 6U | (byte(i) & 0x3FU);
      }
      constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
      if (code < kSmallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return false;
    }
    if (code == 0) return false;
    at += length;
  }
  return true;
}

TEST(TextTest, AcceptsEveryCodePointButNulAndSurrogates) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
    std::string text;
    const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6U);
      put(0x80 | (code & 0x3FU));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12U);
      put(0x80 | (code >> 6U & 0x3FU));
      put(0x80 | (code & 0x3FU));
    } else {
      put(0xF0 | code >> 18U);
      put(0x80 | (code >> 12U & 0x3FU));
      put(0x80 | (code >> 6U & 0x3FU));
      put(0x80 | (code & 0x3FU));
    }
    const bool bad = code == 0 || (code >= 0xD800 && code <= 0xDFFF);
    ASSERT_EQ(find_text_fault(text).has_value(), bad) << std::hex << code;
  }
}

TEST(TextTest, JudgesEveryShortByteSequenceLikeADecoder) {
  for (unsigned lead = 0; lead < 256; ++lead) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : {0x00U, 0x41U, 0x7FU, 0x80U, 0x8FU, 0x90U, 0xBFU, 0xC0U, 0xFFU}) {
        for (const unsigned fourth : {0x00U, 0x41U, 0x80U, 0xBFU, 0xC3U}) {
          for (std::size_t length = 1; length <= 4; ++length) {
            const char bytes[] = {static_cast<char>(lead), static_cast<char>(second),
                                  static_cast<char>(third), static_cast<char>(fourth)};
            const std::string_view text{bytes, length};
            ASSERT_EQ(!find_text_fault(text), decodes(text))
                << lead << ' ' << second << ' ' << third << ' ' << fourth;
          }
        }
      }
    }
  }
}

TEST(TextTest, NamesTheFaultAndItsOffsetAtEveryAlignment) {
  for (std::size_t before = 0; before < 40; ++before) {
    for (std::size_t behind = 0; behind < 20; behind += 3) {
      for (const char* const filler : {"a", "\xC3\xA9"}) {
        std::string head;
        while (head.size() < before) head += filler;
        const auto nul = find_text_fault(head + std::string(1, '\0') + std::string(behind, 'z'));
        ASSERT_TRUE(nul);
        EXPECT_EQ(nul->what, "NUL byte");
        EXPECT_EQ(nul->offset, head.size());
        const auto cut = find_text_fault(head + "\xE2\x82" + std::string(behind, 'z'));
        ASSERT_TRUE(cut);
        EXPECT_EQ(cut->what, "invalid UTF-8");
        EXPECT_EQ(cut->offset, head.size());
      }
    }
  }
}

TEST(TextTest, RequireCleanTextNamesWhatAndWhere) {
  EXPECT_NO_THROW(require_clean_text("SELECT 'žluťoučký'", "statement"));
  const std::string message = test::error_of(ErrorCode::kUsage, [] {
    require_clean_text(std::string_view{"secret\0", 7}, "parameter 2");
  });
  EXPECT_EQ(message, "parameter 2: NUL byte at byte 6");
}

struct GlobCase {
  const char* text;
  const char* glob;
  bool matches;
};

class GlobTest : public ::testing::TestWithParam<GlobCase> {};

TEST_P(GlobTest, Decides) {
  const auto& [text, glob, matches] = GetParam();
  EXPECT_EQ(matches_glob(text, glob), matches) << text << " against " << glob;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, GlobTest,
    ::testing::Values(GlobCase{"", "", true}, GlobCase{"", "*", true}, GlobCase{"", "**", true},
                      GlobCase{"", "?", false}, GlobCase{"a", "", false},
                      GlobCase{"user:42", "user:*", true}, GlobCase{"user:", "user:*", true},
                      GlobCase{"user", "user:*", false}, GlobCase{"User:42", "user:*", false},
                      GlobCase{"abc", "a?c", true}, GlobCase{"ac", "a?c", false},
                      GlobCase{"a.b.c", "*.c", true}, GlobCase{"aXbXc", "a*X?", true},
                      GlobCase{"mississippi", "m*si*pi", true},
                      GlobCase{"mississippi", "m*si*pix", false}, GlobCase{"a*b", "a\\*b", true},
                      GlobCase{"aXb", "a\\*b", false}, GlobCase{"a\\", "a\\", true},
                      GlobCase{"a\\b", "a\\\\b", true}, GlobCase{"a?", "a\\?", true},
                      GlobCase{"ab", "a\\?", false}, GlobCase{"[a]", "[a]", true},
                      GlobCase{"a", "[a]", false}, GlobCase{"é", "?", true},
                      GlobCase{"é", "??", false}, GlobCase{"€x", "?x", true},
                      GlobCase{"x€", "*?", true}, GlobCase{"€", "*??", false},
                      GlobCase{"ab", "ab*", true}, GlobCase{"ab", "a*b*", true}));

bool matches_by_recursion(std::string_view text, std::string_view glob) {
  if (glob.empty()) return text.empty();
  if (glob.front() == '*') {
    return matches_by_recursion(text, glob.substr(1)) ||
           (!text.empty() && matches_by_recursion(text.substr(1), glob));
  }
  if (text.empty()) return false;
  return (glob.front() == '?' || glob.front() == text.front()) &&
         matches_by_recursion(text.substr(1), glob.substr(1));
}

TEST(GlobMatchTest, AgreesWithARecursiveMatcherOnRandomInput) {
  std::mt19937 random{20240607};
  const auto draw = [&](std::string_view letters, std::size_t most) {
    std::string text(std::uniform_int_distribution<std::size_t>{0, most}(random), ' ');
    for (char& c : text)
      c = letters[std::uniform_int_distribution<std::size_t>{0, letters.size() - 1}(random)];
    return text;
  };
  int matched = 0;
  for (int round = 0; round < 50'000; ++round) {
    const std::string text = draw("ab", 9);
    const std::string glob = draw("ab*?", 7);
    const bool expected = matches_by_recursion(text, glob);
    matched += expected ? 1 : 0;
    ASSERT_EQ(matches_glob(text, glob), expected) << text << " against " << glob;
  }
  EXPECT_GT(matched, 1000);
}

TEST(GlobMatchTest, ManyStarsStayPolynomial) {
  std::string glob;
  for (int i = 0; i < 200; ++i) glob += "a*";
  EXPECT_FALSE(matches_glob(std::string(20'000, 'a') + "b", glob + "c"));
}

}  // namespace
}  // namespace weir::spi
