#include "bench/pairs.h"

#include <array>
#include <fstream>
#include <future>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "bench/stores.h"
#include "common/base/clock.h"
#include "tests/support/api.h"

namespace bench {
namespace {

// SQLite's file change counter: bytes 24 to 27 of the file, big-endian. With a rollback journal,
// every commit that changes the file increments it.
// Source: https://www.sqlite.org/fileformat.html#file_change_counter
std::uint64_t read_change_counter(const std::string& file) {
  constexpr std::streamoff kOffset = 24;
  std::array<char, 4> bytes{};
  std::ifstream(file, std::ios::binary).seekg(kOffset).read(bytes.data(), bytes.size());
  std::uint64_t counter = 0;
  for (const char byte : bytes) counter = counter << 8U | static_cast<unsigned char>(byte);
  return counter;
}

// Calls `use` with each element of a store, which is read in pages.
void for_each(auto& store, auto use) {
  constexpr std::size_t kPage = 10'000;
  std::int64_t after = 0;
  while (true) {
    const auto page = store.list(after, kPage);
    if (page.empty()) return;
    for (const auto& element : page) use(element);
    after = page.back().sequence;
  }
}

}  // namespace

Pairs::Pairs(const Programs& programs, const PairsOptions& options)
    : sync_counter_(options.counts_syncs ? programs.sync_counter : ""),
      payments_url_(database_url(options.server, database("payments"))),
      invoices_url_(database_url(options.server, database("invoices"))) {
  const auto& provider = options.has_batch ? programs.provider : programs.provider_without_batch;
  for (int i = 0; i < options.count; ++i) {
    providers_.push_back(start(provider, "payments", payments_url_, {}));
    invoice_apps_.push_back(start(programs.invoice_app, "invoices", invoices_url_,
                                  {{"PAYMENT_PROVIDER_URL", providers_.back()->url()},
                                   {"SEED_INVOICES", "false"},
                                   {"PAY_WAIT_SECONDS", "300"}}));
    clients_.push_back(tests::patient_client(invoice_apps_.back()->url()));
  }
}

void Pairs::add(int count) {
  tests::add_invoices(invoice_apps_.front()->url(), "B" + std::to_string(added_) + "-", count);
  added_ += count;
}

Seconds Pairs::pay() {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::future<void>> others;
  const auto call = [](common::HttpClient& client) {
    tests::expect_status(client.post("/invoices/pay", {}, ""), 200);
  };
  for (std::size_t i = 1; i < clients_.size(); ++i) {
    others.push_back(std::async(std::launch::async, call, std::ref(clients_[i])));
  }
  call(clients_.front());
  for (auto& other : others) other.get();
  return std::chrono::steady_clock::now() - start;
}

void Pairs::check_paid_once() const {
  const common::SystemClock clock;
  const auto invoices = open_invoices(invoices_url_, clock);
  const auto ledger = open_ledger(payments_url_, clock);
  std::unordered_map<std::string, common::Money> payments;
  for_each(*ledger, [&](const auto& payment) {
    if (!payments.emplace(payment.invoice_id, payment.amount).second) {
      throw std::runtime_error("paid twice: " + payment.invoice_id);
    }
  });
  int count = 0;
  for_each(*invoices, [&](const auto& invoice) {
    const auto payment = payments.find(invoice.id);
    if (!invoice.is_paid() || payment == payments.end() || payment->second != invoice.amount) {
      throw std::runtime_error("not paid, or with a different amount: " + invoice.id);
    }
    ++count;
  });
  if (count != added_ || payments.size() != static_cast<std::size_t>(count)) {
    throw std::runtime_error("invoices are missing, or there are payments for no invoice");
  }
}

Pairs::Process Pairs::start(const std::filesystem::path& program, const std::string& name,
                            const std::string& url, tests::Variables variables) {
  variables["DATABASE_URL"] = url;
  if (!sync_counter_.empty()) {
    variables["LD_PRELOAD"] = sync_counter_;
    variables["SYNCS_FILE"] = syncs_file(name);
  }
  auto process = std::make_unique<tests::ServiceProcess>(program, std::move(variables),
                                                         directory_ / (name + ".log"));
  process->await_ready();
  return process;
}

Writes Pairs::writes(const std::string& name) const {
  return {.commits = read_change_counter(database(name)),
          .syncs = sync_counter_.empty() ? 0 : std::filesystem::file_size(syncs_file(name))};
}

}  // namespace bench
