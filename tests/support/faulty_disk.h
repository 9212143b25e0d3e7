// A disk under SQLite that remembers what was written and what was synced, so that a test can see
// what a power failure at any moment would have left; and that fails when it is told to.
//
// It is a SQLite VFS over the system's own, and the default one while it lives: one at a time.
// Files really are written, and never really synced. Not thread-safe.

#ifndef TESTS_SUPPORT_FAULTY_DISK_H_
#define TESTS_SUPPORT_FAULTY_DISK_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tests {

class FaultyDisk {
 public:
  // Remembers what happens to the files in `directory`; others are as on any disk.
  explicit FaultyDisk(const std::filesystem::path& directory);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // Everything that has happened so far, in order; moments are counted in these.
  std::size_t now() const;

  // Makes in `directory` the files as they are found after a power failure at `moment`: all that
  // was synced before, and of the later writes and truncations of each file any, in part or not at
  // all.
  void restore(std::size_t moment, std::mt19937_64& random,
               const std::filesystem::path& directory) const;

  // Syncs return at once and do nothing from now on: what PRAGMA synchronous = OFF amounts to.
  void ignore_syncs();

  // The next write, truncation or sync after this many more fails with this SQLite error code, and
  // so does each one after it, until work() is called.
  void fail_after(std::size_t operations, int sqlite_error);
  void work();

  class State;  // for the implementation

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_FAULTY_DISK_H_
