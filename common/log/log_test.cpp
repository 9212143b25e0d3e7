#include "common/log/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/http/tcp.h"
#include "tests/support/eventually.h"

namespace common {
namespace {

// The lines that `work` logs.
template <typename Work>
std::vector<std::string> logged(LogFormat format, Work work, LogLevel level = LogLevel::kDebug) {
  testing::internal::CaptureStdout();
  init_logging("log-test", level, format);
  work();
  std::istringstream output(testing::internal::GetCapturedStdout());
  std::vector<std::string> lines;
  for (std::string line; std::getline(output, line);) lines.push_back(line);
  return lines;
}

template <typename Work>
nlohmann::json one_object(Work work) {
  const auto lines = logged(LogFormat::kJson, work);
  EXPECT_EQ(lines.size(), 1U);
  return nlohmann::json::parse(lines.at(0));
}

// The one line of text, without its time.
template <typename Work>
std::string one_text(Work work) {
  const auto lines = logged(LogFormat::kText, work);
  EXPECT_EQ(lines.size(), 1U);
  const std::size_t after_time = std::string("2026-11-24T09:30:00.123Z ").size();
  return lines.at(0).substr(after_time);
}

std::string random_bytes(std::mt19937& random) {
  std::string bytes(random() % 24, '\0');
  for (char& c : bytes) c = static_cast<char>(random() % 256);
  return bytes;
}

TEST(LogJson, IsOneObjectWithTheEventAndItsFacts) {
  const auto line = one_object([] {
    log_info("payment accepted", {{"invoice_id", "I1"}, {"amount_minor", 1215}, {"took_s", 0.5}});
  });
  EXPECT_TRUE(std::regex_match(line["time"].get<std::string>(),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["service"], "log-test");
  EXPECT_EQ(line["message"], "payment accepted");
  EXPECT_EQ(line["invoice_id"], "I1");
  EXPECT_EQ(line["amount_minor"], 1215);
  EXPECT_EQ(line["took_s"], 0.5);
  EXPECT_FALSE(line.contains("request_id"));
}

TEST(LogJson, KeepsStringsAndNumbersAsTheyAre) {
  const auto line = one_object([] {
    const std::string text = "é \"x\" \\ {} {0} %s \n";
    log_info("m {} %d", {{"text", text},
                         {"least", std::numeric_limits<std::int64_t>::min()},
                         {"most", std::numeric_limits<std::int64_t>::max()},
                         {"yes", true}});
  });
  EXPECT_EQ(line["message"], "m {} %d");
  EXPECT_EQ(line["text"], "é \"x\" \\ {} {0} %s \n");
  EXPECT_EQ(line["least"], std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(line["most"], std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(line["yes"], 1);
}

TEST(LogJson, HasNullForADoubleThatJsonCantWrite) {
  EXPECT_TRUE(one_object([] { log_info("m", {{"x", std::nan("")}}); })["x"].is_null());
}

TEST(LogJson, IsOneValidLinePerEventWhateverTheBytes) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same bytes each time
  const auto lines = logged(LogFormat::kJson, [&random] {
    for (int i = 0; i < 1'000; ++i) {
      const RequestIdScope scope(random_bytes(random));
      const std::string key = random_bytes(random);
      log_info(random_bytes(random), {{"value", random_bytes(random)}, {key, "x"}});
    }
  });
  EXPECT_EQ(lines.size(), 1'000U);
  for (const std::string& line : lines) ASSERT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST(LogText, IsALineForAPerson) {
  EXPECT_EQ(one_text([] {
              const RequestIdScope scope("r-1");
              log_warn("payment refused", {{"invoice_id", "I1"}, {"amount_minor", -5}});
            }),
            "warn log-test: payment refused invoice_id=I1 amount_minor=-5 request_id=r-1");
}

TEST(LogText, QuotesWhatCouldBeMisread) {
  EXPECT_EQ(one_text([] {
              log_info("m", {{"empty", ""},
                             {"words", "a b"},
                             {"pair", "a=b"},
                             {"quote", "a\"b"},
                             {"lines", "a\r\nb"},
                             {"invalid", "\xff"}});
            }),
            R"(info log-test: m empty="" words="a b" pair="a=b" quote="a\"b" lines="a\r\nb" )"
            R"(invalid="\ufffd")");
}

TEST(LogText, HidesEndsOfLinesAndTerminalControlsOfUnicode) {
  EXPECT_EQ(one_text([] {
              log_info("m", {{"next_line", "\u0085"}, {"csi", "\u009b2J"}, {"ls", "\u2028"}});
            }),
            R"(info log-test: m next_line="\u0085" csi="\u009b2J" ls="\u2028")");
}

TEST(LogText, IsOneLineOfPrintableAsciiPerEventWhateverTheBytes) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same bytes each time
  const auto lines = logged(LogFormat::kText, [&random] {
    for (int i = 0; i < 1'000; ++i) {
      const RequestIdScope scope(random_bytes(random));
      log_info("m", {{"value", random_bytes(random)}});
    }
  });
  EXPECT_EQ(lines.size(), 1'000U);
  for (const std::string& line : lines) {
    ASSERT_EQ(
        line.find_first_not_of(R"( !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ)"
                               R"([\]^_`abcdefghijklmnopqrstuvwxyz{|}~)"),
        std::string::npos)
        << line;
  }
}

TEST(LogLevels, BelowTheLeastAreDropped) {
  const auto log_all = [] {
    log_debug("a debug");
    log_info("an info");
    log_warn("a warn");
    log_error("an error");
  };
  EXPECT_EQ(logged(LogFormat::kText, log_all, LogLevel::kDebug).size(), 4U);
  EXPECT_EQ(logged(LogFormat::kText, log_all, LogLevel::kInfo).size(), 3U);
  EXPECT_EQ(logged(LogFormat::kText, log_all, LogLevel::kWarn).size(), 2U);
  const auto errors = logged(LogFormat::kText, log_all, LogLevel::kError);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors.front().ends_with("error log-test: an error"));
  EXPECT_TRUE(log_enabled(LogLevel::kError));
  EXPECT_FALSE(log_enabled(LogLevel::kWarn));
}

TEST(LogFormats, AreJsonByThemselvesWhereNobodyWatches) {
  const auto lines = logged(LogFormat::kAuto, [] { log_info("m"); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(nlohmann::json::accept(lines.front()));
}

TEST(RequestIdScope, NamesTheRequestUntilItEnds) {
  EXPECT_EQ(current_request_id(), "");
  {
    const RequestIdScope outer("outer");
    EXPECT_EQ(current_request_id(), "outer");
    {
      const RequestIdScope inner("inner");
      EXPECT_EQ(current_request_id(), "inner");
      EXPECT_EQ(one_object([] { log_info("m"); })["request_id"], "inner");
    }
    EXPECT_EQ(current_request_id(), "outer");
  }
  EXPECT_EQ(current_request_id(), "");
}

TEST(RequestIdScope, IsOfItsThreadAlone) {
  const RequestIdScope scope("here");
  std::string elsewhere = "not asked";
  std::thread([&elsewhere] { elsewhere = current_request_id(); }).join();
  EXPECT_EQ(elsewhere, "");
}

TEST(NewRequestId, Is32HexadecimalDigitsAndNeverTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 1'000; ++i) ids.insert(new_request_id());
  EXPECT_EQ(ids.size(), 1'000U);
  for (const std::string& id : ids) {
    ASSERT_EQ(id.size(), 32U);
    ASSERT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
  }
}

TEST(LogFromManyThreads, KeepsLinesWhole) {
  const auto lines = logged(LogFormat::kJson, [] {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([thread] {
        const RequestIdScope scope(std::to_string(thread));
        for (int i = 0; i < 100; ++i) log_info("m", {{"i", i}, {"thread", thread}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(lines.size(), 400U);
  for (const std::string& line : lines) {
    const auto object = nlohmann::json::parse(line);
    EXPECT_EQ(object["request_id"], std::to_string(object["thread"].get<int>()));
  }
}

// A pipe that is standard output while it lives.
class StdoutPipe {
 public:
  explicit StdoutPipe(int flags = 0) : stdout_(::dup(STDOUT_FILENO)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), flags), 0);
    read_end_ = FileDescriptor(ends[0]);
    const FileDescriptor write_end(ends[1]);
    ::dup2(write_end.get(), STDOUT_FILENO);
  }
  ~StdoutPipe() { give_back(); }
  StdoutPipe(const StdoutPipe&) = delete;
  StdoutPipe& operator=(const StdoutPipe&) = delete;

  // Standard output is what it was before; what reads the pipe comes to its end.
  void give_back() { ::dup2(stdout_.get(), STDOUT_FILENO); }

  // What is there, at most `size` bytes; "" at the end, or when a pipe that doesn't wait is empty.
  std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    bytes.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::read(read_end_.get(), bytes.data(), size))));
    return bytes;
  }

 private:
  const FileDescriptor stdout_;
  FileDescriptor read_end_;
};

TEST(LogToAFullPipe, EndsALineThatWasCutOff) {
  constexpr std::size_t kMoreThanAPipeHolds = 100'000;
  const StdoutPipe pipe(O_NONBLOCK);
  init_logging("log-test", LogLevel::kInfo, LogFormat::kJson);
  log_info("long", {{"text", std::string(kMoreThanAPipeHolds, 'x')}});
  const std::string cut_off = pipe.read(kMoreThanAPipeHolds);
  log_info("next");
  const std::string next = pipe.read(kMoreThanAPipeHolds);
  log_info("last");
  const std::string last = pipe.read(kMoreThanAPipeHolds);
  EXPECT_EQ(cut_off.find('\n'), std::string::npos);
  ASSERT_TRUE(next.starts_with('\n'));
  EXPECT_EQ(nlohmann::json::parse(next)["message"], "next");
  ASSERT_TRUE(last.starts_with('{'));
  EXPECT_EQ(nlohmann::json::parse(last)["message"], "last");
}

TEST(LogFromManyThreads, NoThreadWritesTheLinesOfTheOthersForEver) {
  std::array<std::atomic<int>, 4> counts{};
  std::atomic<bool> stopping = false;
  StdoutPipe pipe;
  std::thread slow_reader([&pipe] {
    while (!pipe.read(16).empty()) {
    }
  });
  init_logging("log-test", LogLevel::kInfo, LogFormat::kJson);
  std::vector<std::thread> threads;
  threads.reserve(counts.size());
  for (std::atomic<int>& count : counts) {
    threads.emplace_back([&] {
      for (; !stopping; ++count) log_info("m");
    });
  }
  EXPECT_TRUE(tests::eventually([&] {
    return std::all_of(counts.begin(), counts.end(),
                       [](const auto& count) { return count > 5'000; });
  }));
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  pipe.give_back();
  slow_reader.join();
}

}  // namespace
}  // namespace common
