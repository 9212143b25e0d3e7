#include "common/http/body_parser.h"

#include <string>

#include "fuzz/fuzz.h"
#include "fuzz/serialize.h"

namespace {

using common::BodyFraming;
using common::BodyParser;
using common::ParseState;

constexpr std::size_t kMaxBytes = 200;

void check_same(const BodyParser& parser, const BodyParser& other) {
  fuzz::check(parser.state() == other.state(), "the state does not depend on the split");
  fuzz::check(parser.error() == other.error(), "the error does not depend on the split");
  fuzz::check(parser.size() == other.size(), "the size neither");
}

void check_framing(const BodyFraming& framing, std::string_view text, std::uint8_t position) {
  BodyParser whole(framing, kMaxBytes);
  BodyParser split(framing, kMaxBytes);
  BodyParser bytes(framing, kMaxBytes);
  const std::size_t consumed = whole.feed(text);
  fuzz::check(fuzz::feed_split(split, text, position) == consumed, "the same bytes");
  fuzz::check(fuzz::feed_bytes(bytes, text) == consumed, "the same bytes one by one");
  check_same(whole, split);
  check_same(whole, bytes);
  fuzz::check(whole.size() <= kMaxBytes && whole.size() <= consumed, "the limit");
  if (whole.state() == ParseState::kNeedMore) {
    fuzz::check(consumed == text.size(), "all was consumed");
  } else {
    fuzz::check(whole.feed(text) == 0, "nothing more is consumed");
  }
  if (whole.state() != ParseState::kComplete) return;

  const std::string body = whole.take_body();
  fuzz::check(body == split.take_body() && body == bytes.take_body(), "the same body");
  fuzz::check(framing.chunked ? text.substr(0, consumed).ends_with("\r\n")
                              : body == text.substr(0, consumed) && consumed == framing.length,
              "the body is what was sent");
  BodyParser again({.chunked = true}, kMaxBytes);
  const std::string chunks = fuzz::to_chunks(body, position + std::size_t{1});
  fuzz::check(again.feed(chunks + "next") == chunks.size(), "chunks end where they end");
  fuzz::check(again.state() == ParseState::kComplete && again.take_body() == body, "round trip");
}

}  // namespace

// The last byte of an input is the position of the split, the one before it the length.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::to_text(data, size);
  const std::uint8_t position = fuzz::take_last(text);
  const std::uint8_t length = fuzz::take_last(text);
  check_framing({.chunked = true}, text, position);
  check_framing({.length = length}, text, position);
  return 0;
}
