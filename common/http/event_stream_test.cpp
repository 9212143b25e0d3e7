#include "common/http/event_stream.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace common {
namespace {

using std::chrono::milliseconds;

TEST(EventStream, WritesAnEventAsLines) {
  EventStream events;
  EXPECT_EQ(events.write("progress", R"({"Paid":3})", {}),
            "event: progress\ndata: {\"Paid\":3}\n\n");
}

TEST(EventStream, WritesAnEventAgainOnlyIfItDiffers) {
  EventStream events;
  EXPECT_NE(events.write("progress", "1", {}), "");
  EXPECT_EQ(events.write("progress", "1", {}), "");
  EXPECT_EQ(events.write("progress", "2", {}), "event: progress\ndata: 2\n\n");
  EXPECT_EQ(events.write("end", "2", {}), "event: end\ndata: 2\n\n");
}

TEST(EventStream, WritesACommentAfterASilence) {
  EventStream events;
  const EventStream::SteadyTime start(std::chrono::hours(1));
  EXPECT_NE(events.write("progress", "1", start), "");
  EXPECT_EQ(events.write("progress", "1", start + kEventSilence - milliseconds(1)), "");
  const auto later = start + kEventSilence;
  EXPECT_EQ(events.write("progress", "1", later), ":\n\n");
  EXPECT_EQ(events.write("progress", "1", later + milliseconds(1)), "");
  EXPECT_EQ(events.write("progress", "1", later + kEventSilence), ":\n\n");
  EXPECT_EQ(events.write("progress", "2", later + kEventSilence), "event: progress\ndata: 2\n\n");
}

TEST(EventStream, TheResponseIsNeitherCachedNorBuffered) {
  const HttpResponse response =
      respond_with_events([](const OnHttpChunk& on_chunk) { on_chunk("x"); });
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/event-stream");
  EXPECT_EQ(response.headers,
            (HttpHeaders{{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}));
  EXPECT_TRUE(response.is_streamed());
}

}  // namespace
}  // namespace common
