#include "common/storage/postgres_connection.h"

#include <poll.h>

#include <algorithm>
#include <charconv>

#include "common/base/fault_point.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// libpq's messages have a newline at the end, and some have several lines, with tabs.
std::string one_line(std::string_view message) {
  std::string line;
  for (const char c : message) {
    if (c == '\n') {
      line += "; ";
    } else if (c != '\t') {
      line += c;
    }
  }
  line.erase(line.find_last_not_of("; ") + 1);
  return line;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// A password that is not percent-encoded ends at its first slash or at sign. libpq then takes the
// rest of it for a host, a port or the name of a database.
bool may_be_part_of_a_password(const std::string& host) {
  return !host.starts_with('/') && host.find_first_of("/@") != std::string::npos;
}

std::string sqlstate_of(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state == nullptr ? "" : state;
}

// An element of an array, quoted: https://www.postgresql.org/docs/current/arrays.html, section
// "Array Input and Output Syntax".
void append_quoted(std::string& array, std::string_view text) {
  array += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') array += '\\';
    array += c;
  }
  array += '"';
}

template <typename Elements, typename Append>
std::string array_of(const Elements& elements, Append append) {
  std::string array = "{";
  for (const auto& element : elements) {
    if (array.size() > 1) array += ',';
    append(array, element);
  }
  return array += '}';
}

}  // namespace

PostgresParameters::PostgresParameters(const std::string& url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(url.c_str(), &error), PQconninfoFree);
  if (!options) {
    const std::unique_ptr<char, decltype(&PQfreemem)> text(error, PQfreemem);
    // The text quotes the URL, which may have a password in it.
    throw std::invalid_argument("libpq does not accept the URL");
  }
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) values_.emplace_back(option->keyword, option->val);
  }
  const auto hosts = split(value("host"));
  if (value("dbname").empty() || value("dbname").find_first_of("/@") != std::string::npos ||
      value("port").find_first_not_of("0123456789,") != std::string::npos ||
      std::any_of(hosts.begin(), hosts.end(), may_be_part_of_a_password)) {
    throw std::invalid_argument("the URL has no database, or characters that are not encoded");
  }
  set_default("client_encoding", "UTF8");
  set_default("application_name", "invoice-services");
  // A standby may have an old state.
  set_default("target_session_attrs", "read-write");
  // Seconds for each server of the URL; libpq's least.
  set_default("connect_timeout", "2");
  // A server that vanishes without a word is noticed after seconds, not after hours.
  set_default("tcp_user_timeout", "5000");
  set_default("keepalives_idle", "5");
  set_default("keepalives_interval", "2");
  set_default("keepalives_count", "2");
}

std::string PostgresParameters::value(std::string_view keyword) const {
  for (const auto& [name, value] : values_) {
    if (name == keyword) return value;
  }
  return "";
}

void PostgresParameters::set_default(std::string_view keyword, std::string_view value) {
  if (this->value(keyword).empty()) values_.emplace_back(keyword, value);
}

std::string PostgresParameters::description() const {
  const auto hosts = split(value("host").empty() ? value("hostaddr") : value("host"));
  const auto ports = split(value("port"));  // one for each host, or for all of them
  std::string text = "postgresql://" + value("user") + (value("user").empty() ? "" : "@");
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const bool is_ipv6 = hosts[i].find(':') != std::string::npos;
    text += (i == 0 ? "" : ",") + (is_ipv6 ? '[' + hosts[i] + ']' : hosts[i]);
    const std::string& port = ports.size() == hosts.size() ? ports[i] : ports.front();
    if (!port.empty()) text += ':' + port;
  }
  return text + '/' + value("dbname");
}

std::int64_t PostgresRows::changed() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string PostgresRows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t PostgresRows::number(int row, int column) const {
  const std::string digits = text(row, column);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw PostgresError("\"" + digits + "\" is not a number", "");
  }
  return number;
}

std::vector<std::int64_t> PostgresRows::numbers(int column) const {
  std::vector<std::int64_t> numbers;
  numbers.reserve(static_cast<std::size_t>(size()));
  for (int row = 0; row < size(); ++row) numbers.push_back(number(row, column));
  return numbers;
}

PostgresValue postgres_value(std::int64_t number) { return std::to_string(number); }

PostgresValue postgres_value(std::string text) { return text; }

PostgresValue postgres_value(const std::vector<std::int64_t>& numbers) {
  return array_of(numbers,
                  [](std::string& array, std::int64_t number) { array += std::to_string(number); });
}

PostgresValue postgres_value(const std::vector<std::string>& texts) {
  return array_of(texts, append_quoted);
}

PostgresValue postgres_value(const std::vector<std::optional<std::string>>& texts) {
  return array_of(texts, [](std::string& array, const std::optional<std::string>& text) {
    if (text) {
      append_quoted(array, *text);
    } else {
      array += "NULL";
    }
  });
}

PostgresConnection::PostgresConnection(const PostgresParameters& parameters)
    : deadline_(Deadline::max()) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters.values()) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  connection_.reset(PQconnectdbParams(keywords.data(), values.data(), 0));
  if (PQstatus(connection_.get()) != CONNECTION_OK) fail(nullptr);
  const char* const encoding = PQparameterStatus(connection_.get(), "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) != "UTF8") {
    throw PostgresError(std::string("the database has the encoding ") + encoding +
                            ", which can't store all texts; it must have UTF8",
                        "0A000");
  }
  PQsetnonblocking(connection_.get(), 1);
  PQsetNoticeReceiver(connection_.get(), on_notice, this);
}

