#include "common/log/trace_context.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace common {
namespace {

using Values = std::vector<std::string_view>;

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";
const std::string kIds = '-' + kTrace + '-' + kSpan + '-';

std::string members(int count, const std::string& value = "1") {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += (i == 0 ? "k" : ",k") + std::to_string(i) + '=' + value;
  }
  return text;
}

TEST(ParseTraceparent, KeepsTheIdsAndTheKnownFlags) {
  const struct {
    std::string sent;
    std::string flags;
  } cases[] = {
      {"00" + kIds + "00", "00"},
      {"00" + kIds + "01", "01"},
      {"00" + kIds + "02", "02"},  // random, of level 2
      {"00" + kIds + "03", "03"},
      {"00" + kIds + "04", "00"},
      {"00" + kIds + "ff", "03"},
      {"00" + kIds + "fa", "02"},
      {"01" + kIds + "01", "01"},  // later versions
      {"cc" + kIds + "09", "01"},
      {"fe" + kIds + "01-", "01"},
      {"cc" + kIds + "01-what-the-future-will-be-like", "01"},
  };
  for (const auto& [sent, flags] : cases) {
    EXPECT_EQ(parse_traceparent(sent), "00" + kIds + flags) << sent;
  }
}

TEST(ParseTraceparent, RefusesAllElse) {
  const std::string zeros32(32, '0');
  for (const std::string& sent : {
           std::string(),
           std::string("00"),
           std::string("x"),
           kTrace,
           std::string(55, '-'),
           "00" + kIds,
           "00" + kIds + "1",
           "00" + kIds + "001",
           "00" + kIds + "0.",
           "00" + kIds + ".0",
           "00" + kIds + "0A",
           "00" + kIds + "01-",
           "00" + kIds + "01.",
           "00" + kIds + "01-more",
           "00" + kIds + "01,00" + kIds + "01",
           " 00" + kIds + "01",
           "00" + kIds + "01 ",
           "ff" + kIds + "01",
           "ff" + kIds + "01-more",
           "FF" + kIds + "01",
           "0" + kIds + "01",
           "000" + kIds + "01",
           ".0" + kIds + "01",
           "0." + kIds + "01",
           "cc" + kIds + "01.more",
           "cc" + kIds + "0",
           "cc" + kIds + "0-more",
           "00-" + zeros32 + '-' + kSpan + "-01",
           "00-" + kTrace + "-0000000000000000-01",
           "00-" + kTrace.substr(1) + '-' + kSpan + "-01",
           "00-" + kTrace + "0-" + kSpan + "-01",
           "00-" + kTrace + '-' + kSpan.substr(1) + "-01",
           "00-" + kTrace + '-' + kSpan + "0-01",
           "00-" + kTrace + '_' + kSpan + "-01",
           "00_" + kTrace + '-' + kSpan + "-01",
           "00-" + kTrace + '-' + kSpan + "_01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + kSpan + "-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473.-" + kSpan + "-01",
           "00-" + kTrace + "-00F067AA0BA902B7-01",
           "00-" + kTrace + "-.0f067aa0ba902b7-01",
           std::string("00-") + std::string(32, '\0') + '-' + kSpan + "-01",
           "00-" + kTrace + "-00f067aa0ba902\xC3\xA9-01",
       }) {
    EXPECT_EQ(parse_traceparent(sent), std::nullopt) << sent;
  }
}

