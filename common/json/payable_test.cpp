#include "common/json/payable.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/bad_request.h"

namespace common {
namespace {

constexpr PayableNames kNames = {"InvoiceId", "Value", "Currency"};

Payable read(const std::string& json, const PayableNames& names = kNames) {
  return read_payable(read_json(json), names);
}

// Why the object is refused; "" if it is not.
std::string payable_refusal(const std::string& json) {
  try {
    read(json);
    return "";
  } catch (const BadRequest& error) {
    return error.what();
  }
}

std::string with(const std::string& id, const std::string& value, const std::string& currency) {
  return R"({"InvoiceId":)" + id + R"(,"Value":)" + value + R"(,"Currency":)" + currency + "}";
}

TEST(ReadPayable, ReadsIdAndExactAmount) {
  const Payable payable = read(with(R"("I1")", "12.15", R"("EUR")"));
  EXPECT_EQ(payable.id, "I1");
  EXPECT_EQ(payable.amount, (Money{1215, *Currency::find("EUR")}));
}

TEST(ReadPayable, UsesTheGivenNames) {
  const Payable payable = read(R"({"id":"I1","value":10,"currency":"JPY"})", kPaymentNames);
  EXPECT_EQ(payable.amount, (Money{10, *Currency::find("JPY")}));
  EXPECT_EQ(payable_refusal(R"({"id":"I1","value":10,"currency":"JPY"})"), "InvoiceId is missing");
}

TEST(ReadPayable, IgnoresOtherMembersAndTheOrder) {
  EXPECT_EQ(
      read(R"({"x":[{"InvoiceId":1}],"Currency":"EUR","value":-1,"Value":1,"InvoiceId":"I1"})").id,
      "I1");
}

TEST(ReadPayable, AcceptsIdsOfTheAllowedCharacters) {
  for (const std::string& id : {std::string("a"), std::string("."), std::string("-"),
                                std::string("AZaz09._-"), std::string(64, 'x')}) {
    EXPECT_EQ(payable_refusal(with('"' + id + '"', "1", R"("EUR")")), "") << id;
  }
}

TEST(ReadPayable, RefusesOtherIds) {
  const std::string expected =
      "InvoiceId must be a string of 1 to 64 characters from A-Z a-z 0-9 . _ -";
  for (const std::string id : {R"("")", R"(" ")", R"("a b")", R"("a/b")", R"("a\\b")", R"("a\"b")",
                               R"("a:b")", R"("a,b")", R"("a%20b")", R"("é")", R"("a\n")",
                               R"("a\u007f")", "1", "null", "true", R"(["I1"])", "{}"}) {
    EXPECT_EQ(payable_refusal(with(id, "1", R"("EUR")")), expected) << id;
  }
  EXPECT_EQ(payable_refusal(with('"' + std::string(65, 'x') + '"', "1", R"("EUR")")), expected);
}

TEST(ReadPayable, SaysWhatIsWrongWithTheValue) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"0", "Value must be greater than 0"},
      {"-0", "Value must be greater than 0"},
      {"-1", "Value must be greater than 0"},
      {"10.001", "Value must not have more than 2 decimals in EUR"},
      {"1e15", "Value must not be greater than 9999999999999.99 in EUR"},
      {R"("12.15")", "Value must be a number, like 12.15"},
      {"null", "Value must be a number, like 12.15"},
      {"true", "Value must be a number, like 12.15"},
      {"[1]", "Value must be a number, like 12.15"},
  };
  for (const auto& [value, expected] : table) {
    EXPECT_EQ(payable_refusal(with(R"("I1")", value, R"("EUR")")), expected) << value;
  }
}

TEST(ReadPayable, RefusesInvalidCurrencies) {
  for (const std::string currency : {R"("")", R"("eur")", R"("XXX")", R"("XAU")", R"("EURO")",
                                     R"("€")", "978", "null", R"(["EUR"])"}) {
    EXPECT_EQ(payable_refusal(with(R"("I1")", "1", currency)),
              "Currency must be an active ISO 4217 code in upper case, like \"EUR\"")
        << currency;
  }
}

TEST(ReadPayable, ReadsWithdrawnCurrenciesOnlyIfTheCallerFindsThem) {
  const std::string levs = R"({"InvoiceId":"I1","Value":12.15,"Currency":"BGN"})";
  EXPECT_NE(payable_refusal(levs), "");
  EXPECT_EQ(read_payable(read_json(levs), kNames, Currency::find_any).amount,
            (Money{1215, *Currency::find_any("BGN")}));
}

TEST(ReadPayable, SaysWhatIsMissing) {
  EXPECT_EQ(payable_refusal("{}"), "InvoiceId is missing");
  EXPECT_EQ(payable_refusal(R"({"Value":1,"Currency":"EUR"})"), "InvoiceId is missing");
  EXPECT_EQ(payable_refusal(R"({"InvoiceId":"I1","Currency":"EUR"})"), "Value is missing");
  EXPECT_EQ(payable_refusal(R"({"InvoiceId":"I1","Value":1})"), "Currency is missing");
  EXPECT_EQ(payable_refusal(R"({"invoiceId":"I1","Value":1,"Currency":"EUR"})"),
            "InvoiceId is missing; \"invoiceId\" has another case");
}

TEST(RefuseAnotherCase, RefusesNoOtherName) {
  const JsonValue value = read_json(R"({"IsPaid":true,"Paid":true,"Is-Paid":true})");
  const auto& object = *value.as<JsonObject>();
  EXPECT_NO_THROW(refuse_another_case(object, "IsPaid"));
  EXPECT_THROW(refuse_another_case(object, "isPaid"), BadRequest);
}

TEST(ReadPayable, AcceptsOnlyObjects) {
  for (const std::string json : {"null", "1", "true", R"("I1")", "[]", "[{}]"}) {
    EXPECT_EQ(payable_refusal(json), "expected a JSON object") << json;
  }
}

TEST(AppendPayable, WritesWhatReadPayableReads) {
  for (const char* code : {"EUR", "JPY", "KWD", "CLF"}) {
    for (const std::int64_t minor_units : {std::int64_t{1}, std::int64_t{1050}, kMaxMinorUnits}) {
      const Money amount{minor_units, *Currency::find(code)};
      std::string json;
      append_payable(json, kNames, "I1", amount);
      const Payable payable = read(json + "}");
      EXPECT_EQ(payable.id, "I1");
      EXPECT_EQ(payable.amount, amount) << json;
    }
  }
}

TEST(AppendPayable, LeavesTheObjectOpen) {
  std::string json = "[";
  append_payable(json, kNames, "I1", {1050, *Currency::find("EUR")});
  EXPECT_EQ(json, R"([{"InvoiceId":"I1","Value":10.50,"Currency":"EUR")");
}

}  // namespace
}  // namespace common
