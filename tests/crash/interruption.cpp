#include "tests/crash/interruption.h"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "common/http/client.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Write {
  std::string url;
  std::string path;
  common::HttpHeaders headers;
  std::string body;
};

Write write_to(const Replicas& replicas, std::size_t process) {
  if (process < Replicas::kPerService) {
    return {.url = replicas.invoice_app_url(process),
            .path = "/invoices",
            .headers = {},
            .body = R"({"InvoiceId": "I1", "Value": 12.15, "Currency": "EUR"})"};
  }
  return {.url = replicas.provider_url(process - Replicas::kPerService),
          .path = "/payments/pay",
          .headers = {{"Idempotency-Key", "pay:I1:1"}},
          .body = R"({"id": "I1", "value": 12.15, "currency": "EUR"})"};
}

// The time at which the write was confirmed; nothing if the process does not listen. The last one
// that counts is long after the promise was broken.
std::optional<steady_clock::time_point> time_of(const Write& write) {
  common::HttpClient client({.base_url = write.url});
  const auto end = steady_clock::now() + 6 * kLongestInterruption;
  while (steady_clock::now() < end) {
    const auto result = client.post(write.path, write.headers, write.body);
    if (const auto* reply = std::get_if<common::HttpReply>(&result)) {
      if (reply->status == 200) break;
      std::this_thread::sleep_for(milliseconds(5));
    } else if (std::get<common::HttpFailure>(result).kind == common::HttpFailure::Kind::kNotSent) {
      return std::nullopt;
    }
  }
  return steady_clock::now();
}

}  // namespace

void Interruptions::add(const Interruptions& other) {
  count += other.count;
  longest = std::max(longest, other.longest);
}

Interruptions measure_interruptions(const Replicas& replicas,
                                    const std::vector<std::size_t>& processes,
                                    steady_clock::time_point since) {
  std::vector<std::optional<steady_clock::time_point>> times(processes.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    threads.emplace_back(
        [&times, i, write = write_to(replicas, processes[i])] { times[i] = time_of(write); });
  }
  for (std::thread& thread : threads) thread.join();
  Interruptions all;
  for (const auto& time : times) {
    if (time) all.add({1, std::chrono::ceil<milliseconds>(*time - since)});
  }
  return all;
}

}  // namespace tests
