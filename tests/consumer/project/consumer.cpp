#include <cstdio>
#include <weir/error.hpp>

int main() {
  try {
    throw weir::Error{weir::ErrorCode::kConfig, "consumer: it links"};
  } catch (const weir::Error& error) {
    std::puts(error.what());
  }
}
