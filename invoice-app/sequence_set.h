// A set of sequences of invoices. It needs about one bit for each invoice that the store has up to
// the last one, because sequences have few gaps.

#ifndef INVOICE_APP_SEQUENCE_SET_H_
#define INVOICE_APP_SEQUENCE_SET_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace invoice_app {

// Not thread-safe. Sequences are from 1.
class SequenceSet {
 public:
  // Returns false if the set had it already.
  bool insert(std::int64_t sequence) {
    Block& block = blocks_[sequence / kBlockBits];
    const bool is_new = !block.test(index(sequence));
    block.set(index(sequence));
    return is_new;
  }

  // Returns false if the set did not have it.
  bool erase(std::int64_t sequence) {
    const auto block = blocks_.find(sequence / kBlockBits);
    if (block == blocks_.end() || !block->second.test(index(sequence))) return false;
    block->second.reset(index(sequence));
    return true;
  }

  bool contains(std::int64_t sequence) const {
    const auto block = blocks_.find(sequence / kBlockBits);
    return block != blocks_.end() && block->second.test(index(sequence));
  }

  // The first sequence greater than `after`; nullopt if there is none.
  std::optional<std::int64_t> next(std::int64_t after) const {
    for (auto block = blocks_.lower_bound((after + 1) / kBlockBits); block != blocks_.end();
         ++block) {
      const std::int64_t begin = block->first * kBlockBits;
      for (std::int64_t i = begin > after ? 0 : after + 1 - begin; i < kBlockBits; ++i) {
        if (block->second.test(static_cast<std::size_t>(i))) return begin + i;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::int64_t kBlockBits = 4096;
  using Block = std::bitset<kBlockBits>;

  static std::size_t index(std::int64_t sequence) {
    return static_cast<std::size_t>(sequence % kBlockBits);
  }

  std::map<std::int64_t, Block> blocks_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_SEQUENCE_SET_H_
