#include "tests/support/postgres_server.h"

#include <libpq-fe.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.h"

namespace tests {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string local_url(int port, const std::string& database) {
  return "postgresql://postgres@127.0.0.1:" + std::to_string(port) + "/" + database;
}

bool accepts_connections(int port) {
  return PQping(local_url(port, "postgres").c_str()) == PQPING_OK;
}

Variables path_only() {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): none are set
  // Debian has pgbouncer in /usr/sbin, where not every user looks.
  return {{"PATH", std::string(path != nullptr ? path : "/usr/bin:/bin") + ":/usr/sbin"}};
}

// Runs a command that dies with the thread that starts it.
const std::vector<std::string> kDieWithParent = {"setpriv", "--pdeathsig", "KILL"};

// The state of a process, and its parent; nothing if there is no such process.
struct Stat {
  char state = 0;
  pid_t parent = 0;
};
std::optional<Stat> read_stat(const std::filesystem::path& directory) {
  std::ostringstream text;
  text << std::ifstream(directory / "stat").rdbuf();
  Stat stat;
  // After the name, which may contain anything.
  std::istringstream rest(text.str().erase(0, text.str().rfind(')') + 1));
  return rest >> stat.state >> stat.parent ? std::optional(stat) : std::nullopt;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    const auto stat = read_stat(entry.path());
    if (stat && stat->parent == parent) children.push_back(std::stoi(name));
  }
  return children;
}

bool has_ended(pid_t pid) {
  const auto stat = read_stat("/proc/" + std::to_string(pid));
  return !stat || stat->state == 'Z';
}

// A killed server leaves its shared memory segment. Its id is in line 7 of postmaster.pid.
void remove_shared_memory(const std::filesystem::path& data) {
  std::ifstream file(data / "postmaster.pid");
  std::string line;
  for (int i = 1; i < 7; ++i) std::getline(file, line);
  int key = 0;
  int id = 0;
  if (file >> key >> id) ::shmctl(id, IPC_RMID, nullptr);
}

}  // namespace

PostgresServer::PostgresServer(PostgresSettings settings) : settings_(std::move(settings)) {
  start();
}

PostgresServer::PostgresServer(PostgresSettings settings, const PostgresServer& primary)
    : settings_(std::move(settings)) {
  start_as_standby(primary);
}

PostgresServer::~PostgresServer() {
  try {
    kill();
  } catch (const std::exception&) {
    // The kernel can't end a process. Nothing more can be done.
  }
}

std::string PostgresServer::create_database() {
  const std::string name = "test" + std::to_string(++databases_);
  execute(url("postgres"), "CREATE DATABASE " + name);
  return url(name);
}

std::string PostgresServer::url(const std::string& database) const {
  return local_url(port(), database);
}

void PostgresServer::execute(const std::string& url, const std::string& sql) { query(url, sql); }

std::string PostgresServer::query(const std::string& url, const std::string& sql) {
  const Connection connection(PQconnectdb(url.c_str()), PQfinish);
  const Result result(PQexec(connection.get(), sql.c_str()), PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    throw std::runtime_error(sql + ": " + PQerrorMessage(connection.get()));
  return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0);
}

void PostgresServer::start() { run({}); }

void PostgresServer::start_as_standby(const PostgresServer& primary) {
  std::filesystem::remove_all(directory_ / "data");
  run({"--standby-of", primary.url("postgres")});
}

void PostgresServer::run(const std::vector<std::string>& options) {
  std::vector<std::string> command = kDieWithParent;
  command.emplace_back(POSTGRES_SH);
  command.insert(command.end(), options.begin(), options.end());
  // Shared memory is in the directory, so that a killed server leaves none elsewhere.
  command.insert(command.end(), {directory_ / "", "port=" + std::to_string(port()), "fsync=off",
                                 "dynamic_shared_memory_type=mmap"});
  for (const auto& [name, value] : settings_)
    command.push_back(std::string(name).append("=").append(value));
  process_.emplace(std::move(command), path_only(), directory_ / "log");
  process_->await("accept connections", [this] { return accepts_connections(port()); });
}

void PostgresServer::stop() {
  process_->signal(SIGINT);
  process_->wait();
}

void PostgresServer::kill() {
  if (process_->poll_end()) return;
  // Stopped first, so that it makes no further children.
  process_->signal(SIGSTOP);
  const std::vector<pid_t> children = children_of(process_->pid());
  for (const pid_t child : children) ::kill(child, SIGKILL);
  process_->kill();
  const bool ended = eventually([&] { return std::ranges::all_of(children, has_ended); });
  if (!ended) process_->fail("leaves processes");
  remove_shared_memory(directory_ / "data");
}

void PostgresServer::pause() {
  process_->signal(SIGSTOP);
  for (const pid_t child : children_of(process_->pid())) ::kill(child, SIGSTOP);
}

void PostgresServer::resume() {
  for (const pid_t child : children_of(process_->pid())) ::kill(child, SIGCONT);
  process_->signal(SIGCONT);
}

void PostgresServer::kill_and_move(const std::filesystem::path& directory) {
  kill();
  std::filesystem::create_directory(directory);
  for (const char* name : {"data", "log"}) {
    std::filesystem::rename(directory_ / name, directory / name);
  }
}

std::string PostgresServer::log() const { return process_->log(); }

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

PgBouncer::PgBouncer(const PostgresServer& server, const PostgresSettings& settings)
    : server_port_(server.port()) {
  const std::filesystem::path file = directory_ / "pgbouncer.ini";
  std::ofstream config(file);
  config << "[databases]\n* = host=127.0.0.1 user=postgres port=" << server_port_
         << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_.number()
         << "\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n";
  for (const auto& [name, value] : settings) config << name << " = " << value << '\n';
  config.close();
  start();
}

void PgBouncer::stop() { process_->kill(); }

void PgBouncer::start() {
  const std::filesystem::path file = directory_ / "pgbouncer.ini";
  std::vector<std::string> command = kDieWithParent;
  if (::geteuid() == 0) {
    // PgBouncer does not run as root. It needs no name and no rights, only its file.
    std::filesystem::permissions(directory_ / "", std::filesystem::perms(0755));
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    command.insert(command.end(), {"--reuid=65534", "--regid=65534", "--clear-groups"});
  }
  command.insert(command.end(), {"pgbouncer", file});
  process_.emplace(std::move(command), path_only(), directory_ / "log");
  process_->await("accept connections", [this] { return accepts_connections(port_.number()); });
}

std::string PgBouncer::url(const std::string& database_url) const {
  return local_url(port_.number(), database_url.substr(database_url.rfind('/') + 1));
}

}  // namespace tests
