#include "tests/load/services.h"

#include <fstream>
#include <memory>
#include <utility>

#include "tests/load/http_load.h"

namespace tests {
namespace {

// A script that starts the binary with fewer descriptors: a service raises its own limit, but not
// over the hard limit.
std::filesystem::path limited(const std::filesystem::path& binary, int descriptors,
                              const std::filesystem::path& script) {
  std::ofstream(script) << "#!/bin/sh\nulimit -n " << descriptors << "\nexec '" << binary.string()
                        << "'\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  return script;
}

Variables with_database(Variables variables, const std::filesystem::path& file) {
  variables["DATABASE_URL"] = "sqlite:" + file.string();
  return variables;
}

}  // namespace

const Api kInvoiceApp{.binary = "invoice-app",
                      .list_path = "/invoices",
                      .add_path = "/invoices",
                      .new_element = [](int number) {
                        return R"({"InvoiceId":"N)" + std::to_string(number) +
                               R"(","Value":1.5,"Currency":"EUR"})";
                      }};

const Api kPaymentProvider{.binary = "payment-provider",
                           .list_path = "/payments",
                           .add_path = "/payments/pay",
                           .new_element = [](int number) {
                             return R"({"id":"N)" + std::to_string(number) +
                                    R"(","value":1.5,"currency":"EUR"})";
                           }};

RunningService::RunningService(const std::filesystem::path& binaries, const Api& api,
                               const Variables& variables, std::optional<int> descriptors)
    : api_(api),
      process_(descriptors ? limited(binaries / api.binary, *descriptors, directory_ / "start")
                           : binaries / api.binary,
               with_database(variables, directory_ / "data.db"), directory_ / "log") {
  process_.await_ready();
}

std::function<std::string()> lists_and_additions(const Api& api) {
  constexpr int kListsPerAddition = 3;
  return [&api, number = std::make_shared<int>(0)] {
    if (++*number % (kListsPerAddition + 1) != 0) return http_request("GET", api.list_path);
    return http_request("POST", api.add_path, api.new_element(*number));
  };
}

std::function<std::string()> gets(std::vector<std::string> paths) {
  return [paths = std::move(paths), number = std::make_shared<std::size_t>(0)] {
    return http_request("GET", paths.at((*number)++ % paths.size()));
  };
}

std::function<std::string()> probes() { return gets({"/livez", "/readyz", "/metrics"}); }

}  // namespace tests
