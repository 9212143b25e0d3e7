#include "common/log/request_context.h"

#include <utility>

namespace common {
namespace {

thread_local RequestContext context_of_thread;

}  // namespace

RequestContext new_request_context() {
  TraceContext trace = begin_trace();
  std::string id(trace.trace_id());
  return {.request_id = std::move(id), .trace = std::move(trace)};
}

RequestScope::RequestScope(RequestContext context)
    : outer_(std::exchange(context_of_thread, std::move(context))) {}

RequestScope::~RequestScope() { context_of_thread = std::move(outer_); }

const RequestContext& current_request() { return context_of_thread; }

}  // namespace common
