#include "tests/support/fake_provider.h"

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

namespace tests {
namespace {

using std::chrono::steady_clock;

constexpr int kThreads = 4;
constexpr std::chrono::seconds kClientTimeout(5);  // a silent client holds a thread

std::size_t content_length(const std::string& head) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const std::size_t at = head.find(kName);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + kName.size()));
}

}  // namespace

FakeProvider::FakeProvider(Answer answer, const std::string& host)
    : answer_(std::move(answer)), listener_(host) {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { serve(); });
}

FakeProvider::~FakeProvider() {
  listener_.shut_down();
  for (std::thread& thread : threads_) thread.join();
}

void FakeProvider::set_answer(Answer answer) {
  const common::MutexLock lock(mutex_);
  answer_ = std::move(answer);
}

std::vector<FakeProvider::Request> FakeProvider::requests() const {
  const common::MutexLock lock(mutex_);
  return requests_;
}

void FakeProvider::serve() {
  while (auto connection = listener_.accept()) {
    const auto request = read(*connection);
    if (!request) continue;
    connection->write_all(answer_to(*request), steady_clock::now() + kClientTimeout);
    wait_for_close(*connection, steady_clock::now() + std::chrono::seconds(1));
  }
}

std::optional<FakeProvider::Request> FakeProvider::read(common::ConnectedSocket& connection) {
  constexpr std::string_view kEndOfHead = "\r\n\r\n";
  const auto deadline = steady_clock::now() + kClientTimeout;
  std::string received;
  std::array<char, 4096> buffer{};
  while (true) {
    const std::size_t end = received.find(kEndOfHead);
    if (end != std::string::npos) {
      Request request{.head = received.substr(0, end), .body = received.substr(end + 4)};
      if (request.body.size() >= content_length(request.head)) return request;
    }
    if (!connection.wait_readable(deadline)) return std::nullopt;
    const std::ptrdiff_t count = connection.read(buffer.data(), buffer.size());
    if (count <= 0) return std::nullopt;
    received.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::string FakeProvider::answer_to(const Request& request) {
  Answer answer;
  {
    const common::MutexLock lock(mutex_);
    requests_.push_back(request);
    answer = answer_;
  }
  return answer(request);
}

std::string http_answer(const std::string& status, const std::string& content_type,
                        const std::string& body, const std::string& more_headers) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: " + content_type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" +
         more_headers + "\r\n" + body;
}

bool is_batch(const FakeProvider::Request& request) {
  return request.head.starts_with("POST /payments/batch ");
}

std::string accepted(const FakeProvider::Request& request) {
  const auto body = nlohmann::json::parse(request.body);
  if (!is_batch(request)) {
    return http_answer("200 OK", "application/json", nlohmann::json{{"id", body["id"]}}.dump());
  }
  auto results = nlohmann::json::array();
  for (const auto& payment : body) {
    results.push_back(
        {{"id", payment["id"]}, {"idempotencyKey", payment["idempotencyKey"]}, {"status", 200}});
  }
  return http_answer("207 Multi-Status", "application/json", results.dump());
}

std::string accepted_one_by_one(const FakeProvider::Request& request) {
  if (!is_batch(request)) return accepted(request);
  return http_answer("404 Not Found", "text/plain", "404 page not found");
}

}  // namespace tests
