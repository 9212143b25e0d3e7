// Copies the data of a service from one database into another one, of either kind.
//
// Both databases have one transaction each. The source's sees one state, and the target has either
// all rows or none. Rows are copied in batches, so memory does not grow with their number.

#ifndef COMMON_STORAGE_COPY_H_
#define COMMON_STORAGE_COPY_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "common/storage/database_url.h"
#include "common/storage/postgres_database.h"
#include "common/storage/sqlite_database.h"

namespace common {

struct CopiedColumn {
  const char* name;
  const char* type;  // in PostgreSQL: "BIGINT" or "TEXT"
};

struct CopiedTable {
  const char* name;
  std::span<const CopiedColumn> columns;  // the first one is the primary key, a BIGINT
};

// What a service stores. The tables are the same in both kinds of database.
struct CopiedData {
  const SqliteSchema& sqlite;
  const PostgresSchema& postgres;
  // The first one has no rows in a new database. Each of the others always has exactly one row.
  std::span<const CopiedTable> tables;
  // Columns of the first table. Counts and sums per currency are compared.
  const char* currency;
  const char* amount;
  // SQL: a text by which backups count and add these rows apart, too. "''" if there is none.
  const char* status;
  // A statement that sets the counters of PostgreSQL, which SQLite does not need.
  const char* postgres_counter;
};

// Returns how many rows of the first table it has copied. The source is not changed. The target is
// created, or migrated, if necessary.
//
// Throws Unavailable, and leaves the target without rows, if one of the databases fails, if the
// source has no data of this service, or of another schema version than this program's, or is
// damaged as check_single_rows() says, and if the target has rows already or does not have the same
// rows at the end. If the target's commit fails, it is unknown whether it has the rows.
std::int64_t copy_data(const DatabaseUrl& from, const DatabaseUrl& to, const CopiedData& data);

// Throws Unavailable unless all tables but the first one have one row. `count` counts the rows of a
// table of `database`, whose name is for the message.
void check_single_rows(const std::string& database, const CopiedData& data,
                       const std::function<std::int64_t(const CopiedTable&)>& count);

}  // namespace common

#endif  // COMMON_STORAGE_COPY_H_
