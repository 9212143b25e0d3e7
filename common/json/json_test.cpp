#include "common/json/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bad_request.h"

namespace common {
namespace {

JsonValue parsed(const std::string& text) {
  auto result = parse_json(text);
  if (const auto* error = std::get_if<JsonError>(&result)) {
    ADD_FAILURE() << text.substr(0, 100) << ": " << error->message;
    return {};
  }
  return std::get<JsonValue>(std::move(result));
}

// Why the text is refused; "" if it is not.
std::string refusal(const std::string& text) {
  const auto result = parse_json(text);
  const auto* error = std::get_if<JsonError>(&result);
  return error == nullptr ? "" : error->message;
}

// The document as it was parsed, with the text of its numbers.
std::string written(const JsonValue& value) {
  if (const auto* boolean = value.as<bool>()) return *boolean ? "true" : "false";
  if (const auto* number = value.as<JsonNumber>()) return number->text;
  if (const auto* string = value.as<std::string>()) return nlohmann::json(*string).dump();
  std::string text;
  if (const auto* array = value.as<JsonArray>()) {
    for (const JsonValue& element : *array) text += (text.empty() ? "" : ",") + written(element);
    return '[' + text + ']';
  }
  if (const auto* object = value.as<JsonObject>()) {
    for (const auto& [name, member] : *object) {
      text += (text.empty() ? "\"" : ",\"") + name + "\":" + written(member);
    }
    return '{' + text + '}';
  }
  return "null";
}

TEST(ParseJson, ReadsEveryTypeAndKeepsTheOrder) {
  for (const std::string text :
       {"null", "true", "false", "0", "12.15", R"("")", R"("text")", "[]", "{}", "[1,[2],[]]",
        R"({"b":1,"a":[null,true,{"c":"d"}],"":false})", R"({"a":{"a":{"a":1}}})"}) {
    EXPECT_EQ(written(parsed(text)), text);
  }
}

TEST(ParseJson, IgnoresWhiteSpaceAndAByteOrderMark) {
  EXPECT_EQ(written(parsed(" \t\r\n{ \"a\" : [ 1 , 2 ] }\n ")), R"({"a":[1,2]})");
  EXPECT_EQ(written(parsed("\xEF\xBB\xBF{}")), "{}");
}

TEST(ParseJson, KeepsTheTextOfNumbers) {
  for (const std::string text : {"0",
                                 "1",
                                 "-1",
                                 "12.15",
                                 "12.150",
                                 "10.00",
                                 "0.1",
                                 "-0.0",
                                 "1e2",
                                 "1E2",
                                 "1e+2",
                                 "1E-2",
                                 "1.50e-07",
                                 "9007199254740993",
                                 "9223372036854775807",
                                 "-9223372036854775808",
                                 "18446744073709551615",
                                 "18446744073709551616",
                                 "123456789012345678901234567890.10",
                                 "0.1000000000000000055511151231257827021181583404541015625",
                                 "1e-400"}) {
    const JsonValue value = parsed(text);
    ASSERT_NE(value.as<JsonNumber>(), nullptr) << text;
    EXPECT_EQ(value.as<JsonNumber>()->text, text);
  }
}

TEST(ParseJson, RefusesNumbersThatAreNotJson) {
  for (const std::string text : {"NaN", "nan", "Infinity", "-Infinity", "1e400", "-1e400", "+1",
                                 "01", "-01", "1.", ".5", "1e", "1e+", "0x10", "1_000", "- 1"}) {
    EXPECT_NE(refusal(text), "") << text;
    EXPECT_NE(refusal("[" + text + "]"), "") << text;
  }
}

TEST(ParseJson, RefusesAnIncompleteOrInvalidDocument) {
  for (const std::string text : {"",
                                 " ",
                                 "\n",
                                 "{",
                                 "}",
                                 "[",
                                 "]",
                                 "[1",
                                 "[1,",
                                 "[1,]",
                                 "[,1]",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{a:1}",
                                 "{'a':1}",
                                 "{1:1}",
                                 "{null:1}",
                                 "\"",
                                 "\"a",
                                 "nul",
                                 "truefalse",
                                 "True",
                                 "// c\n1",
                                 "/* c */ 1",
                                 "[1] // c",
                                 "undefined",
                                 "\xEF\xBB",
                                 "\xFF\xFE{\0}\0"}) {
    EXPECT_NE(refusal(text), "") << text;
  }
}

TEST(ParseJson, RefusesDataAfterTheDocument) {
  for (const std::string text : {"{}{}", "{} {}", "{}x", "{}]", "1 2", "null,", "[]\n[]"}) {
    EXPECT_NE(refusal(text), "") << text;
  }
}

TEST(ParseJson, RefusesDataAfterTheDocumentAndANul) {
  using std::string_literals::operator""s;
  for (const std::string& text :
       {"{}\0"s, "{}\0{}"s, "1\0"s, "[1]\0garbage"s, "\0"s, "\0{}"s, "[\0]"s, "[1,\0 2]"s}) {
    EXPECT_NE(refusal(text), "") << text;
  }
}

TEST(ParseJson, RefusesADuplicateName) {
  for (const std::string text :
       {R"({"a":1,"a":1})", R"({"a":1,"b":2,"a":3})", R"({"a":1,"\u0061":2})", R"({"":1,"":2})",
        R"([{"x":{"a":1,"a":2}}])", R"({"a":{"a":1},"a":2})"}) {
    EXPECT_EQ(refusal(text), "an object has two members with the same name") << text;
  }
  EXPECT_EQ(refusal(R"([{"a":1},{"a":1}])"), "");
  EXPECT_EQ(refusal(R"({"a":{"a":{"a":1}},"A":2})"), "");
}

std::string nested(const std::string& open, const std::string& close, std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(ParseJson, RefusesMoreLevelsThanAllowed) {
  const std::string kTooDeep = "more than 8 levels of arrays and objects";
  EXPECT_EQ(refusal(nested("[", "]", kMaxJsonDepth)), "");
  EXPECT_EQ(refusal(nested(R"({"a":)", "}", kMaxJsonDepth)), "");
  EXPECT_EQ(refusal(nested("[", "]", kMaxJsonDepth + 1)), kTooDeep);
  EXPECT_EQ(refusal(nested(R"({"a":)", "}", kMaxJsonDepth + 1)), kTooDeep);
  EXPECT_EQ(refusal(nested(R"([{"a":)", "}]", kMaxJsonDepth / 2 + 1)), kTooDeep);
  EXPECT_EQ(refusal(std::string(1'000'000, '[')), kTooDeep);
}

TEST(ParseJson, CountsOnlyTheLevelsThatAreOpen) {
  const std::string deep = nested("[", "]", kMaxJsonDepth - 1);
  EXPECT_EQ(refusal('[' + deep + ',' + deep + ',' + deep + ']'), "");
}

TEST(ParseJson, RefusesInvalidUtf8) {
  for (const std::string bytes :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xE2\x82",
        "\xED\xA0\x80" /* a surrogate */, "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
        "\xF8\x88\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_NE(refusal('"' + bytes + '"'), "") << testing::PrintToString(bytes);
    EXPECT_NE(refusal("{\"" + bytes + "\":1}"), "") << testing::PrintToString(bytes);
    EXPECT_NE(refusal(bytes), "") << testing::PrintToString(bytes);
  }
}

TEST(ParseJson, RefusesLoneSurrogatesAndBadEscapes) {
  for (const std::string escape :
       {R"(\ud800)", R"(\udbff)", R"(\udc00)", R"(\udfff)", R"(\ud800\ud800)", R"(\ud800x)",
        R"(\ud800\n)", R"(\udc00\ud800)", R"(\u12)", R"(\u12G4)", R"(\x41)", R"(\a)", R"(\)"}) {
    EXPECT_NE(refusal('"' + escape + '"'), "") << escape;
    EXPECT_NE(refusal("{\"" + escape + "\":1}"), "") << escape;
  }
}

TEST(ParseJson, RefusesNulAndOtherControlsInStrings) {
  EXPECT_EQ(refusal(R"("\u0000")"), "a string contains NUL");
  EXPECT_EQ(refusal(R"("a\u0000b")"), "a string contains NUL");
  EXPECT_EQ(refusal(R"({"a\u0000":1})"), "a string contains NUL");
  for (char c = 1; c < ' '; ++c) EXPECT_NE(refusal(std::string("\"") + c + '"'), "") << +c;
}

TEST(ParseJson, ReadsStringsAsUtf8) {
  const std::string text = R"("\u00e9\ud83d\ude00\n\"\\\/ é😀)"
                           "\x7f\"";
  const JsonValue value = parsed(text);
  ASSERT_NE(value.as<std::string>(), nullptr);
  EXPECT_EQ(*value.as<std::string>(), "é😀\n\"\\/ é😀\x7f");
}

TEST(ParseJson, SaysWhereTheDocumentIsWrong) {
  EXPECT_EQ(refusal("{\"a\":x}"), "invalid JSON at byte 6");
  EXPECT_EQ(refusal(""), "expected JSON, but there is no text");
}

TEST(ParseJson, ItsMessageIsUtf8ForAnyInput) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same bytes each time
  const std::string valid = R"({"InvoiceId":"I1","Value":12.15,"x":[1e2,"\u00e9é",null]})";
  for (int i = 0; i < 5'000; ++i) {
    std::string text = valid;
    for (int changes = 0; changes < 1 + i % 4; ++changes) {
      text[random() % text.size()] = static_cast<char>(random() % 256);
    }
    EXPECT_NO_THROW(nlohmann::json(refusal(text)).dump()) << text;
  }
}

TEST(ReadJson, ThrowsBadRequestWhereParseJsonReturnsAnError) {
  EXPECT_EQ(written(read_json("[1]")), "[1]");
  EXPECT_THROW(read_json("[1"), BadRequest);
}

TEST(JsonValue, FindsMembersOfObjectsOnly) {
  const JsonValue object = parsed(R"({"a":1,"b":null})");
  ASSERT_NE(object.find("a"), nullptr);
  EXPECT_EQ(object.find("a")->as<JsonNumber>()->text, "1");
  ASSERT_NE(object.find("b"), nullptr);
  EXPECT_EQ(object.find("A"), nullptr);
  EXPECT_EQ(object.find(""), nullptr);
  for (const std::string text : {"null", "1", "[1]", R"("a")"}) {
    EXPECT_EQ(parsed(text).find("a"), nullptr) << text;
  }
}

TEST(ToJsonString, EscapesWhatAStringMustNotHave) {
  EXPECT_EQ(to_json_string("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
  EXPECT_EQ(to_json_string("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(JsonValue, HasOneType) {
  const JsonValue number = parsed("1");
  EXPECT_EQ(number.as<std::string>(), nullptr);
  EXPECT_EQ(number.as<bool>(), nullptr);
  EXPECT_EQ(number.as<std::nullptr_t>(), nullptr);
  EXPECT_NE(JsonValue().as<std::nullptr_t>(), nullptr);
}

}  // namespace
}  // namespace common
