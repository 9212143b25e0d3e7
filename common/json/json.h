// Strict reading of JSON (RFC 8259) that comes from outside.
//
// nlohmann::json does the parsing; this keeps what its own document type loses or lets pass: the
// number's own text (so that money never becomes a double), duplicate member names, NUL in strings
// and unbounded depth. Safe to call from any thread.

#ifndef COMMON_JSON_JSON_H_
#define COMMON_JSON_JSON_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace common {

// Arrays and objects nested deeper than this are refused.
inline constexpr std::size_t kMaxJsonDepth = 8;

struct JsonNumber {
  std::string text;  // as a JSON number is written, e.g. "12.15" or "1e2"
};

class JsonValue;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<std::pair<std::string, JsonValue>>;  // in document order

class JsonValue {
 public:
  using Variant =
      std::variant<std::nullptr_t, bool, JsonNumber, std::string, JsonArray, JsonObject>;

  JsonValue() = default;  // null
  // NOLINTNEXTLINE(google-explicit-constructor): a value is what it holds
  JsonValue(Variant value) : value_(std::move(value)) {}

  // The value as a T, or nullptr when it is of another type.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value_);
  }

  // The member of this name, or nullptr when there is none or this is not an object.
  const JsonValue* find(std::string_view name) const;

 private:
  Variant value_;
};

struct JsonError {
  std::string message;  // for a person: what is wrong, and where. Valid UTF-8.
};

// Parses one complete document. Refuses invalid JSON, trailing data, invalid UTF-8, lone
// surrogates, NUL in strings or names, duplicate names, and depth over kMaxJsonDepth.
std::variant<JsonValue, JsonError> parse_json(std::string_view text);

}  // namespace common

#endif  // COMMON_JSON_JSON_H_
