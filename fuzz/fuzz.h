// What the fuzz targets have in common. Each defines LLVMFuzzerTestOneInput, which aborts if an
// input breaks a promise. libFuzzer calls it with inputs that it makes up (make fuzz), replay.cpp
// with those of the corpus (make test).

#ifndef FUZZ_FUZZ_H_
#define FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

// Aborts unless the condition is true, also in a release build.
inline void check(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

// The bytes of an input as text. The casts are those that libFuzzer's interface needs.
inline std::string_view to_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Removes the last byte of the text and returns it; 0 if there is none. Numbers at the end keep the
// files of a corpus readable.
inline std::uint8_t take_last(std::string_view& text) {
  if (text.empty()) return 0;
  const auto last = static_cast<std::uint8_t>(text.back());
  text.remove_suffix(1);
  return last;
}

// Feeds the text in two pieces, split at `position` of 256. Returns the number of consumed bytes.
template <typename Parser>
std::size_t feed_split(Parser& parser, std::string_view text, std::uint8_t position) {
  const std::size_t split = text.size() * position / 256;
  const std::size_t consumed = parser.feed(text.substr(0, split));
  return consumed < split ? consumed : consumed + parser.feed(text.substr(split));
}

// Feeds the text byte by byte, as long as it is consumed.
template <typename Parser>
std::size_t feed_bytes(Parser& parser, std::string_view text) {
  std::size_t consumed = 0;
  while (consumed < text.size() && parser.feed(text.substr(consumed, 1)) == 1) ++consumed;
  return consumed;
}

}  // namespace fuzz

// Defined by each target.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#endif  // FUZZ_FUZZ_H_
