#include "common/storage/backup.h"

#include <SQLiteCpp/Exception.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "common/base/file_descriptor.h"
#include "common/base/unavailable.h"
#include "common/storage/sqlite_database.h"

namespace common {
namespace {

// A backup has more time than a request.
constexpr std::chrono::seconds kLongestWait{30};

// Not with OPEN_READONLY: SQLite then ignores CHECK constraints, also in integrity_check.
SqliteConnection open(const std::string& path) {
  return {path, SqliteConnection::Access::kRead, std::chrono::steady_clock::now() + kLongestWait,
          0};
}

[[noreturn]] void fail(const std::string& path, int error = errno) {
  throw std::system_error(error, std::generic_category(), path);
}

// SQLite takes "file:NAME" for a URI.
std::string absolute(const std::string& path) { return std::filesystem::absolute(path).string(); }

void sync(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) fail(path);
}

// An empty file next to the place where it will be. Removed at the end unless it was published.
class PartialFile {
 public:
  explicit PartialFile(const std::string& name)
      : name_(absolute(name)), path_(name_ + ".partial-XXXXXX") {
    refuse_existing();
    if (FileDescriptor(::mkstemp(path_.data())).get() < 0) fail(path_);  // with mode 0600
  }
  ~PartialFile() {
    std::remove((path_ + "-journal").c_str());  // SQLite leaves it empty
    if (!is_published_) std::remove(path_.c_str());
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::string& path() const { return path_; }

  void publish() {
    sync(path_);
    rename();
    is_published_ = true;
    sync(std::filesystem::path(name_).parent_path().string());
  }

 private:
  void rename() const {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, name_.c_str(), RENAME_NOREPLACE) == 0)
      return;
    if (errno != EINVAL) fail(name_);
    refuse_existing();  // on a file system without RENAME_NOREPLACE
    if (std::rename(path_.c_str(), name_.c_str()) != 0) fail(name_);
  }

  void refuse_existing() const {
    if (std::filesystem::exists(std::filesystem::symlink_status(name_))) fail(name_, EEXIST);
  }

  const std::string name_;
  std::string path_;
  bool is_published_ = false;
};

template <typename Work>
auto guarded(const std::string& name, Work work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    throw Unavailable("database " + name + ": " + error.what());
  }
}

void check_integrity(SqliteConnection& connection, const std::string& name) {
  SQLite::Statement& check = connection.query("PRAGMA integrity_check(1)");
  check.executeStep();
  const std::string finding = check.getColumn(0).getString();
  if (finding != "ok") throw Unavailable("database " + name + " is damaged: " + finding);
}

int check_schema(SqliteConnection& connection, const std::string& name,
                 const SqliteSchema& schema) {
  const auto found = read_schema_version(connection, schema);
  if (!found) throw Unavailable("database " + name + " has no data of this service");
  const int known = schema.version().version;
  if (!found->allows_program(known)) {
    throw Unavailable("database " + name + " " + describe_refusal(*found, known));
  }
  return found->version;
}

// `name` is for messages.
BackupContent check(const std::string& path, const std::string& name, const CopiedData& data) {
  const std::string sql = std::string("SELECT ") + data.currency + ", " + data.status + ", " +
                          data.amount + " FROM " + data.tables.front().name;
  return guarded(name, [&] {
    SqliteConnection connection = open(path);
    BackupContent content{.schema_version = check_schema(connection, name, data.sqlite)};
    check_integrity(connection, name);
    check_single_rows(name, data, [&](const CopiedTable& table) {
      return connection.number_once(std::string("SELECT count(*) FROM ") + table.name);
    });
    SQLite::Statement& rows = connection.query(sql.c_str());
    while (rows.executeStep()) {
      BackupTotal& total =
          content.totals[{rows.getColumn(0).getString(), rows.getColumn(1).getString()}];
      ++total.rows;
      total.sum.add(rows.getColumn(2).getInt64());
    }
    return content;
  });
}

}  // namespace

BackupContent make_backup(const DatabaseUrl& from, const std::string& file,
                          const CopiedData& data) {
  PartialFile target(file);
  if (from.kind == DatabaseUrl::Kind::kSqlite) {
    guarded(from.description, [&] { open(from.location).copy_to(target.path()); });
  } else {
    copy_data(from, {DatabaseUrl::Kind::kSqlite, target.path(), target.path()}, data);
  }
  BackupContent content = check(target.path(), from.description, data);
  target.publish();
  return content;
}

BackupContent check_backup(const std::string& file, const CopiedData& data) {
  // SQLite would open it to read only, and ignore CHECK constraints.
  if (::access(file.c_str(), W_OK) != 0 && errno != ENOENT) fail(file);
  return check(absolute(file), file, data);
}

}  // namespace common
