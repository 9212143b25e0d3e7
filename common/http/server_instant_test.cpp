// Responses from the I/O thread, and bodies that responses share.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/http/server_fixture.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using tests::RawAnswer;
using tests::RawClient;
using HttpServerInstantTest = HttpServerTest;

TEST_F(HttpServerInstantTest, SharedBodiesAreSentWithTheirLength) {
  start();
  for (const char* path : {"/shared", "/own"}) {
    RawClient client = connect();
    for (int i = 0; i < 3; ++i) {
      const RawAnswer answer = client.ask(request(std::string("GET ") + path));
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.header("Content-Length"), std::to_string(kLongBytes));
      EXPECT_EQ(answer.header("Transfer-Encoding"), "");
      EXPECT_EQ(answer.body, std::string(kLongBytes, 'x'));
    }
    EXPECT_EQ(client.ask(kHello).body, "hello");
  }
}

TEST_F(HttpServerInstantTest, HeadGetsTheHeadOfASharedBody) {
  start();
  RawClient client = connect();
  client.send(request("HEAD /shared"));
  const RawAnswer answer = client.read_answer(true).value_or(RawAnswer{});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Length"), std::to_string(kLongBytes));
  EXPECT_EQ(client.ask(kHello).body, "hello");
}

TEST_F(HttpServerInstantTest, AnHttp10ClientGetsASharedBodyAndTheEnd) {
  start();
  RawClient client = connect();
  const RawAnswer answer = client.ask("GET /shared HTTP/1.0\r\nHost: test\r\n\r\n");
  EXPECT_EQ(answer.header("Content-Length"), std::to_string(kLongBytes));
  EXPECT_EQ(answer.body.size(), kLongBytes);
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerInstantTest, AnswersWhileAllWorkersWait) {
  options_.workers = 2;
  start();
  std::vector<RawClient> waiting = connect(2, request("GET /wait"));
  ASSERT_TRUE(eventually_waiting(2));
  EXPECT_EQ(connect().ask(request("GET /shared")).body.size(), kLongBytes);
  release();
  for (RawClient& client : waiting) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
  }
}

TEST_F(HttpServerInstantTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  RawClient client = connect();
  client.send(request("GET /shared") + kHello + request("GET /shared") + kHello);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body.size(), kLongBytes);
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "hello");
  }
}

}  // namespace
}  // namespace common
