// Counts the syncs of a process that loads it first (LD_PRELOAD): appends one byte to the file
// SYNCS_FILE for each.

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

using Sync = int (*)(int descriptor);

int count_and_call(const char* name, int descriptor) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the services do not change their environment
  static const char* const file = std::getenv("SYNCS_FILE");
  static const int counts =
      file == nullptr ? -1 : ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (::write(counts, "s", 1) != 1) {
    errno = EIO;  // fails the commit: the count would be wrong
    return -1;
  }
  return reinterpret_cast<Sync>(::dlsym(RTLD_NEXT, name))(descriptor);
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): those of libc are reserved
extern "C" int fsync(int descriptor) { return count_and_call("fsync", descriptor); }
extern "C" int fdatasync(int descriptor) { return count_and_call("fdatasync", descriptor); }
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
