#include "weir/token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weir/error.hpp"

namespace weir {
namespace {

TEST(TokenTest, SurvivesTheTripThroughItsText) {
  const Token token{spi::Snapshot{5, 9, {5, 7}, false}, "7300:1:nonce with space"};
  const std::string text = token.to_string();
  EXPECT_EQ(text.find_first_of(" \"\\,;"), text.find(','));  // only the snapshot's commas
  EXPECT_EQ(Token::parse(text), token);
}

TEST(TokenTest, RefusesEverythingElseNamingTheFault) {
  const std::string good = Token{spi::Snapshot{5, 9, {7}, false}, "ab"}.to_string();
  const std::string huge = good + std::string(70'000, '1');
  for (const std::string& bad :
       {std::string{}, std::string{"weir2.00.1:1:"}, std::string{"weir1.0.1:1:"},
        std::string{"weir1.zz.1:1:"}, std::string{"weir1.00"}, std::string{"weir1.00.9:5:"},
        std::string{"weir1.00.x"}, huge}) {
    try {
      (void)Token::parse(bad);
      ADD_FAILURE() << "accepted " << bad.substr(0, 40);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage) << bad.substr(0, 40);
      EXPECT_STRNE(e.what(), "");
    }
  }
}

}  // namespace
}  // namespace weir
