#include "tests/crash/clients.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "common/http/client.h"
#include "tests/crash/trial.h"

namespace tests {
namespace {

using nlohmann::json;

constexpr int kPayers = 3;
constexpr std::uint64_t kMaxGroups = 25;       // of invoices that are added in one request
constexpr std::uint64_t kMaxInvoices = 4'000;  // no more groups than can have about as many

std::string id_of(const json& invoice) { return invoice.at("InvoiceId").get<std::string>(); }

// In contrast to 503 because the provider is unavailable.
bool is_database_unavailable(const common::HttpReply& reply) {
  return reply.status == 503 &&
         json::parse(reply.body).value("type", "") != "urn:problem:provider-unavailable";
}

common::HttpClient client_of(const std::string& url) {
  return common::HttpClient({.base_url = url,
                             .call_timeout = std::chrono::seconds(3),
                             .max_response_bytes = std::size_t{64} << 20U});
}

// The n-th group; always the same for a seed.
json group_of_invoices(std::uint64_t seed, std::uint64_t number, std::uint64_t most_invoices) {
  // DKK is refused; the others have 2, 0 and 3 decimals.
  constexpr std::array<const char*, 8> kCurrencies = {"EUR", "EUR", "EUR", "EUR",
                                                      "GBP", "JPY", "KWD", "DKK"};
  std::mt19937_64 random(seed * 1'013 + number);
  json invoices = json::array();
  for (std::uint64_t left = 1 + random() % most_invoices; left > 0; --left) {
    invoices.push_back({{"InvoiceId", "C" + std::to_string(number) + "-" + std::to_string(left)},
                        {"Value", 1 + static_cast<std::int64_t>(random() % 1'000'000)},
                        {"Currency", kCurrencies[random() % kCurrencies.size()]}});
  }
  return invoices;
}

bool is_same_money(const json& invoice, const json& payment) {
  return invoice.at("Value") == payment.at("value") &&
         invoice.at("Currency") == payment.at("currency");
}

// Checks that the counts in the body fit the status.
void check_pay_report(int status, const std::string& body) {
  const json report = json::parse(body);
  const std::int64_t refused = report.at("Refused");
  const std::int64_t pending = report.at("Pending");
  const bool is_consistent =
      report.at("Paid") >= 0 && (status == 200   ? pending + refused == 0
                                 : status == 502 ? pending == 0 && refused > 0
                                                 : pending > 0);
  if (!is_consistent) throw Violation("paying gave " + std::to_string(status) + " with " + body);
}

}  // namespace

Knowledge::Knowledge() {
  accepted(json::parse(R"([{"InvoiceId": "I1", "Value": 12.15, "Currency": "EUR"},
                           {"InvoiceId": "I2", "Value": 10.25, "Currency": "GBP"},
                           {"InvoiceId": "I3", "Value": 66.13, "Currency": "DKK"}])"));
}

Knowledge::Snapshot Knowledge::snapshot() const {
  const common::MutexLock lock(mutex_);
  return known_;
}

void Knowledge::attempt(const json& invoices) {
  const common::MutexLock lock(mutex_);
  for (const json& invoice : invoices) attempted_.insert(id_of(invoice));
}

std::set<std::string> Knowledge::attempted() const {
  const common::MutexLock lock(mutex_);
  return attempted_;
}

void Knowledge::accepted(const json& invoices) {
  const common::MutexLock lock(mutex_);
  for (const json& invoice : invoices) known_.accepted[id_of(invoice)] = invoice;
}

void Knowledge::paid(const std::set<std::string>& ids) {
  const common::MutexLock lock(mutex_);
  known_.paid.insert(ids.begin(), ids.end());
}

void Knowledge::payments(const std::map<std::string, json>& listed) {
  const common::MutexLock lock(mutex_);
  known_.payments.insert(listed.begin(), listed.end());
}

bool is_refusable(const json& invoice) { return invoice.at("Currency") == "DKK"; }

std::set<std::string> check_list(const json& list, const Knowledge::Snapshot& before) {
  std::map<std::string, json> listed;
  std::set<std::string> paid;
  for (const json& invoice : list) {
    const std::string id = id_of(invoice);
    if (!listed.emplace(id, invoice).second) throw Violation(id + " is listed twice");
    if (invoice.at("IsPaid") == true) paid.insert(id);
  }
  for (const auto& [id, sent] : before.accepted) {
    const auto found = listed.find(id);
    if (found == listed.end()) throw Violation(id + " was accepted, and is not listed");
    if (found->second.at("Value") != sent.at("Value") ||
        found->second.at("Currency") != sent.at("Currency")) {
      throw Violation(id + " was accepted as " + sent.dump() + " and is listed as " +
                      found->second.dump());
    }
  }
  for (const std::string& id : before.paid) {
    if (!paid.contains(id)) throw Violation(id + " was paid, and isn't any more");
  }
  return paid;
}

std::map<std::string, json> check_ledger_list(const json& ledger,
                                              const Knowledge::Snapshot& before) {
  std::map<std::string, json> payments;
  for (const json& payment : ledger) {
    const std::string id = payment.at("id");
    if (!payments.emplace(id, payment).second) throw Violation(id + " is paid twice");
    const auto invoice = before.accepted.find(id);
    if (invoice != before.accepted.end() && !is_same_money(invoice->second, payment)) {
      throw Violation(invoice->second.dump() + " is paid as " + payment.dump());
    }
  }
  for (const auto& [id, payment] : before.payments) {
    const auto found = payments.find(id);
    if (found == payments.end() || found->second != payment) {
      throw Violation(payment.dump() + " was in the ledger, and isn't any more");
    }
  }
  for (const std::string& id : before.paid) {
    if (!payments.contains(id)) throw Violation(id + " is called paid, and not in the ledger");
  }
  return payments;
}

Clients::Clients(const Replicas& replicas, Database database, std::uint64_t seed,
                 std::uint64_t most_invoices)
    : replicas_(replicas), database_(database), seed_(seed), most_invoices_(most_invoices) {
  const auto start = [&](void (Clients::*step)(Random&)) {
    const std::uint64_t own_seed = seed_ * 1'009 + threads_.size();
    threads_.emplace_back(
        [this, step, own_seed] { run([&](Random& random) { (this->*step)(random); }, own_seed); });
  };
  start(&Clients::add);
  start(&Clients::list);
  start(&Clients::list_ledger);
  for (int i = 0; i < kPayers; ++i) start(&Clients::pay);
}

Clients::~Clients() {
  begin_stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Clients::stop() {
  begin_stop();
  for (std::thread& thread : threads_) thread.join();
  const common::MutexLock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void Clients::run(const std::function<void(Random&)>& step, std::uint64_t seed) {
  try {
    for (std::uint64_t number = 0; !stop_; ++number) {
      std::seed_seq sequence{seed, number};
      Random random(sequence);
      step(random);
      ++calls_;
    }
  } catch (...) {
    const common::MutexLock lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

std::optional<common::HttpReply> Clients::reply_to(const common::HttpResult& result) const {
  const auto* reply = std::get_if<common::HttpReply>(&result);
  if (reply == nullptr) return std::nullopt;
  if (database_ == Database::kPostgres && is_database_unavailable(*reply)) return std::nullopt;
  return *reply;
}

common::HttpClient Clients::invoice_app(Random& random) const {
  const std::size_t route = random() % (2 * Replicas::kPerService);
  return client_of(route < Replicas::kPerService ? replicas_.invoice_app_url(route)
                                                 : replicas_.proxied_invoice_app_url());
}

// Sends a group until it is accepted. When all groups are added it sends old ones again, which
// must change nothing.
void Clients::add(Random& random) {
  const std::uint64_t groups = std::min(kMaxGroups, 1 + kMaxInvoices / most_invoices_);
  const bool is_new = next_group_ < groups;
  const json invoices =
      group_of_invoices(seed_, is_new ? next_group_++ : random() % groups, most_invoices_);
  knowledge_.attempt(invoices);
  while (!stop_) {
    const auto reply = reply_to(invoice_app(random).post("/invoices", {}, invoices.dump()));
    if (!reply) continue;
    if (reply->status != 200 && (reply->status != 201 || !is_new)) {
      throw Violation("adding gave " + std::to_string(reply->status) + ": " + reply->body);
    }
    knowledge_.accepted(invoices);
    return;
  }
}

void Clients::pay(Random& random) {
  const Knowledge::Snapshot before = knowledge_.snapshot();
  const auto reply = reply_to(invoice_app(random).post("/invoices/pay", {}, "", ""));
  if (!reply) return;
  check_pay_report(reply->status, reply->body);
  if (reply->status != 200 && reply->status != 502) return;
  // Nothing is pending, so all invoices that the provider doesn't refuse are paid.
  std::set<std::string> paid;
  for (const auto& [id, invoice] : before.accepted) {
    if (!is_refusable(invoice)) paid.insert(id);
  }
  knowledge_.paid(paid);
}

void Clients::list(Random& random) {
  const Knowledge::Snapshot before = knowledge_.snapshot();
  const auto reply = reply_to(invoice_app(random).get("/invoices"));
  if (!reply) return;
  if (reply->status != 200) {
    throw Violation("listing gave " + std::to_string(reply->status) + ": " + reply->body);
  }
  knowledge_.paid(check_list(json::parse(reply->body), before));
  ++lists_;
}

void Clients::list_ledger(Random& random) {
  const Knowledge::Snapshot before = knowledge_.snapshot();
  const std::string url = replicas_.provider_url(random() % Replicas::kPerService);
  const auto reply = reply_to(client_of(url).get("/payments"));
  if (!reply) return;
  if (reply->status != 200) {
    throw Violation("listing payments gave " + std::to_string(reply->status) + ": " + reply->body);
  }
  knowledge_.payments(check_ledger_list(json::parse(reply->body), before));
  ++lists_;
}

}  // namespace tests
