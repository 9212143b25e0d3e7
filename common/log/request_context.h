// What identifies a request in the log and in the calls that are made for it.

#ifndef COMMON_LOG_REQUEST_CONTEXT_H_
#define COMMON_LOG_REQUEST_CONTEXT_H_

#include <string>

#include "common/log/trace_context.h"

namespace common {

struct RequestContext {
  std::string request_id = {};  // of X-Request-Id
  TraceContext trace = {};
};

// For a request without ids, and for work in the background. Begins a trace; the request id is the
// trace id, so that one search finds both.
RequestContext new_request_context();

// While it lives, the lines that this thread logs carry the request id, trace id and span id. The
// context must live as long, and is not copied: each request has several scopes.
class RequestScope {
 public:
  explicit RequestScope(const RequestContext& context);
  explicit RequestScope(RequestContext&&) = delete;
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

 private:
  const RequestContext* outer_;
};

// Of the innermost RequestScope of this thread. All is "" if there is none.
const RequestContext& current_request();

}  // namespace common

#endif  // COMMON_LOG_REQUEST_CONTEXT_H_
