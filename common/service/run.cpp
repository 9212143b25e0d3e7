#include "common/service/run.h"

#include <fcntl.h>
#include <prometheus/gauge.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "common/money/currency.h"
#include "common/money/money.h"
#include "common/storage/backup.h"

namespace common {
namespace {

constexpr const char* kCommandHelp =
    "--copy copies all data into another database, which must be new or empty, and ends.\n"
    "Before, stop all replicas of both services. The URLs are as in DATABASE_URL. If one has a\n"
    "password, put it into a file: file:PATH stands for the URL in this file.\n"
    "--backup writes the database of DATABASE_URL, which may be in use, into a new SQLite file.\n"
    "--verify checks such a file. To restore it, copy it into a new database.\n";

// A URL after --copy.
DatabaseUrl read_url(const std::string& argument) {
  constexpr std::string_view kFile = "file:";
  const bool is_file = argument.starts_with(kFile);
  const auto text = is_file ? read_secret(argument.substr(kFile.size())) : argument;
  auto url = text ? DatabaseUrl::parse(*text) : std::nullopt;
  if (url) return *url;
  throw ConfigError("URL after --copy", argument,
                    std::string(kDatabaseUrlSyntax) + ", or file:PATH of a file with such a URL");
}

// The file after --backup or --verify.
void check_file(const std::string& option, int argc, char** argv) {
  if (argc != 3) {
    throw ConfigError("number of files after " + option, std::to_string(argc - 2), "1");
  }
  const std::string file = argv[2];
  if (file.empty() || DatabaseUrl::parse(file)) {
    throw ConfigError("file after " + option, file, "a path");
  }
}

void print_content(const BackupContent& content, const CopiedData& data) {
  std::cout << "schema version " << content.schema_version << "; " << data.tables.front().name
            << " by currency:\n";
  for (const auto& [key, total] : content.totals) {
    const auto& [code, status] = key;
    const auto currency = Currency::find_any(code);
    const std::string minor_units = total.sum.minor_units();
    std::cout << code << (status.empty() ? "" : " " + status) << ": " << total.rows << ", sum "
              << (currency ? to_decimal(minor_units, *currency) : minor_units + " minor units")
              << '\n';
  }
}

class Stopwatch {
 public:
  // "1.5 s"
  std::string time() const {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin_;
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << taken.count() << " s";
    return text.str();
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

void add_build_info(prometheus::Registry& registry, const About& about) {
  std::string name(about.name);
  std::replace(name.begin(), name.end(), '-', '_');
  prometheus::BuildGauge()
      .Name(name + "_build_info")
      .Help("1. The label has the version of the program.")
      .Register(registry)
      .Add({{"version", PROJECT_VERSION}})
      .Set(1);
}

Command read_command(const About& about, int argc, char** argv) {
  if (argc <= 1) return Command::kServe;
  const std::string argument = argv[1];
  if (argument == "--copy") {
    if (argc == 4) return Command::kCopy;
    throw ConfigError("number of URLs after --copy", std::to_string(argc - 2),
                      "2, as in --copy FROM_URL TO_URL");
  }
  if (argument == "--backup" || argument == "--verify") {
    check_file(argument, argc, argv);
    return argument == "--backup" ? Command::kBackup : Command::kVerify;
  }
  if (argc > 2) throw ConfigError("argument", argv[2], "one argument");
  const bool has_audit = !about.audit_help.empty();
  if (argument == "--audit" && has_audit) return Command::kAudit;
  if (argument == "--version") return Command::kVersion;
  if (argument == "--help" || argument == "-h") return Command::kHelp;
  throw ConfigError(
      "argument", argument,
      std::string(has_audit ? "--audit|" : "") + "--copy|--backup|--verify|--help|--version");
}

Environment environment_for(Command command) {
  const bool needs_it =
      command == Command::kServe || command == Command::kAudit || command == Command::kBackup;
  if (needs_it) return Environment();
  return Environment([](const std::string&) { return std::nullopt; });
}

int print_about(const About& about, Command command, const Environment& environment) {
  if (command == Command::kVersion) {
    std::cout << about.name << ' ' << PROJECT_VERSION << '\n';
  } else {
    std::cout << about.name << ": " << about.summary << "\n\nUsage: " << about.name << " ["
              << (about.audit_help.empty() ? "" : "--audit | ")
              << "--copy FROM_URL TO_URL | --backup FILE | --verify FILE | --help | --version]\n\n"
              << about.audit_help << kCommandHelp << "\nConfigured by environment variables:\n"
              << environment.help();
  }
  return 0;
}

// A closed standard stream is opened, so that no other file gets its number: the log would be
// written into a database that SQLite opens as number 1.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDWR);  // the lowest free number
  }
}

// As many descriptors as the system allows: each connection needs one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void prepare_process() {
  open_standard_streams();
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): can't fail for SIGPIPE
  // A write over the limit of a file's size (ulimit -f) fails, as on a full disk. By default it
  // would end the process.
  std::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c): can't fail for SIGXFSZ
#ifdef __GLIBC__
  // Large blocks go back to the system when they are freed. By default glibc raises this threshold
  // as blocks are freed, and the arena of each thread keeps tens of MiB.
  constexpr int kLargeBlockBytes = 256 * 1024;
  mallopt(M_MMAP_THRESHOLD, kLargeBlockBytes);  // NOLINT(concurrency-mt-unsafe): no threads yet
#endif
}

int copy(const About& about, const std::string& from, const std::string& to) {
  const DatabaseUrl source = read_url(from);
  const DatabaseUrl target = read_url(to);
  const CopiedData data = about.data();
  prepare_process();
  const Stopwatch stopwatch;
  const std::int64_t rows = copy_data(source, target, data);
  std::cout << about.name << ": copied " << rows << " rows of " << data.tables.front().name
            << " from " << source.description << " to " << target.description << " in "
            << stopwatch.time() << ". Counts and sums are equal.\n";
  return 0;
}

int back_up(const About& about, const DatabaseUrl& database, const std::string& file) {
  const CopiedData data = about.data();
  prepare_process();
  const Stopwatch stopwatch;
  const BackupContent content = make_backup(database, file, data);
  std::cout << about.name << ": backup of " << database.description << " in " << file
            << ", made in " << stopwatch.time() << ": ";
  print_content(content, data);
  return 0;
}

int verify(const About& about, const std::string& file) {
  const CopiedData data = about.data();
  prepare_process();
  const BackupContent content = check_backup(file, data);
  std::cout << about.name << ": " << file << " is intact: ";
  print_content(content, data);
  return 0;
}

void start_logging(const About& about, const ServiceConfig& config) {
  init_logging(std::string(about.name), config.log_level, config.log_format);
  log_info("starting", {{"version", PROJECT_VERSION},
                        {"database", config.database.description},
                        {"token", config.provider_token ? "set" : "none"},
                        {"http_threads", config.http_threads}});
}

int print_error(const About& about, const std::exception& error, int exit_status) {
  log_error("service failed",
            {{"error", error.what()}});  // also for readers of standard output alone
  std::cerr << about.name << ": " << error.what() << '\n';
  return exit_status;
}

}  // namespace common
