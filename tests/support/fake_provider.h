// A payment provider whose answers are the bytes of a test, including those that no HTTP server
// would send. Thread-safe.

#ifndef TESTS_SUPPORT_FAKE_PROVIDER_H_
#define TESTS_SUPPORT_FAKE_PROVIDER_H_

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/http/connected_socket.h"
#include "tests/support/sockets.h"

namespace tests {

class FakeProvider {
 public:
  struct Request {
    std::string head;
    std::string body;
  };
  // The bytes to send for a request. The connection is closed after them. Called concurrently.
  using Answer = std::function<std::string(const Request&)>;

  explicit FakeProvider(Answer answer, const std::string& host = "127.0.0.1");
  ~FakeProvider();
  FakeProvider(const FakeProvider&) = delete;
  FakeProvider& operator=(const FakeProvider&) = delete;

  std::string url() const { return listener_.url(); }

  // For all later requests.
  void set_answer(Answer answer);
  std::vector<Request> requests() const;

  // The next request of a client that doesn't pipeline; nothing when none comes.
  static std::optional<Request> read(common::ConnectedSocket& connection);

 private:
  void serve();
  std::string answer_to(const Request& request);

  mutable common::Mutex mutex_;
  Answer answer_ GUARDED_BY(mutex_);
  std::vector<Request> requests_ GUARDED_BY(mutex_);
  Listener listener_;
  std::vector<std::thread> threads_;
};

// An HTTP answer with a Content-Length.
std::string http_answer(const std::string& status, const std::string& content_type,
                        const std::string& body, const std::string& more_headers = "");

// Whether it is a request to POST /payments/batch.
bool is_batch(const FakeProvider::Request& request);

// The answer of a provider that accepts the payment, or all payments of a batch.
std::string accepted(const FakeProvider::Request& request);

// The same for a provider without POST /payments/batch, as of the original exercise.
std::string accepted_one_by_one(const FakeProvider::Request& request);

}  // namespace tests

#endif  // TESTS_SUPPORT_FAKE_PROVIDER_H_
