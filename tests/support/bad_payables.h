// JSON that is no valid invoice or payment. Both services must answer it with 400 and write
// nothing.

#ifndef TESTS_SUPPORT_BAD_PAYABLES_H_
#define TESTS_SUPPORT_BAD_PAYABLES_H_

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/payable.h"

namespace tests {

inline std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// ID, VALUE and CURRENCY stand for the names of the service. Arrays of plain pointers: compilers
// take minutes for long lists of std::string when they build with sanitizers.
inline constexpr const char* kBadBodies[] = {
    // Not JSON, or JSON and more.
    "", " ", "{", "{}x", "nonsense", "{'ID':'I1','VALUE':1,'CURRENCY':'EUR'}",
    R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR")", R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR"}})",
    R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR"} {})", R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR",})",
    R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR"}//)",
    // Ambiguous or harmful JSON.
    R"({"ID":"I1","ID":"I1","VALUE":1,"CURRENCY":"EUR"})",
    R"({"ID":"I1","VALUE":1,"VALUE":2,"CURRENCY":"EUR"})",
    R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR","x":{"y":1,"y":2}})",
    R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR","x":[[[[[[[[]]]]]]]]})",
    R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR","x":"\u0000"})",
    R"({"ID":"I1","VALUE":1,"CURRENCY":"EUR","x":"\ud800"})",
    "{\"ID\":\"I1\",\"VALUE\":1,\"CURRENCY\":\"EUR\",\"x\":\"\xff\"}",
    // Another type at the root.
    "null", "true", "1", R"("I1")", "{}",
    // Members that are missing.
    R"({"VALUE":1,"CURRENCY":"EUR"})", R"({"ID":"I1","CURRENCY":"EUR"})",
    R"({"ID":"I1","VALUE":1})", R"({"id_":"I1","value_":1,"currency_":"EUR"})",
    // More decimals than the currency has.
    R"({"ID":"I1","VALUE":100.5,"CURRENCY":"JPY"})",
    R"({"ID":"I1","VALUE":1.0001,"CURRENCY":"KWD"})"};

inline constexpr const char* kBadIds[] = {
    "null",
    "1",
    "true",
    "{}",
    R"(["I1"])",
    R"("")",
    R"(" ")",
    R"("I 1")",
    R"("I1\n")",
    R"("I/1")",
    R"("I'1")",
    R"("I1;--")",
    "\"\xc3\xa9\"",
    R"("I\u0000")",
    R"("123456789.123456789.123456789.123456789.123456789.123456789.12345")"};  // one too long

inline constexpr const char* kBadValues[] = {"null",
                                             "true",
                                             R"("1")",
                                             "[1]",
                                             "{}",
                                             "0",
                                             "0.00",
                                             "-0",
                                             "-1",
                                             "-0.01",
                                             "NaN",
                                             "Infinity",
                                             "-Infinity",
                                             "1e400",
                                             "1e999999999",
                                             "1e-3",
                                             "1e-999999999",
                                             "10.001",
                                             "0.001",
                                             "10000000000000",
                                             "9999999999999.999",
                                             "1000000000000000",
                                             "99999999999999999999",
                                             "+1",
                                             "01",
                                             ".5",
                                             "1.",
                                             "0x10",
                                             "1,5",
                                             "1_000"};

inline constexpr const char* kBadCurrencies[] = {
    "null",      "978",      R"("")",    R"("eur")", R"("Eur")", R"("EU")",   R"("EURO")",
    R"(" EUR")", R"("XXX")", R"("XTS")", R"("XAU")", R"("ZZZ")", R"(["EUR"])"};

inline std::vector<std::string> bad_payables(const common::PayableNames& names) {
  std::vector<std::string> bodies(std::begin(kBadBodies), std::end(kBadBodies));
  bodies.emplace_back(10'000, '[');
  for (const std::string id : kBadIds) {
    bodies.push_back(R"({"ID":)" + id + R"(,"VALUE":1,"CURRENCY":"EUR"})");
  }
  for (const std::string value : kBadValues) {
    bodies.push_back(R"({"ID":"I1","VALUE":)" + value + R"(,"CURRENCY":"EUR"})");
  }
  for (const std::string currency : kBadCurrencies) {
    bodies.push_back(R"({"ID":"I1","VALUE":1,"CURRENCY":)" + currency + "}");
  }
  for (std::string& body : bodies) {
    body = replace_all(body, "ID", names.id);
    body = replace_all(body, "VALUE", names.value);
    body = replace_all(body, "CURRENCY", names.currency);
  }
  return bodies;
}

}  // namespace tests

#endif  // TESTS_SUPPORT_BAD_PAYABLES_H_
