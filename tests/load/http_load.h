// Clients that send requests at the same time, and what they measured. One thread serves all of
// them, so that their number costs nothing but memory and descriptors.

#ifndef TESTS_LOAD_HTTP_LOAD_H_
#define TESTS_LOAD_HTTP_LOAD_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tests {

// A request without a response for this long has failed.
inline constexpr std::chrono::seconds kResponsePatience{2};

struct Measurement {
  std::vector<std::chrono::nanoseconds> latencies;  // of complete responses
  std::map<std::string, int> failures;  // by reason: no response, or a status other than 2xx
  // The server refused or closed the connection before the request was sent. Also in `failures`,
  // unless the client's plan expects it.
  int not_sent = 0;

  int failure_count() const;
  // The latency that this share of the responses (0 to 1) does not exceed, in ms; 0 without any.
  double milliseconds_at(double share) const;
};

// What one client does until the end: connect, then send a request, read the response, pause, and
// so on.
struct ClientPlan {
  int port = 0;                               // on 127.0.0.1
  std::function<std::string()> request;       // the bytes of the next request
  Measurement* measurement = nullptr;         // for the results of all clients of this plan
  std::chrono::microseconds start_spread{0};  // the clients start one by one during this time
  std::function<std::chrono::microseconds()> pause = nullptr;  // none: the next request follows
  bool keeps_connection = true;
  bool expects_stop = false;  // a server that refuses connections is no failure
};

class HttpLoad {
 public:
  HttpLoad();
  ~HttpLoad();
  HttpLoad(const HttpLoad&) = delete;
  HttpLoad& operator=(const HttpLoad&) = delete;

  void add(int clients, const ClientPlan& plan);

  // Lets all clients work for this time. Can be called again: the clients go on where they were.
  void run_for(std::chrono::milliseconds duration);

  // Counts the requests that have waited for a response too long. The last call.
  void finish();

 private:
  class Client;

  std::deque<ClientPlan> plans_;  // their addresses stay the same
  asio::io_context context_{1};
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);  // for long lists at a high rate
  std::vector<std::unique_ptr<Client>> clients_;
};

// As many as the process may have: thousands of connections need one each.
void raise_descriptor_limit();

// A request with the headers that a service requires.
std::string http_request(const std::string& method, const std::string& path,
                         const std::string& body = "", const std::string& host = "localhost");

// A pause that is always the same.
std::function<std::chrono::microseconds()> every(std::chrono::microseconds pause);

}  // namespace tests

#endif  // TESTS_LOAD_HTTP_LOAD_H_
