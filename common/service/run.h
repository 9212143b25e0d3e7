// main() of a service: command line, configuration, log, exit status.

#ifndef COMMON_SERVICE_RUN_H_
#define COMMON_SERVICE_RUN_H_

#include <prometheus/registry.h>

#include <exception>
#include <string>
#include <string_view>

#include "common/log/log.h"
#include "common/service/environment.h"
#include "common/service/service.h"
#include "common/storage/copy.h"

namespace common {

struct About {
  std::string_view name;
  std::string_view summary;          // for --help
  CopiedData (*data)() = nullptr;    // for --copy, --backup and --verify
  std::string_view audit_help = {};  // for --help; empty if the program has no --audit
};

// The metric NAME_build_info: 1, with the version as a label.
void add_build_info(prometheus::Registry& registry, const About& about);

// The steps of run(), which is the only caller.
enum class Command { kServe, kAudit, kCopy, kBackup, kVerify, kHelp, kVersion };
Command read_command(const About& about, int argc, char** argv);  // throws ConfigError
Environment environment_for(Command command);  // empty unless it serves, audits or makes a backup
int print_about(const About& about, Command command, const Environment& environment);
void prepare_process();
int copy(const About& about, const std::string& from, const std::string& to);
int back_up(const About& about, const DatabaseUrl& database, const std::string& file);
int verify(const About& about, const std::string& file);
void start_logging(const About& about, const ServiceConfig& config);
int print_error(const About& about, const std::exception& error, int exit_status);

// Reads the configuration with `read_config`, logs it without secrets, and passes it to `serve`,
// which returns when the service has stopped. SIGTERM and SIGINT are blocked when `serve` begins,
// and the only other thread writes the log. --help and --version are printed instead. --copy copies
// a database, --backup makes a backup of the configured database, --verify checks a backup, and
// --audit returns what `audit` returns for the configuration: there is no log.
//
// Returns 0; 1 if `serve` threw or a command failed; 2 for a bad argument or variable, or if
// `audit` threw. The reason is on standard error. `read_config` returns a value with a member
// `service` (ServiceConfig).
template <typename ReadConfig, typename Serve, typename Audit>
int run(int argc, char** argv, const About& about, ReadConfig read_config, Serve serve,
        Audit audit) {
  int status_of_failure = 1;
  try {
    const Command command = read_command(about, argc, argv);
    if (command == Command::kCopy) return copy(about, argv[2], argv[3]);
    if (command == Command::kVerify) return verify(about, argv[2]);
    Environment environment = environment_for(command);
    const auto config = read_config(environment);
    if (command == Command::kHelp || command == Command::kVersion) {
      return print_about(about, command, environment);
    }
    if (command == Command::kBackup) return back_up(about, config.service.database, argv[2]);

    prepare_process();
    if (command == Command::kAudit) {
      status_of_failure = 2;
      return audit(config);
    }
    block_stop_signals();
    start_logging(about, config.service);
    serve(config);
    log_info("stopped");
    return stop_logging(0);
  } catch (const ConfigError& error) {
    return print_error(about, error, 2);
  } catch (const std::exception& error) {
    return stop_logging(print_error(about, error, status_of_failure));
  }
}

// For a program without --audit.
template <typename ReadConfig, typename Serve>
int run(int argc, char** argv, const About& about, ReadConfig read_config, Serve serve) {
  return run(argc, argv, about, read_config, serve, [](const auto& /*config*/) { return 2; });
}

}  // namespace common

#endif  // COMMON_SERVICE_RUN_H_
