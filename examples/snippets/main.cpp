// Runs the documentation's code, what needs no server at least: snippets FOLDER RULES-FILE.
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>

#include "examples/snippets/snippets.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: snippets FOLDER RULES-FILE\n";
    return EXIT_FAILURE;
  }
  try {
    const std::filesystem::path folder = std::filesystem::path{argv[1]} / "snippets-data";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const std::string shop = "sqlite:" + (folder / "shop.db").string();
    snippets::first_steps(shop);
    snippets::policies(shop, argv[2]);
    snippets::testing();
    snippets::replacing_sqlite((folder / "users.db").string());
    if (const char* dsn = std::getenv("WEIR_SNIPPETS_POSTGRES_DSN")) {
      snippets::replacing_postgres(dsn);
      const weir::Database db = weir::Database::open({.database = dsn});
      snippets::sessions(db);
      snippets::functions(db);
      snippets::replicas();
      snippets::pooling();
    }
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
