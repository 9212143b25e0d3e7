#include "common/log/request_context.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace common {
namespace {

TEST(NewRequestContext, HasOneIdForTheRequestAndItsTrace) {
  const RequestContext context = new_request_context();
  EXPECT_EQ(context.request_id.size(), 32U);
  EXPECT_EQ(context.trace.trace_id(), context.request_id);
  EXPECT_NE(new_request_context().request_id, context.request_id);
}

TEST(RequestScope, NamesTheRequestUntilItEnds) {
  EXPECT_EQ(current_request().request_id, "");
  {
    const RequestContext outer_context{.request_id = "outer"};
    const RequestScope outer(outer_context);
    EXPECT_EQ(current_request().request_id, "outer");
    {
      const RequestContext context = new_request_context();
      const RequestScope inner(context);
      EXPECT_EQ(current_request().request_id, context.request_id);
      EXPECT_EQ(current_request().trace.traceparent, context.trace.traceparent);
    }
    EXPECT_EQ(current_request().request_id, "outer");
    EXPECT_EQ(current_request().trace.traceparent, "");
  }
  EXPECT_EQ(current_request().request_id, "");
}

TEST(RequestScope, IsOfItsThreadAlone) {
  const RequestContext context = new_request_context();
  const RequestScope scope(context);
  std::string elsewhere = "not asked";
  std::thread([&elsewhere] { elsewhere = current_request().request_id; }).join();
  EXPECT_EQ(elsewhere, "");
}

}  // namespace
}  // namespace common
