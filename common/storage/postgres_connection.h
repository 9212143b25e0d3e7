// A connection to PostgreSQL, or to a database with its protocol, through libpq.
//
// It keeps no state in the session (no named statements, SET only LOCAL), so PgBouncer may give
// each transaction another session. Every wait has a deadline. After a failure only is_broken(),
// poll_ended() and the destructor may be called. Not thread-safe.

#ifndef COMMON_STORAGE_POSTGRES_CONNECTION_H_
#define COMMON_STORAGE_POSTGRES_CONNECTION_H_

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace common {

// SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
class PostgresError : public std::runtime_error {
 public:
  PostgresError(const std::string& what, std::string sqlstate)
      : std::runtime_error(what), sqlstate_(std::move(sqlstate)) {}

  // "" if there is no connection, or no response in time.
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// What a connection needs to know, from a URL "postgresql://..." (libpq's documentation,
// "Connection URIs") with defaults of our own for what the URL does not say.
class PostgresParameters {
 public:
  // Throws std::invalid_argument, without secrets in the message. The URL must name a database.
  explicit PostgresParameters(const std::string& url);

  const std::vector<std::pair<std::string, std::string>>& values() const { return values_; }

  // User, servers and database, for logs: "postgresql://app@db-1:5432,db-2:5433/invoices".
  std::string description() const;

 private:
  std::string value(std::string_view keyword) const;
  void set_default(std::string_view keyword, std::string_view value);

  std::vector<std::pair<std::string, std::string>> values_;  // by keyword
};

// The rows that a statement returned. Rows and columns are numbered from 0.
class PostgresRows {
 public:
  explicit PostgresRows(PGresult* result) : result_(result, PQclear) {}

  int size() const { return PQntuples(result_.get()); }
  // How many rows the statement changed.
  std::int64_t changed() const;
  int columns() const { return PQnfields(result_.get()); }
  std::string command() const { return PQcmdStatus(result_.get()); }

  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string text(int row, int column) const;
  std::int64_t number(int row, int column) const;
  std::vector<std::int64_t> numbers(int column) const;

 private:
  std::shared_ptr<PGresult> result_;
};

// Values of statements, in PostgreSQL's text format; nullopt is NULL.
using PostgresValue = std::optional<std::string>;
PostgresValue postgres_value(std::int64_t number);
PostgresValue postgres_value(std::string text);
PostgresValue postgres_value(const std::vector<std::int64_t>& numbers);
PostgresValue postgres_value(const std::vector<std::string>& texts);
PostgresValue postgres_value(const std::vector<std::optional<std::string>>& texts);

class PostgresConnection {
 public:
  enum class Access { kRead, kWrite };
  using Deadline = std::chrono::steady_clock::time_point;

  // Connects, which may take the URL's connect_timeout for each address of its servers, and the
  // time that resolving their names takes, which has no limit of ours. Throws PostgresError, as all
  // functions of this class do.
  explicit PostgresConnection(const PostgresParameters& parameters);
  ~PostgresConnection() = default;
  PostgresConnection(const PostgresConnection&) = delete;  // libpq has a pointer to it
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // Statements wait until this time, also in a transaction that has begun. Those outside of a
  // transaction are committed one by one.
  void set_deadline(Deadline deadline) { deadline_ = deadline; }

  // Begins a transaction. Statements wait for responses until `deadline`; the server ends one that
  // takes longer than `statement_timeout`. Returns the time of the server's clock.
  //
  // kRead: all statements see one state. kWrite: each sees what was committed before it. Fails with
  // 25006 on a standby, whose state may be old, and with 55000 if commits would not be durable
  // (synchronous_commit = off or local).
  WallTime begin(Access access, Deadline deadline, std::chrono::milliseconds statement_timeout);

  // Gives the transaction more time, for a statement that changes very many rows.
  void extend_deadline(std::chrono::milliseconds more);

  // Runs a statement with values for $1, $2, ...
  template <typename... Values>
  PostgresRows run(const std::string& sql, const Values&... values) {
    return run_with(sql, {postgres_value(values)...});
  }

  // The same, with values that were converted before.
  PostgresRows run_with(const std::string& sql, const std::vector<PostgresValue>& values);

  // For each text, the row that the condition finds; it calls the text "wanted". At most one row
  // may fulfil it, and an index must have it. `select` is as "SELECT a, b FROM t". The planner
  // takes the index also for a table that it knows nothing of; for "= ANY($1)" it may read all of
  // such a table.
  PostgresRows find_each(const std::string& select, const std::string& condition,
                         const std::vector<std::string>& texts);

  // Runs statements that have no values. Returns the rows of each.
  std::vector<PostgresRows> run_all(const std::string& sql);

  // Commits. `what` names the transaction for fault points. After a failure it is unknown whether
  // it was committed, except after 40001, 40P01 and class 23, which undo it.
  void commit(Access access, std::string_view what, Deadline deadline);

  bool is_broken() const { return is_broken_ || PQstatus(connection_.get()) != CONNECTION_OK; }

  // After a commit that got no response in time: whether the server has responded since, or the
  // connection has ended. Does not wait.
  bool poll_ended();

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  static void on_notice(void* self, const PGresult* notice);
  // The setting is the row of SHOW synchronous_commit.
  void require_durable_commits(const PostgresRows& setting, const char* sqlstate);
  std::vector<PostgresRows> await_results();
  void await_result();
  void await_socket(short events);
  [[noreturn]] void fail(const PGresult* result);

  std::unique_ptr<PGconn, Finish> connection_;
  Deadline deadline_;
  bool is_broken_ = false;
  bool has_warning_ = false;
};

}  // namespace common

#endif  // COMMON_STORAGE_POSTGRES_CONNECTION_H_
