// A transaction of copy_data(), in SQLite or in PostgreSQL. Used by copy.cpp only.
//
// All functions throw Unavailable if the database fails. The destructor undoes what was not
// committed. Not thread-safe.

#ifndef COMMON_STORAGE_COPY_TRANSACTION_H_
#define COMMON_STORAGE_COPY_TRANSACTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/storage/copy.h"

namespace common {

class CopyTransaction {
 public:
  enum class Access { kRead, kWrite };
  // The values of the columns; numbers in decimal, nullopt is NULL.
  using Row = std::vector<std::optional<std::string>>;

  CopyTransaction() = default;
  virtual ~CopyTransaction() = default;
  CopyTransaction(const CopyTransaction&) = delete;
  CopyTransaction& operator=(const CopyTransaction&) = delete;

  // nullopt if the database belongs to another application, or to none yet.
  virtual std::optional<int> schema_version() = 0;
  // Runs a statement with a value for $1, if it has one.
  virtual std::vector<Row> run(const std::string& sql, std::optional<std::int64_t> value = {}) = 0;
  virtual void insert(const CopiedTable& table, const std::vector<Row>& rows) = 0;
  // Sets what this kind of database has besides rows: counters, and statistics for its planner.
  virtual void complete() = 0;
  virtual void commit() = 0;
};

// Begins a transaction in a database that exists.
std::unique_ptr<CopyTransaction> begin_copy(const DatabaseUrl& database, const CopiedData& data,
                                            CopyTransaction::Access access);

}  // namespace common

#endif  // COMMON_STORAGE_COPY_TRANSACTION_H_
