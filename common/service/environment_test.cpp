#include "common/service/environment.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "tests/support/temporary_directory.h"

namespace common {
namespace {

Environment with(std::map<std::string, std::string> variables) {
  return Environment([variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

// The text of the error when `read` gets this value; "" when it is accepted.
template <typename Read>
std::string complaint(const std::string& value, Read read) {
  Environment environment = with({{"X", value}});
  try {
    read(environment);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

const auto kReadInteger = [](Environment& environment) {
  environment.integer("X", 5, -10, 100, "a number");
};

TEST(EnvironmentInteger, AcceptsEveryNumberOfTheRange) {
  EXPECT_EQ(with({}).integer("X", 5, 0, 100, ""), 5);
  EXPECT_EQ(with({{"X", "0"}}).integer("X", 5, 0, 100, ""), 0);
  EXPECT_EQ(with({{"X", "100"}}).integer("X", 5, 0, 100, ""), 100);
  EXPECT_EQ(with({{"X", "007"}}).integer("X", 5, 0, 100, ""), 7);
  EXPECT_EQ(with({{"X", "-10"}}).integer("X", 5, -10, 100, ""), -10);
}

TEST(EnvironmentInteger, RefusesEverythingElse) {
  for (const std::string value :
       {"", " ", "-11", "101", "x", "5x", "x5", " 5", "5 ", "5\n", "+5", "5.0", "1e1", "0x5", "--5",
        "2147483648", "-2147483649", "99999999999999999999999999"}) {
    EXPECT_EQ(complaint(value, kReadInteger),
              "X is \"" + value + "\"; accepted: a whole number from -10 to 100");
  }
}

TEST(EnvironmentBoolean, AcceptsTrueAndFalseOnly) {
  EXPECT_TRUE(with({}).boolean("X", true, ""));
  EXPECT_FALSE(with({}).boolean("X", false, ""));
  EXPECT_TRUE(with({{"X", "true"}}).boolean("X", false, ""));
  EXPECT_FALSE(with({{"X", "false"}}).boolean("X", true, ""));
  for (const std::string value : {"", "1", "0", "yes", "no", "TRUE", "False", "true ", "t"}) {
    EXPECT_EQ(complaint(value, [](Environment& from) { from.boolean("X", true, ""); }),
              "X is \"" + value + "\"; accepted: true|false");
  }
}

TEST(EnvironmentChoice, AcceptsTheNamesOfTheChoices) {
  const auto read = [](Environment& from) {
    return from.choice<int>("X", "two", {{"one", 1}, {"two", 2}}, "");
  };
  Environment none = with({});
  Environment one = with({{"X", "one"}});
  EXPECT_EQ(read(none), 2);
  EXPECT_EQ(read(one), 1);
  for (const std::string value : {"", "three", "One", "one|two", "1"}) {
    EXPECT_EQ(complaint(value, read), "X is \"" + value + "\"; accepted: one|two");
  }
}

TEST(EnvironmentText, AcceptsWhatTheCallerAccepts) {
  const auto read = [](Environment& from) {
    return from.text("X", "ab", "two letters", "",
                     [](const std::string& value) { return value.size() == 2; });
  };
  Environment none = with({});
  Environment set = with({{"X", "cd"}});
  EXPECT_EQ(read(none), "ab");
  EXPECT_EQ(read(set), "cd");
  EXPECT_EQ(complaint("abc", read), "X is \"abc\"; accepted: two letters");
}

TEST(EnvironmentText, ChecksTheDefaultToo) {
  const auto nothing = [](const std::string& /*value*/) { return false; };
  EXPECT_THROW(with({}).text("X", "ab", "nothing", "", nothing), ConfigError);
}

TEST(EnvironmentText, DoesNotShowAValueThatMayHaveAPassword) {
  const auto read = [](Environment& from) {
    from.text("X", "", "a URL", "", [](const std::string& value) { return value.empty(); });
  };
  const auto read_file = [](Environment& from) { from.secret_file("X", ""); };
  for (const char* value :
       {"postgresql://app:s3cret@db/invoices", "postgresql://app:s3cret/invoices",
        "postgresql:app:s3cret@db", "app:s3cret@db/invoices", "http://app:s3cret@provider",
        "host=db password=s3cret"}) {
    EXPECT_EQ(complaint(value, read), "X is \"(not shown)\"; accepted: a URL");
    EXPECT_EQ(complaint(value, read_file).find("s3cret"), std::string::npos) << value;
  }
}

class EnvironmentSecretFile : public testing::Test {
 protected:
  std::string write(const std::string& content) const {
    const std::string path = directory_ / "secret";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::optional<std::string> read(const std::string& content) const {
    return with({{"X", write(content)}}).secret_file("X", "");
  }

  std::string refusal(const std::string& content) const { return complain_about(write(content)); }

  static std::string complain_about(const std::string& path) {
    return complaint(path, [](Environment& from) { from.secret_file("X", ""); });
  }

  static std::string refused(const std::string& path) {
    return "X is \"" + path +
           "\"; accepted: the path of a readable file with 1 to 4096 printable characters";
  }

  const tests::TemporaryDirectory directory_;
};

TEST_F(EnvironmentSecretFile, IsNothingWhenNotSetOrEmpty) {
  EXPECT_EQ(with({}).secret_file("X", ""), std::nullopt);
  EXPECT_EQ(with({{"X", ""}}).secret_file("X", ""), std::nullopt);
}

TEST_F(EnvironmentSecretFile, IsReadWithoutTheWhiteSpaceAroundIt) {
  EXPECT_EQ(read("s3cret"), "s3cret");
  EXPECT_EQ(read("s3cret\n"), "s3cret");
  EXPECT_EQ(read("\t s3cret \r\n\n"), "s3cret");
  EXPECT_EQ(read("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
  EXPECT_EQ(read(std::string(4096, 'x')), std::string(4096, 'x'));
  EXPECT_EQ(read(std::string(4096, 'x') + "\r\n"), std::string(4096, 'x'));
}

TEST_F(EnvironmentSecretFile, IsRefusedWhenAHeaderCannotCarryIt) {
  using std::string_literals::operator""s;
  for (const std::string& content : {""s, "\n"s, " \t\r\n"s, "two words"s, "two\nlines"s, "a\0b"s,
                                     "\x7f"s, "é"s, "\xff"s, std::string(4097, 'x')}) {
    EXPECT_EQ(refusal(content), refused(directory_ / "secret")) << content.substr(0, 20);
  }
}

TEST_F(EnvironmentSecretFile, IsRefusedWhenTheFileIsTooLong) {
  EXPECT_NE(refusal(std::string(4096, 'x') + "\r\nsecond line"), "");
  EXPECT_NE(refusal("s3cret" + std::string(10'000, '\n') + "more"), "");
}

TEST_F(EnvironmentSecretFile, IsRefusedWhenThereIsNoFile) {
  const std::string missing = directory_ / "missing";
  EXPECT_EQ(complain_about(missing), refused(missing) + "; No such file or directory");
  EXPECT_EQ(complain_about("/"), refused("/"));
}

TEST(EnvironmentHelp, ListsWhatWasReadWithDefaultsAndNotWithValues) {
  Environment environment = with({{"PORT", "1"}, {"TOKEN", ""}});
  EXPECT_EQ(environment.help(), "");
  environment.integer("PORT", 8081, 0, 65535, "where it listens");
  environment.text("TOKEN", "", "any text", "what it says",
                   [](const std::string&) { return true; });
  EXPECT_EQ(environment.help(),
            "  PORT\n      where it listens\n"
            "      accepted: a whole number from 0 to 65535; default: 8081\n"
            "  TOKEN\n      what it says\n      accepted: any text; default: empty\n");
}

TEST(EnvironmentOfTheProcess, IsReadWithoutALookup) {
  ASSERT_EQ(setenv("COMMON_ENVIRONMENT_TEST", "7", 1), 0);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(Environment().integer("COMMON_ENVIRONMENT_TEST", 5, 0, 100, ""), 7);
  ASSERT_EQ(unsetenv("COMMON_ENVIRONMENT_TEST"), 0);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(Environment().integer("COMMON_ENVIRONMENT_TEST", 5, 0, 100, ""), 5);
}

}  // namespace
}  // namespace common
