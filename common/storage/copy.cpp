#include "common/storage/copy.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/unavailable.h"
#include "common/storage/copy_transaction.h"

namespace common {
namespace {

using Access = CopyTransaction::Access;

constexpr std::size_t kBatchRows = 5'000;

bool is_same(const DatabaseUrl& from, const DatabaseUrl& to) {
  std::error_code ignored;
  return from.kind == to.kind &&
         (from.location == to.location ||
          (from.kind == DatabaseUrl::Kind::kSqlite &&
           std::filesystem::equivalent(from.location, to.location, ignored)));
}

std::int64_t count(CopyTransaction& transaction, const CopiedTable& table) {
  const auto rows = transaction.run(std::string("SELECT count(*) FROM ") + table.name);
  return std::stoll(rows.at(0).at(0).value());
}

// A newer schema may have columns that this program would leave behind.
void check_source(CopyTransaction& source, const DatabaseUrl& from, const CopiedData& data) {
  const std::size_t known = from.kind == DatabaseUrl::Kind::kSqlite
                                ? data.sqlite.migrations.size()
                                : data.postgres.migrations.size();
  const auto found = source.schema_version();
  if (!found) {
    throw Unavailable("database " + from.description + " has no data of this service");
  }
  if (*found != static_cast<int>(known)) {
    throw Unavailable("database " + from.description + " has schema version " +
                      std::to_string(*found) + "; this program copies version " +
                      std::to_string(known) +
                      ". Use the version of the program that has served from it last");
  }
  check_single_rows(from.description, data,
                    [&](const CopiedTable& table) { return count(source, table); });
}

void migrate(const DatabaseUrl& database, const CopiedData& data) {
  if (database.kind == DatabaseUrl::Kind::kPostgres) {
    PostgresDatabase(database.location, data.postgres);
  } else {
    SqliteDatabase(database.location, data.sqlite);
  }
}

void check_empty(CopyTransaction& target, const DatabaseUrl& to, const CopiedData& data) {
  const std::string table = data.tables.front().name;
  if (target.run("SELECT 1 FROM " + table + " LIMIT 1").empty()) return;
  throw Unavailable("database " + to.description + " has rows in " + table +
                    " already. Copy into a new file or an empty database. If it has only the "
                    "example invoices of a first start, remove the file or the database before");
}

// Calls `work` with batches of all rows, in the order of the key.
template <typename Work>
void for_each_batch(CopyTransaction& transaction, const CopiedTable& table, Work work) {
  std::string columns;
  for (const CopiedColumn& column : table.columns) {
    columns += (columns.empty() ? "" : ", ") + std::string(column.name);
  }
  const std::string key = table.columns.front().name;
  const std::string batch = "SELECT " + columns + " FROM " + table.name + " WHERE " + key +
                            " > $1 ORDER BY " + key + " LIMIT " + std::to_string(kBatchRows);
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  while (true) {
    const auto rows = transaction.run(batch, last);
    if (rows.empty()) return;
    work(rows);
    last = std::stoll(rows.back().front().value());
  }
}

// Of the rows in one currency.
struct Sums {
  std::int64_t rows = 0;
  // Modulo 2^64, because the amounts of all rows may be more.
  std::uint64_t amount = 0;
  std::uint64_t checksum = 0;  // of all columns

  friend bool operator==(const Sums&, const Sums&) = default;
};

class Comparison {
 public:
  explicit Comparison(const CopiedData& data)
      : currency_(find(data, data.currency)), amount_(find(data, data.amount)) {}

  void add(const std::vector<CopyTransaction::Row>& rows) {
    for (const auto& row : rows) {
      Sums& sums = by_currency_[row[currency_].value()];
      ++sums.rows;
      sums.amount += static_cast<std::uint64_t>(std::stoll(row[amount_].value()));
      sums.checksum += checksum(row);
      ++rows_;
    }
  }

  std::int64_t rows() const { return rows_; }

  friend bool operator==(const Comparison&, const Comparison&) = default;

 private:
  static std::size_t find(const CopiedData& data, std::string_view name) {
    const auto columns = data.tables.front().columns;
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const CopiedColumn& one) { return one.name == name; });
    return static_cast<std::size_t>(found - columns.begin());
  }

  static std::uint64_t checksum(const CopyTransaction::Row& row) {
    constexpr std::uint64_t kFactor = 0x100000001b3;
    std::uint64_t sum = 0;
    for (const auto& value : row)
      sum = sum * kFactor + std::hash<std::optional<std::string>>{}(value);
    return sum;
  }

  std::size_t currency_;
  std::size_t amount_;
  std::int64_t rows_ = 0;
  std::map<std::string, Sums> by_currency_;
};

void commit(CopyTransaction& target) {
  try {
    target.commit();
  } catch (const Unavailable& error) {
    throw Unavailable(std::string(error.what()) +
                      ". So it is unknown whether the target has the rows. To find out, run the "
                      "copy again: a target with rows is refused");
  }
}

}  // namespace

std::int64_t copy_data(const DatabaseUrl& from, const DatabaseUrl& to, const CopiedData& data) {
  if (is_same(from, to)) throw Unavailable("both URLs name the same database");
  const auto source = begin_copy(from, data, Access::kRead);
  check_source(*source, from, data);
  migrate(to, data);
  const auto target = begin_copy(to, data, Access::kWrite);
  check_empty(*target, to, data);
  for (const CopiedTable& table : data.tables.subspan(1)) {
    target->run(std::string("DELETE FROM ") + table.name);
  }
  const CopiedTable& table = data.tables.front();
  Comparison read(data);
  for_each_batch(*source, table, [&](const auto& rows) {
    target->insert(table, rows);
    read.add(rows);
  });
  for (const CopiedTable& other : data.tables.subspan(1)) {
    for_each_batch(*source, other, [&](const auto& rows) { target->insert(other, rows); });
  }
  target->complete();
  Comparison written(data);
  for_each_batch(*target, table, [&](const auto& rows) { written.add(rows); });
  if (read.rows() != count(*source, table) || written != read) {
    throw Unavailable("the counts and sums of both databases differ, so nothing was written");
  }
  commit(*target);
  return read.rows();
}

void check_single_rows(const std::string& database, const CopiedData& data,
                       const std::function<std::int64_t(const CopiedTable&)>& count) {
  for (const CopiedTable& table : data.tables.subspan(1)) {
    const std::int64_t rows = count(table);
    if (rows == 1) continue;
    throw Unavailable("database " + database + " is damaged: table " + table.name + " has " +
                      std::to_string(rows) + " rows instead of 1");
  }
}

}  // namespace common
