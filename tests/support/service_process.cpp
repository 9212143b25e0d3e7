#include "tests/support/service_process.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <utility>

#include "common/http/client.h"

namespace tests {
namespace {

Variables with_defaults(Variables variables, const std::filesystem::path& port_file) {
  variables.try_emplace("PORT", "0");
  variables.try_emplace("ADMIN_PORT", "0");
  variables["PORT_FILE"] = port_file;
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): none are set
    if (value != nullptr) variables.try_emplace(name, value);
  }
  return variables;
}

}  // namespace

std::optional<Ports> read_port_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  const auto next_value = [&file] {
    int value = 0;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '=') >> value;
    return value;
  };
  const Ports ports{.port = next_value(), .admin_port = next_value()};
  return file ? std::optional(ports) : std::nullopt;
}

ServiceProcess::ServiceProcess(const std::string& binary, Variables variables,
                               std::filesystem::path log_file)
    : process_({binary}, with_defaults(std::move(variables), directory_ / "ports"),
               std::move(log_file)) {}

void ServiceProcess::await_listening() {
  process_.await("listen", [this] {
    const auto ports = read_port_file(directory_ / "ports");
    ports_ = ports.value_or(Ports{});
    return ports.has_value();
  });
}

void ServiceProcess::await_ready() {
  await_listening();
  common::HttpClient admin({.base_url = admin_url()});
  process_.await("get ready", [&] {
    const auto result = admin.get("/readyz");
    const auto* reply = std::get_if<common::HttpReply>(&result);
    return reply != nullptr && reply->status == 200;
  });
}

long ServiceProcess::status(const std::string& name) const {
  std::ifstream file("/proc/" + std::to_string(pid()) + "/status");
  for (std::string word; file >> word;) {
    long value = 0;
    if (word == name + ":" && file >> value) return value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  process_.fail("has no " + name + " in /proc");
}

}  // namespace tests
