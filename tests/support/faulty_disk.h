// A disk for SQLite that records writes and syncs. A test can restore what a power failure at any
// moment would have left, and can make operations fail.
//
// It is a SQLite VFS on top of the system's VFS, and SQLite's default while it exists. So only one
// may exist. Files are written but never synced. Not thread-safe.

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
  // Records the operations on the files in `directory`. Other files are not affected.
  explicit FaultyDisk(const std::filesystem::path& directory);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // The number of recorded operations. A moment is such a number.
  std::size_t now() const;

  // Creates in `directory` the files as a power failure at `moment` would leave them: with
  // everything that was synced before, and with a random choice of the later operations, some of
  // them in part.
  void restore(std::size_t moment, std::mt19937_64& random,
               const std::filesystem::path& directory) const;

  // From now on syncs do nothing, as with PRAGMA synchronous = OFF.
  void ignore_syncs();

  // After this many more writes, truncations and syncs, all further ones fail with this SQLite
  // error code until work() is called.
  void fail_after(std::size_t operations, int sqlite_error);
  void work();

  class State;  // for the implementation

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_FAULTY_DISK_H_
