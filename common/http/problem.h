// Error responses: problem details (RFC 9457), for both services.

#ifndef COMMON_HTTP_PROBLEM_H_
#define COMMON_HTTP_PROBLEM_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/message.h"

namespace common {

struct Problem {
  int status;
  // What is wrong with this request, for people. Bytes that are not UTF-8 are replaced.
  std::string detail;
  // The error type of docs/errors.md, if the status is not enough: "payment-refused" becomes
  // "type": "urn:problem:payment-refused". Empty: "about:blank".
  std::string type = {};
  // Extension members with integer values (RFC 9457, section 3.2).
  std::vector<std::pair<std::string, long long>> members = {};
};

// A part of a request, as a detail shows it: in quotes, printable and short.
std::string shown(std::string_view value);

// A JSON object with type, title, status, detail and the members.
std::string to_json(const Problem& problem);

// An application/problem+json response with this object.
HttpResponse to_response(const Problem& problem);

}  // namespace common

#endif  // COMMON_HTTP_PROBLEM_H_
