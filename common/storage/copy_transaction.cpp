#include "common/storage/copy_transaction.h"

#include <SQLiteCpp/Exception.h>

#include <chrono>
#include <cstddef>
#include <set>
#include <utility>

#include "common/base/unavailable.h"
#include "common/base/utf8.h"
#include "common/storage/lock_wait.h"

namespace common {
namespace {

using std::chrono::steady_clock;

template <typename Work>
auto as_unavailable(const std::string& name, Work work) {
  try {
    return work();
  } catch (const PostgresError& error) {
    throw Unavailable("database " + name + ": " + error.what());
  } catch (const SQLite::Exception& error) {
    throw Unavailable("database " + name + ": " + error.what());
  }
}

// "INSERT INTO TABLE (COLUMN, ...) SELECT VALUE, ...", where `value` is called with the type and
// the number of each column.
template <typename Value>
std::string insertion(const CopiedTable& table, Value value) {
  std::string names;
  std::string values;
  int number = 0;
  for (const CopiedColumn& column : table.columns) {
    names += (names.empty() ? "" : ", ") + std::string(column.name);
    values += (values.empty() ? "" : ", ") + value(std::string(column.type), ++number);
  }
  return std::string("INSERT INTO ") + table.name + " (" + names + ") SELECT " + values;
}

class SqliteCopy final : public CopyTransaction {
 public:
  SqliteCopy(const std::string& path, const SqliteSchema& schema, Access access)
      : path_(path), schema_(schema), connection_(open(path, access)) {
    as_unavailable(path_, [&] { connection_->begin(steady_clock::now() + kLongestLockWait); });
  }

  std::optional<int> schema_version() override {
    return as_unavailable(path_, [&]() -> std::optional<int> {
      const auto found = read_schema_version(*connection_, schema_);
      return found ? std::optional(found->version) : std::nullopt;
    });
  }

  std::vector<Row> run(const std::string& sql, std::optional<std::int64_t> value) override {
    return as_unavailable(path_, [&] {
      SQLite::Statement& statement = connection_->query(kept(sql));
      if (value) statement.bind(1, *value);
      std::vector<Row> rows;
      while (statement.executeStep()) rows.push_back(read_row(statement));
      statement.reset();
      return rows;
    });
  }

  // SQLite converts the texts of numbers exactly, because the tables are STRICT.
  void insert(const CopiedTable& table, const std::vector<Row>& rows) override {
    as_unavailable(path_, [&] {
      const char* sql = kept(insertion(table, [](const std::string& /*type*/, int number) {
        return '?' + std::to_string(number);
      }));
      for (const Row& row : rows) {
        SQLite::Statement& statement = connection_->query(sql);
        for (std::size_t i = 0; i < row.size(); ++i) {
          const int number = static_cast<int>(i) + 1;
          if (row[i]) {
            statement.bindNoCopy(number, *row[i]);
          } else {
            statement.bind(number);
          }
        }
        statement.exec();
      }
    });
  }

  void complete() override {}

  void commit() override {
    as_unavailable(path_, [&] { connection_->commit("copy"); });
  }

 private:
  static std::unique_ptr<SqliteConnection> open(const std::string& path, Access access) {
    return as_unavailable(path, [&] {
      return std::make_unique<SqliteConnection>(path,
                                                access == Access::kRead
                                                    ? SqliteConnection::Access::kRead
                                                    : SqliteConnection::Access::kWrite,
                                                steady_clock::now() + kLongestLockWait, 0);
    });
  }

  static Row read_row(SQLite::Statement& statement) {
    Row row;
    row.reserve(static_cast<std::size_t>(statement.getColumnCount()));
    for (int i = 0; i < statement.getColumnCount(); ++i) {
      const SQLite::Column column = statement.getColumn(i);
      // Earlier releases stored refusals with half a character at their end.
      const std::string text = column.getString();
      row.push_back(column.isNull() ? std::nullopt
                                    : std::optional<std::string>(cut_utf8(text, text.size())));
    }
    return row;
  }

