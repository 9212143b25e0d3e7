// Turns responses into bytes, with cpp-httplib's server. It has no socket and sees no request of a
// client (docs/decisions/0005-http-server.md). No other file of the server uses the library, except
// httplib_stream.h.

#ifndef COMMON_HTTP_RESPONSE_WRITER_H_
#define COMMON_HTTP_RESPONSE_WRITER_H_

#include <memory>
#include <string>

#include "common/http/message.h"

namespace common {

// The facts about the request and the connection that change the bytes of a response.
struct ResponseContext {
  bool to_head = false;      // the method is HEAD: no body follows
  bool is_http_1_0 = false;  // no chunks: a streamed body ends when the connection is closed
  bool close = false;        // the connection is closed after the response
  std::string request_id = {};
};

// Not thread-safe.
class ResponseWriter {
 public:
  ResponseWriter();
  ~ResponseWriter();
  ResponseWriter(const ResponseWriter&) = delete;
  ResponseWriter& operator=(const ResponseWriter&) = delete;

  // Returns the head and the body; only the head if the body is shared or streamed.
  // Moves the body out of `response`. Adds Date (RFC 9110, section 6.6.1), X-Request-Id and the
  // headers that frame the body.
  std::string write(HttpResponse& response, const ResponseContext& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A chunk of a streamed body (RFC 9112, section 7.1). An empty chunk ends the body.
std::string frame_chunk(const std::string& bytes);

}  // namespace common

#endif  // COMMON_HTTP_RESPONSE_WRITER_H_
