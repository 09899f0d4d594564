// Stands in for libFuzzer where there is none: gives the target each file of the folders named.
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "tests/fuzz/fuzz.hpp"

int main(int argc, char** argv) {
  std::size_t files = 0;
  try {
    for (int i = 1; i < argc; ++i) {
      for (const auto& file : std::filesystem::directory_iterator{argv[i]}) {
        std::ifstream stream{file.path(), std::ios::binary};
        const std::string bytes{std::istreambuf_iterator<char>{stream}, {}};
        std::cout << file.path().filename().string() << std::endl;  // flushed: the next may crash
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++files;
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "an exception got out: " << error.what() << '\n';
    return 1;
  }
  if (files == 0) std::cerr << "no file in the folders named\n";
  return files == 0 ? 1 : 0;
}
