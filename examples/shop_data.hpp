#pragma once

#include <array>
#include <string>
#include <weir/weir.hpp>

namespace shop {

/// Makes `file` with so many customers, four orders each and three lines an order, unless it is
/// there.
void generate(const std::string& file, int customers);

/// What the second process does, as a plain SQLite program that knows nothing of weir: customer 1
/// orders.
void place_order(const std::string& file);

enum class Asks { kCustomer, kShop };

/// One of the queries a customer's page makes; its first column tells most.
struct PageQuery {
  const char* name;
  const char* sql;
  Asks asks;  ///< kCustomer: takes the customer as ?1.
};
extern const std::array<PageQuery, 8> kPage;

}  // namespace shop
