#include "common/service/run.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <csignal>
#include <iostream>
#include <optional>
#include <string>

namespace common {

Command read_command(int argc, char** argv) {
  if (argc <= 1) return Command::kServe;
  if (argc > 2) throw ConfigError("argument", argv[2], "one argument");
  const std::string argument = argv[1];
  if (argument == "--version") return Command::kVersion;
  if (argument == "--help" || argument == "-h") return Command::kHelp;
  throw ConfigError("argument", argument, "--help|--version");
}

Environment environment_for(Command command) {
  if (command == Command::kServe) return Environment();
  return Environment([](const std::string&) { return std::nullopt; });
}

int print_about(const About& about, Command command, const Environment& environment) {
  if (command == Command::kVersion) {
    std::cout << about.name << ' ' << PROJECT_VERSION << '\n';
  } else {
    std::cout << about.name << ": " << about.summary << "\n\nUsage: " << about.name
              << " [--help | --version]\n\nConfigured by environment variables:\n"
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
  block_stop_signals();
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
