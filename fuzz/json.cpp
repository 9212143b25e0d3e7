#include "common/json/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "common/base/bad_request.h"
#include "common/json/payable.h"
#include "fuzz/fuzz.h"

namespace {

using common::JsonValue;
using nlohmann::json;

// The value as nlohmann's own parser would build it.
json convert(const JsonValue& value) {
  if (const auto* boolean = value.as<bool>()) return *boolean;
  if (const auto* number = value.as<common::JsonNumber>()) return json::parse(number->text);
  if (const auto* string = value.as<std::string>()) return *string;
  if (const auto* array = value.as<common::JsonArray>()) {
    json converted = json::array();
    for (const JsonValue& element : *array) converted.push_back(convert(element));
    return converted;
  }
  if (const auto* object = value.as<common::JsonObject>()) {
    json converted = json::object();
    for (const auto& [name, member] : *object) converted[name] = convert(member);
    return converted;
  }
  return nullptr;
}

std::size_t depth(const json& value) {
  std::size_t deepest = 0;
  if (!value.is_structured()) return 0;
  for (const json& element : value) deepest = std::max(deepest, depth(element));
  return deepest + 1;
}

std::size_t count_members(const json& value) {
  std::size_t count = value.is_object() ? value.size() : 0;
  if (value.is_structured()) {
    for (const json& element : value) count += count_members(element);
  }
  return count;
}

// Whether nlohmann's parser accepts the text, and our rules do not forbid it.
bool is_acceptable(std::string_view text) {
  std::size_t names = 0;
  bool has_nul = text.find('\0') != std::string_view::npos;
  const json value = json::parse(
      text,
      [&](int /*depth*/, json::parse_event_t event, json& part) {
        if (event == json::parse_event_t::key) ++names;
        has_nul = has_nul || (part.is_string() &&
                              part.get_ref<const std::string&>().find('\0') != std::string::npos);
        return true;
      },
      false);
  const bool has_duplicates = names != count_members(value);
  return !value.is_discarded() && !has_nul && !has_duplicates &&
         depth(value) <= common::kMaxJsonDepth;
}

void check_payable(const JsonValue& value) {
  try {
    const auto [id, amount] = common::read_payable(value, common::kPaymentNames);
    fuzz::check(!id.empty() && id.size() <= common::kMaxIdBytes, "an id has a length");
    std::string text;
    common::append_payable(text, common::kPaymentNames, id, amount);
    const auto again = common::read_payable(common::read_json(text + '}'), common::kPaymentNames);
    fuzz::check(again.id == id && again.amount == amount, "round trip of a payment");
  } catch (const common::BadRequest& refusal) {
    fuzz::check(!json(refusal.what()).dump().empty(), "a message is UTF-8");
  }
}

}  // namespace

// We accept what nlohmann accepts, but for our own rules, and read the same content.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::to_text(data, size);
  const auto parsed = common::parse_json(text);
  const auto* value = std::get_if<JsonValue>(&parsed);
  fuzz::check((value != nullptr) == is_acceptable(text), "accepted as nlohmann does");
  if (value == nullptr) {
    fuzz::check(!json(std::get<common::JsonError>(parsed).message).dump().empty(), "UTF-8");
    return 0;
  }
  fuzz::check(convert(*value) == json::parse(text), "the same content");
  check_payable(*value);
  return 0;
}
