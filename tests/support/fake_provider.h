// A payment provider that answers whatever a test wants, byte by byte, also what no HTTP server
// would send.

#ifndef TESTS_SUPPORT_FAKE_PROVIDER_H_
#define TESTS_SUPPORT_FAKE_PROVIDER_H_

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/http/tcp.h"

namespace tests {

class FakeProvider {
 public:
  struct Request {
    std::string head;
    std::string body;
  };
  // The bytes to send for a request; the connection is closed after them. Called by several threads
  // at one time.
  using Answer = std::function<std::string(const Request&)>;

  explicit FakeProvider(Answer answer);
  ~FakeProvider();
  FakeProvider(const FakeProvider&) = delete;
  FakeProvider& operator=(const FakeProvider&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }

  // What it answers from now on.
  void set_answer(Answer answer);
  std::vector<Request> requests() const;

  // The next request on a connection whose client waits for each answer; nothing when none comes.
  static std::optional<Request> read(common::TcpConnection& connection);

 private:
  void serve();
  std::string answer_to(const Request& request);

  mutable std::mutex mutex_;
  Answer answer_;                  // guarded by mutex_
  std::vector<Request> requests_;  // guarded by mutex_
  common::TcpListener listener_;
  std::vector<std::thread> threads_;
};

// An HTTP answer with a Content-Length.
std::string http_answer(const std::string& status, const std::string& content_type,
                        const std::string& body, const std::string& more_headers = "");

// What a provider answers that took the payment.
std::string accepted(const FakeProvider::Request& request);

}  // namespace tests

#endif  // TESTS_SUPPORT_FAKE_PROVIDER_H_
