#include "common/log/request_context.h"

#include <utility>

namespace common {
namespace {

const RequestContext kNone;
thread_local const RequestContext* context_of_thread = &kNone;

}  // namespace

RequestContext new_request_context() {
  TraceContext trace = begin_trace();
  std::string id(trace.trace_id());
  return {.request_id = std::move(id), .trace = std::move(trace)};
}

RequestScope::RequestScope(const RequestContext& context)
    : outer_(std::exchange(context_of_thread, &context)) {}

RequestScope::~RequestScope() { context_of_thread = outer_; }

const RequestContext& current_request() { return *context_of_thread; }

}  // namespace common
