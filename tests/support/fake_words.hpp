#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

/// The words of a statement of the fake's language, weir hints taken out:
/// `get T K`, `scan T`, `count T` read; `set T K V`, `del T K` write; `ddl` changes the schema;
/// `now T` and `secret T` read as `scan` does, one provable by nobody, the other only under a
/// declared session; `nonsense` is a syntax error. A word `$n` is the n-th parameter.
[[nodiscard]] inline std::vector<std::string> fake_words(
    std::string_view sql, std::vector<std::string>* hints = nullptr) {
  std::string plain{sql};
  constexpr std::string_view kOpen = "/* weir:";
  for (std::size_t begin = plain.find(kOpen); begin != std::string::npos;
       begin = plain.find(kOpen)) {
    const std::size_t end = std::min(plain.find("*/", begin), plain.size() - 2);
    if (hints != nullptr)
      hints->push_back(plain.substr(begin + kOpen.size(), end - begin - kOpen.size()));
    plain.replace(begin, end + 2 - begin, " ");
  }
  std::istringstream stream{plain};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace weir::test