  // The same text, as SqliteConnection needs it: it lives as long as the connection.
  const char* kept(const std::string& sql) { return texts_.insert(sql).first->c_str(); }

  const std::string path_;
  const SqliteSchema& schema_;
  std::set<std::string> texts_;
  const std::unique_ptr<SqliteConnection> connection_;
};

class PostgresCopy final : public CopyTransaction {
 public:
  PostgresCopy(const DatabaseUrl& database, const CopiedData& data, Access access)
      : name_(database.description), data_(data), access_(to_postgres(access)) {
    as_unavailable(name_, [&] {
      connection_ = std::make_unique<PostgresConnection>(PostgresParameters(database.location));
      connection_->begin(access_, deadline(), kLongestStatement);
      // While this connection waits for the other database.
      connection_->run_all("SET LOCAL idle_in_transaction_session_timeout = " +
                           std::to_string(kLongestStatement.count()));
    });
  }

  std::optional<int> schema_version() override {
    try {
      const auto rows = connection_->run("SELECT application, version FROM schema_version");
      if (rows.size() != 1 || rows.text(0, 0) != data_.postgres.application) return std::nullopt;
      return static_cast<int>(rows.number(0, 1));
    } catch (const PostgresError& error) {
      if (error.sqlstate() == kUndefinedTable) return std::nullopt;
      throw Unavailable("database " + name_ + ": " + error.what());
    }
  }

  std::vector<Row> run(const std::string& sql, std::optional<std::int64_t> value) override {
    return as_unavailable(name_, [&] {
      connection_->set_deadline(deadline());
      const auto found = value ? connection_->run(sql, *value) : connection_->run(sql);
      std::vector<Row> rows(static_cast<std::size_t>(found.size()));
      for (int i = 0; i < found.size(); ++i) {
        for (int column = 0; column < found.columns(); ++column) {
          rows[static_cast<std::size_t>(i)].push_back(
              found.is_null(i, column) ? std::nullopt : std::optional(found.text(i, column)));
        }
      }
      return rows;
    });
  }

  void insert(const CopiedTable& table, const std::vector<Row>& rows) override {
    as_unavailable(name_, [&] {
      connection_->set_deadline(deadline());
      std::vector<PostgresValue> arrays;
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        Row values;
        values.reserve(rows.size());
        for (const Row& row : rows) values.push_back(row[i]);
        arrays.push_back(postgres_value(values));
      }
      connection_->run_with(insertion(table,
                                      [](const std::string& type, int number) {
                                        return "unnest($" + std::to_string(number) + "::" + type +
                                               "[])";
                                      }),
                            arrays);
    });
  }

  void complete() override {
    run(data_.postgres_counter, std::nullopt);
    // The server would do it after a minute. Until then, pages of a long list would be slow.
    run(std::string("ANALYZE ") + data_.tables.front().name, std::nullopt);
  }

  void commit() override {
    as_unavailable(name_, [&] { connection_->commit(access_, "copy", deadline()); });
  }

 private:
  static constexpr const char* kUndefinedTable = "42P01";
  // Batches are quick. This is for a count of very many rows, and for a target that is slow.
  static constexpr std::chrono::milliseconds kLongestStatement = std::chrono::minutes(30);

  static steady_clock::time_point deadline() { return steady_clock::now() + kLongestStatement; }

  static PostgresConnection::Access to_postgres(Access access) {
    return access == Access::kRead ? PostgresConnection::Access::kRead
                                   : PostgresConnection::Access::kWrite;
  }

  const std::string name_;
  const CopiedData& data_;
  const PostgresConnection::Access access_;
  std::unique_ptr<PostgresConnection> connection_;
};

}  // namespace

std::unique_ptr<CopyTransaction> begin_copy(const DatabaseUrl& database, const CopiedData& data,
                                            CopyTransaction::Access access) {
  if (database.kind == DatabaseUrl::Kind::kPostgres) {
    return std::make_unique<PostgresCopy>(database, data, access);
  }
  return std::make_unique<SqliteCopy>(database.location, data.sqlite, access);
}

}  // namespace common