TEST(CombineTracestate, IsOneListInOrderWithoutEmptyMembers) {
  const std::string characters = "0az_-*/@x@=!\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~";
  const std::string longest = std::string(255, 'k') + '=' + std::string(256, 'v');
  const struct {
    Values sent;
    std::string combined;
  } cases[] = {
      {{}, ""},
      {{""}, ""},
      {{" , ,\t,"}, ""},
      {{"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"},
      {{"foo=1,bar=2", "rojo=1,congo=2", "baz=3"}, "foo=1,bar=2,rojo=1,congo=2,baz=3"},
      {{"", "foo=1", "", "bar=2", ""}, "foo=1,bar=2"},
      {{"foo=1 \t , \t bar=2, \t baz=3\t"}, "foo=1,bar=2,baz=3"},
      {{"foo= inner  spaces"}, "foo= inner  spaces"},
      {{characters}, characters},
      {{longest}, longest},
  };
  for (const auto& [sent, combined] : cases) {
    EXPECT_EQ(combine_tracestate(sent), combined);
  }
}

TEST(CombineTracestate, IsNothingIfAMemberIsMalformed) {
  for (const std::string& malformed :
       {std::string("bar"), std::string("=1"), std::string("bar="), std::string("bar= "),
        std::string("bar=1=2"), std::string("Bar=1"), std::string("b.r=1"), std::string("bar =1"),
        std::string("@bar=1"), std::string("_bar=1"), std::string("bar=a\tb"),
        std::string("bar=\xC3\xA9"), std::string("foo=1"), std::string("foo=2"),
        std::string(257, 'k') + "=1", "bar=" + std::string(257, 'v')}) {
    EXPECT_EQ(combine_tracestate(Values{"foo=1," + malformed}), "") << malformed;
    EXPECT_EQ(combine_tracestate(Values{malformed, "foo=1"}), "") << malformed;
  }
}

TEST(CombineTracestate, HasAtMost32Members) {
  EXPECT_EQ(combine_tracestate(Values{members(32)}), members(32));
  EXPECT_EQ(combine_tracestate(Values{members(33)}), "");
  EXPECT_EQ(combine_tracestate(Values{members(32), "more=1"}), "");
  EXPECT_EQ(combine_tracestate(Values{members(32), " ,, "}), members(32));
}

TEST(CombineTracestate, LosesWholeMembersIfItIsTooLong) {
  const std::string long_one = "long=" + std::string(124, 'x');    // 129 bytes
  const std::string short_one = "short=" + std::string(122, 'x');  // 128 bytes
  const std::string few = members(3, std::string(120, 'y'));       // 371 bytes
  EXPECT_EQ(combine_tracestate(Values{few, short_one}), few + ',' + short_one);
  EXPECT_EQ(combine_tracestate(Values{long_one, few, short_one}), few + ',' + short_one);
  EXPECT_EQ(combine_tracestate(Values{short_one, few, "last=" + std::string(20, 'z')}),
            short_one + ',' + few);
  EXPECT_EQ(combine_tracestate(Values{long_one, few}), long_one + ',' + few);  // 501 bytes
}

TEST(ReceiveTrace, ContinuesTheTraceInANewSpan) {
  const TraceContext trace = receive_trace(Values{"00" + kIds + "01"}, Values{"foo=1", "bar=2"});
  EXPECT_EQ(trace.trace_id(), kTrace);
  EXPECT_EQ(trace.parent_span_id, kSpan);
  EXPECT_NE(trace.span_id(), kSpan);
  EXPECT_EQ(trace.tracestate, "foo=1,bar=2");
  EXPECT_TRUE(parse_traceparent(trace.traceparent)) << trace.traceparent;
  EXPECT_TRUE(trace.traceparent.ends_with("-01")) << trace.traceparent;
}

TEST(ReceiveTrace, ContinuesTheTraceWithoutAMalformedTracestate) {
  const TraceContext trace = receive_trace(Values{"00" + kIds + "01"}, Values{"foo"});
  EXPECT_EQ(trace.trace_id(), kTrace);
  EXPECT_EQ(trace.tracestate, "");
}

TEST(ReceiveTrace, BeginsATraceIfThereIsNotOneValidTraceparent) {
  const std::string valid = "00" + kIds + "01";
  const std::string malformed = "ff" + kIds + "01";
  for (const Values& sent : {Values{}, Values{valid, valid}, Values{malformed}, Values{""}}) {
    const TraceContext trace = receive_trace(sent, Values{"foo=1"});
    EXPECT_TRUE(parse_traceparent(trace.traceparent)) << trace.traceparent;
    EXPECT_NE(trace.trace_id(), kTrace);
    EXPECT_EQ(trace.parent_span_id, "");
    EXPECT_EQ(trace.tracestate, "");
    EXPECT_TRUE(trace.traceparent.ends_with("-00")) << "not sampled: " << trace.traceparent;
  }
}

TEST(NextSpan, BeginsATraceIfThereIsNone) {
  EXPECT_TRUE(parse_traceparent(next_span({}).traceparent));
  EXPECT_EQ(TraceContext{}.trace_id(), "");
  EXPECT_EQ(TraceContext{}.span_id(), "");
}

}  // namespace
}  // namespace common
