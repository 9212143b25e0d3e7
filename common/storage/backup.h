// Backups of a database in use: files of SQLite with all data of a service, which copy_data()
// (copy.h) restores into a new database of either kind.

#ifndef COMMON_STORAGE_BACKUP_H_
#define COMMON_STORAGE_BACKUP_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/money/money_sum.h"
#include "common/storage/copy.h"
#include "common/storage/database_url.h"

namespace common {

struct BackupTotal {
  std::int64_t rows = 0;
  MoneySum sum;
};

struct BackupContent {
  int schema_version;
  // Of the first table of CopiedData, by the code of the currency and the status.
  std::map<std::pair<std::string, std::string>, BackupTotal> totals = {};
};

// Writes one state of the database into a new file, which only its owner may read. The file gets
// its name when it is complete, checked as by check_backup(), and on disk. If this process is
// killed, a file with this name and the ending ".partial-XXXXXX" may remain.
//
// From SQLite, commits of other processes wait while the pages are copied. If this takes longer
// than kLongestLockWait, they fail. From PostgreSQL nothing waits.
//
// Throws Unavailable or std::system_error, and leaves no file, if the file exists or can't be
// written, if the database fails, and if it has no data of this service or a schema that does not
// allow this program. PostgreSQL's must have the schema version of this program.
BackupContent make_backup(const DatabaseUrl& from, const std::string& file, const CopiedData& data);

// Reads a backup, which is not changed. Throws Unavailable if the file is damaged, has no data of
// this service, or has a schema that does not allow this program. A value that has changed on disk
// into another valid one is not found. Not for the file of a running service: its commits wait.
BackupContent check_backup(const std::string& file, const CopiedData& data);

}  // namespace common

#endif  // COMMON_STORAGE_BACKUP_H_
