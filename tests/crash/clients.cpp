#include "tests/crash/clients.h"

#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "common/http_client.h"
#include "tests/crash/trial.h"

namespace tests {
namespace {

using nlohmann::json;

constexpr int kPayers = 3;
constexpr int kMaxBatch = 40;
constexpr int kMaxInvoices = 500;

std::string id_of(const json& invoice) { return invoice.at("InvoiceId").get<std::string>(); }

// Client calls fail all the time here: what is killed doesn't answer.
std::optional<common::HttpReply> reply_to(const common::HttpResult& result) {
  const auto* reply = std::get_if<common::HttpReply>(&result);
  return reply == nullptr ? std::nullopt : std::optional(*reply);
}

common::HttpClient client_of(const std::string& url) {
  return common::HttpClient({.base_url = url,
                             .call_timeout = std::chrono::seconds(3),
                             .max_response_bytes = std::size_t{64} << 20U});
}

json new_invoice(std::int64_t number, std::mt19937_64& random) {
  // DKK is refused; the others have 2, 0 and 3 decimals.
  constexpr std::array<const char*, 8> kCurrencies = {"EUR", "EUR", "EUR", "EUR",
                                                      "GBP", "JPY", "KWD", "DKK"};
  return {{"InvoiceId", "C" + std::to_string(number)},
          {"Value", 1 + static_cast<std::int64_t>(random() % 1'000'000)},
          {"Currency", kCurrencies[random() % kCurrencies.size()]}};
}

}  // namespace

Knowledge::Snapshot Knowledge::snapshot() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

void Knowledge::attempt(const json& invoices) {
  const std::lock_guard lock(mutex_);
  for (const json& invoice : invoices) attempted_.insert(id_of(invoice));
}

std::set<std::string> Knowledge::attempted() const {
  const std::lock_guard lock(mutex_);
  return attempted_;
}

void Knowledge::accepted(const json& invoices) {
  const std::lock_guard lock(mutex_);
  for (const json& invoice : invoices) known_.accepted[id_of(invoice)] = invoice;
}

void Knowledge::paid(const std::set<std::string>& ids) {
  const std::lock_guard lock(mutex_);
  known_.paid.insert(ids.begin(), ids.end());
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

Clients::Clients(const Cluster& cluster, std::uint64_t seed) : cluster_(cluster) {
  const auto start = [&](void (Clients::*step)(Random&)) {
    const std::uint64_t own_seed = seed * 1'009 + threads_.size();
    threads_.emplace_back(
        [this, step, own_seed] { run([&](Random& random) { (this->*step)(random); }, own_seed); });
  };
  start(&Clients::add);
  start(&Clients::list);
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
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void Clients::run(const std::function<void(Random&)>& step, std::uint64_t seed) {
  Random random(seed);
  try {
    while (!stop_) {
      step(random);
      ++calls_;
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

// Sends a batch until it is taken: adding again what may be there already is safe.
void Clients::add(Random& random) {
  if (next_id_ >= kMaxInvoices) return list(random);
  json invoices = json::array();
  for (std::uint64_t count = 1 + random() % kMaxBatch; count > 0; --count) {
    invoices.push_back(new_invoice(next_id_++, random));
  }
  knowledge_.attempt(invoices);
  while (!stop_) {
    auto client = client_of(cluster_.invoice_app_url(random() % Cluster::kReplicas));
    const auto reply = reply_to(client.post("/invoices", {}, invoices.dump()));
    if (reply && (reply->status == 200 || reply->status == 201)) {
      knowledge_.accepted(invoices);
      return;
    }
    if (reply) {
      throw Violation("adding gave " + std::to_string(reply->status) + ": " + reply->body);
    }
  }
}

void Clients::pay(Random& random) {
  const Knowledge::Snapshot before = knowledge_.snapshot();
  auto client = client_of(cluster_.invoice_app_url(random() % Cluster::kReplicas));
  const auto reply = reply_to(client.post("/invoices/pay", {}, "", ""));
  if (!reply || reply->status == 202 || reply->status == 503) return;
  if (reply->status != 200 && reply->status != 502) {
    throw Violation("paying gave " + std::to_string(reply->status) + ": " + reply->body);
  }
  // All that was due has ended, so what the provider takes is paid.
  std::set<std::string> paid;
  for (const auto& [id, invoice] : before.accepted) {
    if (!is_refusable(invoice)) paid.insert(id);
  }
  knowledge_.paid(paid);
}

void Clients::list(Random& random) {
  const Knowledge::Snapshot before = knowledge_.snapshot();
  auto client = client_of(cluster_.invoice_app_url(random() % Cluster::kReplicas));
  const auto reply = reply_to(client.get("/invoices"));
  if (!reply) return;
  if (reply->status != 200) {
    throw Violation("listing gave " + std::to_string(reply->status) + ": " + reply->body);
  }
  knowledge_.paid(check_list(json::parse(reply->body), before));
  ++lists_;
}

}  // namespace tests
