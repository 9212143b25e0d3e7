// A strict parser for untrusted JSON (RFC 8259).
//
// nlohmann::json does the parsing. Its own document type would turn numbers into doubles and accept
// duplicate member names, NUL in strings and any depth. This parser keeps the text of numbers, so
// that amounts are not rounded, and rejects duplicates, NUL and depth. Thread-safe.

#ifndef COMMON_JSON_JSON_H_
#define COMMON_JSON_JSON_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/bad_request.h"

namespace common {

// Arrays and objects that are nested deeper than this are rejected.
inline constexpr std::size_t kMaxJsonDepth = 8;

struct JsonNumber {
  std::string text;  // as in the document, e.g. "12.15" or "1e2"
};

class JsonValue;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<std::pair<std::string, JsonValue>>;  // in document order

class JsonValue {
 public:
  using Variant =
      std::variant<std::nullptr_t, bool, JsonNumber, std::string, JsonArray, JsonObject>;

  JsonValue() = default;  // null
  // NOLINTNEXTLINE(google-explicit-constructor): any alternative is a value
  JsonValue(Variant value) : value_(std::move(value)) {}

  // The value as a T; nullptr if it has a different type.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value_);
  }

  // The member with this name; nullptr if there is none or this is not an object.
  const JsonValue* find(std::string_view name) const;

 private:
  Variant value_;
};

struct JsonError {
  std::string message;  // for people: what is wrong, and where. Valid UTF-8.
};

// Parses one complete document. Rejects invalid JSON, trailing data, invalid UTF-8, lone
// surrogates, NUL in strings or names, duplicate names, and depth over kMaxJsonDepth.
std::variant<JsonValue, JsonError> parse_json(std::string_view text);

// The same for the body of a request, but throws BadRequest.
JsonValue read_json(std::string_view text);

// The text as a JSON string, in quotes. Bytes that are not UTF-8 are replaced.
std::string to_json_string(std::string_view text);

// Reads each element with `read_element`. If that throws BadRequest, throws one that also names the
// element: "<what> <number, from 1> of the array: ...".
template <typename ReadElement>
auto read_elements(const JsonArray& array, std::string_view what, ReadElement read_element) {
  std::vector<decltype(read_element(array.front()))> elements;
  elements.reserve(array.size());
  for (const JsonValue& element : array) {
    try {
      elements.push_back(read_element(element));
    } catch (const BadRequest& error) {
      throw BadRequest(std::string(what) + ' ' + std::to_string(elements.size() + 1) +
                       " of the array: " + error.what());
    }
  }
  return elements;
}

}  // namespace common

#endif  // COMMON_JSON_JSON_H_
