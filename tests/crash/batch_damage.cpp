#include "tests/crash/batch_damage.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>

namespace tests {
namespace {

using nlohmann::json;
using Random = std::mt19937_64;

constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::string_view kLength = "\r\nContent-Length: ";

json body_of(const std::string& message) {
  return json::parse(message.substr(message.find(kEndOfHead) + kEndOfHead.size()));
}

std::string with_body(std::string message, const json& body) {
  const std::string text = body.dump();
  message.resize(message.find(kEndOfHead) + kEndOfHead.size());
  const std::size_t length = message.find(kLength) + kLength.size();
  message.replace(length, message.find("\r\n", length) - length, std::to_string(text.size()));
  return message + text;
}

// At least one element, and at most half of them.
void erase_some(json& array, Random& random) {
  for (std::size_t left = 1 + random() % std::max<std::size_t>(1, array.size() / 2); left > 0;
       --left) {
    array.erase(random() % array.size());
  }
}

json opposite(json result) {
  result["status"] = result["status"] == 200 ? 422 : 200;
  return result;
}

void damage_results(json& results, Random& random) {
  auto& array = results.get_ref<json::array_t&>();
  const std::size_t chosen = random() % array.size();
  const auto at = array.begin() + static_cast<std::ptrdiff_t>(chosen);
  switch (random() % 5) {
    case 0:
      erase_some(results, random);
      break;
    case 1:
      // Before or after the original: neither the first nor the last result may win.
      array.insert(at + static_cast<std::ptrdiff_t>(random() % 2),
                   random() % 3 == 0 ? array[chosen] : opposite(array[chosen]));
      break;
    case 2:
      std::rotate(array.begin(), chosen == 0 ? at + 1 : at, array.end());
      break;
    case 3:
      array.insert(at, {{"id", "foreign"}, {"idempotencyKey", "pay:foreign:1"}, {"status", 200}});
      break;
    default:
      array[chosen] = opposite(array[chosen]);
      array[chosen]["idempotencyKey"] = "pay:" + array[chosen]["id"].get<std::string>() + ":1000";
      break;
  }
}

}  // namespace

bool is_batch(std::string_view request) { return request.starts_with("POST /payments/batch "); }

bool is_complete(std::string_view message) {
  const std::size_t end = message.find(kEndOfHead);
  if (end == std::string_view::npos) return false;
  const std::size_t length = message.substr(0, end).find(kLength);
  if (length == std::string_view::npos) return true;
  return message.size() - end - kEndOfHead.size() >=
         std::stoul(std::string(message.substr(length + kLength.size())));
}

std::string no_such_endpoint(Random& random) {
  constexpr std::array kStatuses = {"404 Not Found", "405 Method Not Allowed",
                                    "501 Not Implemented"};
  return std::string("HTTP/1.1 ") + kStatuses[random() % kStatuses.size()] +
         "\r\nContent-Length: 0\r\n\r\n";
}

std::string shorten(const std::string& request, Random& random) {
  json payments = body_of(request);
  erase_some(payments, random);
  return with_body(request, payments);
}

std::string damage(const std::string& response, Random& random) {
  constexpr std::string_view kStatus = "HTTP/1.1 207 ";
  if (!response.starts_with(kStatus)) return response;
  json results = body_of(response);
  if (random() % 6 > 0) {
    damage_results(results, random);
    return with_body(response, results);
  }
  for (json& result : results) result["status"] = 200;
  return "HTTP/1.1 200 " + with_body(response, results).substr(kStatus.size());
}

}  // namespace tests
