#include "common/http/head_parser.h"

#include <algorithm>
#include <string>

#include "common/base/ascii.h"
#include "fuzz/fuzz.h"
#include "fuzz/serialize.h"

namespace {

using common::HeadParser;
using common::ParseState;
using common::RequestHead;

bool equal(const RequestHead& a, const RequestHead& b) {
  return a.method == b.method && a.target == b.target && a.is_http_1_0 == b.is_http_1_0 &&
         a.headers == b.headers && a.framing.chunked == b.framing.chunked &&
         a.framing.length == b.framing.length;
}

void check_content(const RequestHead& head) {
  const auto hosts = std::count_if(
      head.headers.begin(), head.headers.end(),
      [](const auto& header) { return common::equal_ignoring_case(header.first, "host"); });
  fuzz::check(hosts == 1 || (hosts == 0 && head.is_http_1_0), "Host is single");
  fuzz::check(!head.framing.chunked || !head.is_http_1_0, "HTTP/1.0 has no chunks");
  for (const auto& [name, value] : head.headers) {
    fuzz::check(std::all_of(name.begin(), name.end(), common::is_token_character), "a token");
    fuzz::check(std::none_of(value.begin(), value.end(),
                             [](char c) { return c == '\r' || c == '\n' || c == '\0'; }),
                "one line");
  }
}

void check_same(HeadParser& parser, const HeadParser& other) {
  fuzz::check(parser.state() == other.state(), "the state does not depend on the split");
  fuzz::check(parser.error() == other.error(), "the error does not depend on the split");
  fuzz::check(parser.has_begun() == other.has_begun(), "the beginning neither");
}

}  // namespace

// The last byte of an input is the position of the split.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxBytes = 512;           // so that short inputs reach it
  constexpr std::string_view kEmptyLine = "\r\n";  // before a head, and no part of it
  std::string_view text = fuzz::to_text(data, size);
  const std::uint8_t position = fuzz::take_last(text);

  HeadParser whole(kMaxBytes);
  HeadParser split(kMaxBytes);
  HeadParser bytes(kMaxBytes);
  const std::size_t consumed = whole.feed(text);
  fuzz::check(whole.size() <= kMaxBytes, "the limit");
  const bool has_skipped = text.substr(0, consumed).starts_with(kEmptyLine);
  fuzz::check(consumed == whole.size() + (has_skipped ? kEmptyLine.size() : 0), "the bytes");
  fuzz::check(consumed <= text.size(), "no more than there is");
  fuzz::check(fuzz::feed_split(split, text, position) == consumed, "the same bytes");
  fuzz::check(fuzz::feed_bytes(bytes, text) == consumed, "the same bytes one by one");
  check_same(whole, split);
  check_same(whole, bytes);

  if (whole.state() == ParseState::kNeedMore) {
    fuzz::check(consumed == text.size(), "all was consumed");
  } else {
    fuzz::check(whole.feed(text) == 0, "nothing more is consumed");
  }
  if (whole.state() != ParseState::kComplete) return 0;
  fuzz::check(text.substr(0, consumed).ends_with("\r\n\r\n"), "a head ends with an empty line");
  const RequestHead head = whole.take_head();
  fuzz::check(!whole.has_begun() && whole.state() == ParseState::kNeedMore, "ready for the next");
  check_content(head);
  fuzz::check(equal(head, split.take_head()) && equal(head, bytes.take_head()), "the same head");

  HeadParser again;
  const std::string written = fuzz::to_string(head);
  fuzz::check(again.feed(written) == written.size(), "what was written is a head");
  fuzz::check(again.state() == ParseState::kComplete, "and complete");
  fuzz::check(equal(head, again.take_head()), "round trip");
  return 0;
}
