#include "tests/support/faulty_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <utility>

namespace tests {
namespace {

// An operation on a file.
struct Event {
  enum class Kind { kWrite, kTruncate, kSync };
  Kind kind;
  std::string file;  // without its directory
  std::size_t offset = 0;
  std::string bytes = {};
};

void apply(const Event& event, std::size_t length, std::string& content) {
  if (event.kind == Event::Kind::kTruncate) {
    content.resize(event.offset);
    return;
  }
  content.resize(std::max(content.size(), event.offset + length));
  content.replace(event.offset, length, event.bytes, 0, length);
}

}  // namespace

class FaultyDisk::State {
 public:
  std::filesystem::path directory;  // ends in a slash
  std::vector<Event> events;
  bool syncs_are_ignored = false;
  std::optional<std::size_t> operations_left;  // until one fails
  int error = SQLITE_OK;

  // The result of an operation that changes a file.
  int next() {
    if (!operations_left) return SQLITE_OK;
    if (*operations_left == 0) return error;
    --*operations_left;
    return SQLITE_OK;
  }

  sqlite3_vfs* real = nullptr;
  sqlite3_vfs vfs{};
};

namespace {

// SQLite allocates it, followed by the memory of the real file.
struct File {
  sqlite3_file base;
  FaultyDisk::State* disk;
  sqlite3_file* real;
  bool is_recorded;  // databases and journals in the directory; not SQLite's temporary files
  std::string name;
};

File& ours(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

int close_file(sqlite3_file* file) {
  File& self = ours(file);
  const int result = self.real->pMethods->xClose(self.real);
  self.~File();
  return result;
}

int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  File& self = ours(file);
  return self.real->pMethods->xRead(self.real, to, size, offset);
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  File& self = ours(file);
  if (const int error = self.disk->next(); error != SQLITE_OK) return error;
  if (self.is_recorded) {
    self.disk->events.push_back(
        {.kind = Event::Kind::kWrite,
         .file = self.name,
         .offset = static_cast<std::size_t>(offset),
         .bytes = {static_cast<const char*>(from), static_cast<std::size_t>(size)}});
  }
  return self.real->pMethods->xWrite(self.real, from, size, offset);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  File& self = ours(file);
  if (const int error = self.disk->next(); error != SQLITE_OK) return error;
  if (self.is_recorded) {
    self.disk->events.push_back({.kind = Event::Kind::kTruncate,
                                 .file = self.name,
                                 .offset = static_cast<std::size_t>(size)});
  }
  return self.real->pMethods->xTruncate(self.real, size);
}

int sync_file(sqlite3_file* file, int /*flags*/) {
  File& self = ours(file);
  if (const int error = self.disk->next(); error != SQLITE_OK) return error;
  if (self.is_recorded && !self.disk->syncs_are_ignored) {
    self.disk->events.push_back({.kind = Event::Kind::kSync, .file = self.name});
  }
  return SQLITE_OK;  // a real sync would only cost time: tests read the recorded events
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return ours(file).real->pMethods->xFileSize(ours(file).real, size);
}
int lock_file(sqlite3_file* file, int lock) {
  return ours(file).real->pMethods->xLock(ours(file).real, lock);
}
int unlock_file(sqlite3_file* file, int lock) {
  return ours(file).real->pMethods->xUnlock(ours(file).real, lock);
}
int check_reserved_lock(sqlite3_file* file, int* result) {
  return ours(file).real->pMethods->xCheckReservedLock(ours(file).real, result);
}
int file_control(sqlite3_file* file, int operation, void* argument) {
  return ours(file).real->pMethods->xFileControl(ours(file).real, operation, argument);
}
int sector_size(sqlite3_file* file) {
  return ours(file).real->pMethods->xSectorSize(ours(file).real);
}
int device_characteristics(sqlite3_file* file) {
  return ours(file).real->pMethods->xDeviceCharacteristics(ours(file).real);
}

// Version 1: no shared memory (WAL) and no memory mapping.
const sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* disk = static_cast<FaultyDisk::State*>(vfs->pAppData);
  constexpr int kRecorded = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL;
  const std::filesystem::path path = name == nullptr ? "" : name;
  File* self = new (file)
      File{.base = {.pMethods = nullptr},
           .disk = disk,
           .real = reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(File)),
           .is_recorded = (flags & kRecorded) != 0 && path.parent_path() / "" == disk->directory,
           .name = path.filename().string()};
  const int result = disk->real->xOpen(disk->real, name, self->real, flags, out_flags);
  if (result == SQLITE_OK) {
    self->base.pMethods = &kMethods;
  } else {
    self->~File();
    file->pMethods = nullptr;  // nothing to close
  }
  return result;
}

}  // namespace

FaultyDisk::FaultyDisk(const std::filesystem::path& directory) : state_(std::make_unique<State>()) {
  state_->directory = directory / "";
  state_->real = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->real;  // names, time and randomness of the real VFS
  state_->vfs.pNext = nullptr;
  state_->vfs.zName = "faulty-disk";
  state_->vfs.szOsFile = static_cast<int>(sizeof(File)) + state_->real->szOsFile;
  state_->vfs.pAppData = state_.get();
  state_->vfs.xOpen = open_file;
  // The real functions get the real VFS, which holds their data.
  state_->vfs.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync_directory) {
    sqlite3_vfs* real = static_cast<State*>(vfs->pAppData)->real;
    return real->xDelete(real, name, sync_directory);
  };
  state_->vfs.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* result) {
    sqlite3_vfs* real = static_cast<State*>(vfs->pAppData)->real;
    return real->xAccess(real, name, flags, result);
  };
  state_->vfs.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* result) {
    sqlite3_vfs* real = static_cast<State*>(vfs->pAppData)->real;
    return real->xFullPathname(real, name, size, result);
  };
  sqlite3_vfs_register(&state_->vfs, 1);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&state_->vfs);
  sqlite3_vfs_register(state_->real, 1);
}

std::size_t FaultyDisk::now() const { return state_->events.size(); }

void FaultyDisk::ignore_syncs() { state_->syncs_are_ignored = true; }

void FaultyDisk::fail_after(std::size_t operations, int sqlite_error) {
  state_->operations_left = operations;
  state_->error = sqlite_error;
}

void FaultyDisk::work() { state_->operations_left.reset(); }

void FaultyDisk::restore(std::size_t moment, std::mt19937_64& random,
                         const std::filesystem::path& directory) const {
  const auto end = state_->events.begin() + static_cast<std::ptrdiff_t>(moment);
  std::map<std::string, std::string> files;
  std::map<std::string, std::vector<const Event*>> unsynced;
  for (auto event = state_->events.begin(); event != end; ++event) {
    if (event->kind == Event::Kind::kSync) {
      for (const Event* done : unsynced[event->file]) {
        apply(*done, done->bytes.size(), files[event->file]);
      }
      unsynced[event->file].clear();
    } else {
      unsynced[event->file].push_back(&*event);
    }
  }
  for (const auto& [file, events] : unsynced) {
    for (const Event* event : events) {
      const auto fate = random() % 4;
      if (fate == 0) continue;  // lost
      constexpr std::size_t kSector = 512;
      const std::size_t sectors = event->bytes.size() / kSector;
      const bool is_torn = fate == 1 && sectors > 1;
      apply(*event, is_torn ? random() % sectors * kSector : event->bytes.size(), files[file]);
    }
  }
  for (const auto& [file, content] : files) {
    std::ofstream(directory / file, std::ios::binary) << content;
  }
}

}  // namespace tests