WallTime PostgresConnection::begin(Access access, Deadline deadline,
                                   milliseconds statement_timeout) {
  deadline_ = deadline;
  // A client whose machine has vanished must not keep its locks.
  constexpr const char* kIdleTimeout = "5s";
  const char* isolation = access == Access::kRead ? "REPEATABLE READ" : "READ COMMITTED";
  const auto rows =
      run_all(std::string("BEGIN ISOLATION LEVEL ") + isolation +
              "; SET LOCAL statement_timeout = " + std::to_string(statement_timeout.count()) +
              "; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '" +
              kIdleTimeout +
              "'; SHOW synchronous_commit; SHOW transaction_read_only; "
              "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT");
  const std::size_t count = rows.size();
  require_durable_commits(rows.at(count - 3), "55000");
  if (rows.at(count - 2).text(0, 0) != "off") {
    is_broken_ = true;
    throw PostgresError("the server is read-only", "25006");
  }
  return WallTime(milliseconds(rows.at(count - 1).number(0, 0)));
}

void PostgresConnection::require_durable_commits(const PostgresRows& setting,
                                                 const char* sqlstate) {
  const std::string value = setting.text(0, 0);
  if (value != "off" && value != "local") return;
  is_broken_ = true;
  throw PostgresError("synchronous_commit is " + value +
                          ", so the server would confirm payments that a crash or a failover loses",
                      sqlstate);
}

void PostgresConnection::extend_deadline(milliseconds more) {
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now()) + more;
  run_all("SET LOCAL statement_timeout = " +
          std::to_string(std::max<std::int64_t>(left.count(), 1)));
  deadline_ += more;
}

std::vector<PostgresRows> PostgresConnection::run_all(const std::string& sql) {
  if (PQsendQuery(connection_.get(), sql.c_str()) != 1) fail(nullptr);
  return await_results();
}

PostgresRows PostgresConnection::run_with(const std::string& sql,
                                          const std::vector<PostgresValue>& values) {
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const PostgresValue& value : values) {
    if (value && value->find('\0') != std::string::npos) {
      is_broken_ = true;
      throw PostgresError("a text has a zero byte, which PostgreSQL can't store", "22021");
    }
    texts.push_back(value ? value->c_str() : nullptr);
  }
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(texts.size()), nullptr,
                        texts.data(), nullptr, nullptr, 0) != 1) {
    fail(nullptr);
  }
  return await_results().at(0);
}

PostgresRows PostgresConnection::find_each(const std::string& select, const std::string& condition,
                                           const std::vector<std::string>& texts) {
  return run("SELECT found.* FROM unnest($1::TEXT[]) AS texts(wanted) JOIN LATERAL (" + select +
                 " WHERE " + condition + " LIMIT 1) AS found ON TRUE",
             texts);
}

void PostgresConnection::commit(Access access, std::string_view what, Deadline deadline) {
  deadline_ = deadline;
  if (access == Access::kRead) {
    run_all("COMMIT");
    return;
  }
  has_warning_ = false;
  fault_point("before-commit", what);
  // Not the statement_timeout: a server that stops waiting for its standbys has committed, and
  // would lose the commit in a failover. It says so in a warning, which settings can turn off.
  // It may have been told since BEGIN to confirm too early; it reads its settings between messages.
  const std::string sql =
      "SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = warning; "
      "SHOW synchronous_commit; COMMIT";
  fault_point("in-commit", what, [this, &sql] {
    PQsendQuery(connection_.get(), sql.c_str());
    PQflush(connection_.get());
  });
  const auto rows = run_all(sql);
  fault_point("after-commit", what);
  if (rows.back().command() != "COMMIT") {
    throw PostgresError("the server has undone the transaction", "40000");
  }
  require_durable_commits(rows.at(rows.size() - 2), "01000");
  // "canceling wait for synchronous replication due to user request", for example.
  if (has_warning_) {
    throw PostgresError("the server has committed, but maybe not on its standbys", "01000");
  }
}

void PostgresConnection::on_notice(void* self, const PGresult* notice) {
  const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity != nullptr && std::string_view(severity) == "WARNING") {
    static_cast<PostgresConnection*>(self)->has_warning_ = true;
  }
}

bool PostgresConnection::poll_ended() {
  return PQconsumeInput(connection_.get()) != 1 || PQisBusy(connection_.get()) == 0;
}

std::vector<PostgresRows> PostgresConnection::await_results() {
  std::vector<PostgresRows> results;
  while (true) {
    await_result();
    PGresult* const result = PQgetResult(connection_.get());
    if (result == nullptr) break;
    results.emplace_back(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(result);
  }
  if (results.empty()) fail(nullptr);
  return results;
}

// Returns when the next result is there.
void PostgresConnection::await_result() {
  while (true) {
    const int unsent = PQflush(connection_.get());
    if (unsent < 0) fail(nullptr);
    if (unsent == 0 && PQisBusy(connection_.get()) == 0) return;
    await_socket(unsent == 0 ? POLLIN : POLLIN | POLLOUT);
    if (PQconsumeInput(connection_.get()) != 1) fail(nullptr);
  }
}

// Returns early: TLS may have decrypted bytes that the socket knows nothing of.
void PostgresConnection::await_socket(short events) {
  constexpr std::int64_t kLongestMs = 100;
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now()).count();
  if (left <= 0) {
    is_broken_ = true;
    throw PostgresError("no response in time", "");
  }
  pollfd socket{.fd = PQsocket(connection_.get()), .events = events, .revents = 0};
  ::poll(&socket, 1, static_cast<int>(std::min(left, kLongestMs)));
}

void PostgresConnection::fail(const PGresult* result) {
  is_broken_ = true;
  const char* const message =
      result == nullptr ? PQerrorMessage(connection_.get()) : PQresultErrorMessage(result);
  throw PostgresError(one_line(message), result == nullptr ? "" : sqlstate_of(result));
}

}  // namespace common
