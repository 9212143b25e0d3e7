// What both services take from outside: an id with an amount of money, as a JSON object. Only the
// names of its members differ.

#ifndef COMMON_JSON_PAYABLE_H_
#define COMMON_JSON_PAYABLE_H_

#include <string>
#include <string_view>
#include <variant>

#include "common/json/json.h"
#include "common/money/money.h"

namespace common {

struct PayableNames {
  std::string_view id;
  std::string_view value;
  std::string_view currency;
};

struct Payable {
  std::string id;  // 1 to 64 of A-Z a-z 0-9 . _ -, so it needs no escaping anywhere
  Money amount;
};

// The payable, or what is wrong with the object, for a person. Members of other names are ignored.
std::variant<Payable, std::string> read_payable(const JsonValue& object, const PayableNames& names);

// Appends {"<id>":"I1","<value>":12.15,"<currency>":"EUR" without the closing brace, so that a
// caller can append members of its own.
void append_payable(std::string& out, const PayableNames& names, std::string_view id,
                    const Money& amount);

}  // namespace common

#endif  // COMMON_JSON_PAYABLE_H_
