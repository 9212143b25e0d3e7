// The ways in which bytes may arrive, to feed push parsers in tests.

#ifndef TESTS_SUPPORT_SPLITS_H_
#define TESTS_SUPPORT_SPLITS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tests {

using Pieces = std::vector<std::string_view>;

// The text in one piece, in two pieces split at every position, and byte by byte.
inline std::vector<Pieces> all_splits(std::string_view text) {
  std::vector<Pieces> splits = {{text}, {}};
  for (std::size_t i = 0; i < text.size(); ++i) {
    splits[1].push_back(text.substr(i, 1));
    splits.push_back({text.substr(0, i), text.substr(i)});
  }
  return splits;
}

// Feeds the pieces until one is not consumed as a whole. Returns the number of consumed bytes.
template <typename Parser>
std::size_t feed_all(Parser& parser, const Pieces& pieces) {
  std::size_t consumed = 0;
  for (const std::string_view piece : pieces) {
    const std::size_t count = parser.feed(piece);
    consumed += count;
    if (count < piece.size()) break;
  }
  return consumed;
}

}  // namespace tests

#endif  // TESTS_SUPPORT_SPLITS_H_
