#include "common/json/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/bad_request.h"

namespace common {
namespace {

constexpr const char* kNul = "a string contains NUL";

// Builds a JsonValue from the events of nlohmann's parser. A function that returns false stops the
// parser; `error` then says why.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return add(JsonValue()); }
  bool boolean(bool value) override { return add(JsonValue(value)); }
  bool number_integer(number_integer_t value) override {
    return add(JsonValue(JsonNumber{std::to_string(value)}));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return add(JsonValue(JsonNumber{std::to_string(value)}));
  }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return add(JsonValue(JsonNumber{text}));
  }
  bool string(string_t& value) override {
    if (value.find('\0') != string_t::npos) return fail(kNul);
    return add(JsonValue(std::move(value)));
  }
  bool binary(binary_t& /*value*/) override { return fail("binary data is not JSON"); }

  bool start_object(std::size_t /*size*/) override { return open(JsonObject()); }
  bool start_array(std::size_t /*size*/) override { return open(JsonArray()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (name.find('\0') != string_t::npos) return fail(kNul);
    if (!open_.back().names.insert(name).second)
      return fail("an object has two members with the same name");
    open_.back().name = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const nlohmann::json::exception& /*exception*/) override {
    return fail("invalid JSON at byte " + std::to_string(position));
  }

  JsonValue root;
  std::string error;

 private:
  // An array or object whose end was not parsed yet.
  struct Open {
    JsonValue::Variant value;
    std::string name = {};             // of an object's next member
    std::set<std::string> names = {};  // of an object's members so far
  };

  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }

  bool open(JsonValue::Variant value) {
    if (open_.size() == kMaxJsonDepth) {
      return fail("more than " + std::to_string(kMaxJsonDepth) + " levels of arrays and objects");
    }
    open_.push_back({std::move(value)});
    return true;
  }

  bool close() {
    JsonValue value(std::move(open_.back().value));
    open_.pop_back();
    return add(std::move(value));
  }

  bool add(JsonValue value) {
    if (open_.empty()) {
      root = std::move(value);
    } else if (auto* array = std::get_if<JsonArray>(&open_.back().value)) {
      array->push_back(std::move(value));
    } else {
      std::get<JsonObject>(open_.back().value)
          .emplace_back(std::move(open_.back().name), std::move(value));
    }
    return true;
  }

  std::vector<Open> open_;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
  const auto* object = as<JsonObject>();
  if (object == nullptr) return nullptr;
  const auto found = std::find_if(object->begin(), object->end(),
                                  [&](const auto& member) { return member.first == name; });
  return found == object->end() ? nullptr : &found->second;
}

std::variant<JsonValue, JsonError> parse_json(std::string_view text) {
  // nlohmann's parser stops at a NUL and ignores what follows.
  if (text.find('\0') != std::string_view::npos) return JsonError{"the document contains NUL"};
  if (text.empty()) return JsonError{"expected JSON, but there is no text"};
  Builder builder;
  if (!nlohmann::json::sax_parse(text, &builder)) return JsonError{std::move(builder.error)};
  return std::move(builder.root);
}

JsonValue read_json(std::string_view text) {
  auto parsed = parse_json(text);
  if (const auto* error = std::get_if<JsonError>(&parsed)) throw BadRequest(error->message);
  return std::get<JsonValue>(std::move(parsed));
}

std::string to_json_string(std::string_view text) {
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace common
