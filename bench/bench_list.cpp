// Memory and time that invoice-app needs for a list of N invoices, and the time of a start: as a
// process, with a database on disk.
//
//   bench_list [INVOICES]
//
// Fails if resident memory grows by more than 32 MB, or a start takes more than 200 ms.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include "tests/support/api.h"
#include "tests/support/service_process.h"

namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;
using std::chrono::steady_clock;

constexpr long kMaxGrowthKilobytes = 32 * 1000;
constexpr double kMaxStartMs = 200;

void run(int count) {
  const tests::TemporaryDirectory directory;
  const auto start = [&] {
    return tests::ServiceProcess(
        INVOICE_APP_BINARY,
        {{"DATABASE_URL", "sqlite:" + (directory / "invoices.db").string()},
         {"SEED_INVOICES", "false"}},
        directory / "invoice-app.log");
  };
  {
    tests::ServiceProcess filler = start();
    filler.await_ready();
    tests::add_invoices(filler.url(), "L", count);
    filler.stop();
  }
  const auto started = steady_clock::now();
  tests::ServiceProcess invoice_app = start();
  invoice_app.await_ready();
  const double start_ms = Milliseconds(steady_clock::now() - started).count();

  const long before = invoice_app.status("VmRSS");
  const auto requested = steady_clock::now();
  const auto reply =
      tests::expect_status(tests::patient_client(invoice_app.url()).get("/invoices"), 200);
  const double list_ms = Milliseconds(steady_clock::now() - requested).count();
  const long growth = invoice_app.status("VmHWM") - before;
  const auto listed = std::count(reply.body.begin(), reply.body.end(), '{');

  std::cout << "start to ready: " << static_cast<int>(start_ms) << " ms\n"
            << "list of " << listed << " invoices: " << reply.body.size() / 1'000'000 << " MB in "
            << static_cast<int>(list_ms) << " ms; resident memory " << before << " kB, at most "
            << growth << " kB more during the list\n";
  if (listed != count) throw std::runtime_error("the list is not complete");
  if (growth > kMaxGrowthKilobytes) throw std::runtime_error("that is too much memory");
  if (start_ms > kMaxStartMs) throw std::runtime_error("that is a slow start");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 ? static_cast<int>(std::strtol(argv[1], nullptr, 10)) : 1'000'000);
  } catch (const std::exception& error) {
    std::cerr << "bench_list: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
