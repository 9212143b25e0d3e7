// The services that the load is put on, and the requests that their clients send.

#ifndef TESTS_LOAD_SERVICES_H_
#define TESTS_LOAD_SERVICES_H_

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/service_process.h"
#include "tests/support/temporary_directory.h"

namespace tests {

// What is different between the two services.
struct Api {
  std::string binary;
  std::string list_path;
  std::string add_path;
  std::string (*new_element)(int number);  // the body of a valid POST to add_path
};
extern const Api kInvoiceApp;
extern const Api kPaymentProvider;

// A service with a database of its own, ready when the constructor returns.
class RunningService {
 public:
  // With `descriptors`, the process cannot have more file descriptors than that.
  RunningService(const std::filesystem::path& binaries, const Api& api,
                 const Variables& variables = {}, std::optional<int> descriptors = std::nullopt);

  ServiceProcess& process() { return process_; }
  int port() const { return process_.port(); }
  int admin_port() const { return process_.admin_port(); }
  const Api& api() const { return api_; }

 private:
  const Api& api_;
  const TemporaryDirectory directory_;
  ServiceProcess process_;
};

// GETs of the list, and every fourth time an addition. One function per service: it numbers the
// additions.
std::function<std::string()> lists_and_additions(const Api& api);

// GETs of these paths in turn.
std::function<std::string()> gets(std::vector<std::string> paths);
std::function<std::string()> probes();  // /livez, /readyz and /metrics

}  // namespace tests

#endif  // TESTS_LOAD_SERVICES_H_
