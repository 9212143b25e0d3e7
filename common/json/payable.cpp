#include "common/json/payable.h"

#include "common/base/ascii.h"
#include "common/base/bad_request.h"

namespace common {
namespace {

[[noreturn]] void refuse(std::string_view member, std::string_view why) {
  throw BadRequest(std::string(member).append(" ").append(why));
}

[[noreturn]] void refuse_missing(const JsonObject& object, std::string_view member) {
  refuse_another_case(object, member);
  refuse(member, "is missing");
}

}  // namespace

void refuse_another_case(const JsonObject& object, std::string_view member) {
  for (const auto& [name, value] : object) {
    if (name != member && equal_ignoring_case(name, member))
      refuse(member, "is missing; \"" + name + "\" has another case");
  }
}

Payable read_payable(const JsonValue& object, const PayableNames& names,
                     FindCurrency find_currency) {
  const auto* members = object.as<JsonObject>();
  if (members == nullptr) throw BadRequest("expected a JSON object");
  for (const std::string_view name : {names.id, names.value, names.currency}) {
    if (object.find(name) == nullptr) refuse_missing(*members, name);
  }

  const auto* id = object.find(names.id)->as<std::string>();
  if (id == nullptr || !is_id(*id)) {
    refuse(names.id, "must be a string of 1 to 64 characters from A-Z a-z 0-9 . _ -");
  }
  const auto* code = object.find(names.currency)->as<std::string>();
  const auto currency = code == nullptr ? std::nullopt : find_currency(*code);
  if (!currency) {
    refuse(names.currency, "must be an active ISO 4217 code in upper case, like \"EUR\"");
  }
  const auto* number = object.find(names.value)->as<JsonNumber>();
  if (number == nullptr) refuse(names.value, "must be a number, like 12.15");
  const auto amount = parse_amount(number->text, *currency);
  if (const auto* error = std::get_if<AmountError>(&amount)) {
    refuse(names.value, describe(*error, *currency));
  }
  return Payable{*id, std::get<Money>(amount)};
}

void append_payable(std::string& out, const PayableNames& names, std::string_view id,
                    const Money& amount) {
  out.append("{\"").append(names.id).append("\":\"").append(id);
  out.append("\",\"").append(names.value).append("\":").append(to_decimal(amount));
  out.append(",\"").append(names.currency).append("\":\"").append(amount.currency.code());
  out.append("\"");
}

}  // namespace common
