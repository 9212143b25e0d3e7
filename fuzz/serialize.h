// Writes parsed requests, for round trips.

#ifndef FUZZ_SERIALIZE_H_
#define FUZZ_SERIALIZE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "common/http/head_parser.h"
#include "common/http/request_target.h"

namespace fuzz {

// Percent-encodes more of the path than necessary.
std::string to_string(const common::RequestTarget& target);

std::string to_string(const common::RequestHead& head);

// The body in chunks of up to `size` bytes.
std::string to_chunks(std::string_view body, std::size_t size);

}  // namespace fuzz

#endif  // FUZZ_SERIALIZE_H_
