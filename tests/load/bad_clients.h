// Clients that hold connections: without being of use, or because they are slow. Each connects
// again when the server closes its connection. They have a thread of their own, which does little,
// so that they do not delay the clients that are measured.

#ifndef TESTS_LOAD_BAD_CLIENTS_H_
#define TESTS_LOAD_BAD_CLIENTS_H_

#include <asio/io_context.hpp>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace tests {

enum class Badness {
  kTricklingHead,    // a byte of a head now and then
  kTricklingBody,    // a complete head, then a byte of the body now and then
  kSilent,           // connects, and that is all
  kUnreadResponses,  // pipelines requests as fast as the server reads them, and reads nothing
  kSlowReader,       // reads the response at 10 KB/s
};

// For reports: "trickling heads".
std::string to_string(Badness badness);

struct BadClientsPlan {
  Badness badness;
  int count;
  int port;  // on 127.0.0.1
  std::string get_path;
  std::string post_path = {};
};

class BadClients {
 public:
  // Returns when all are connected, or the server has not accepted them for a second.
  explicit BadClients(const BadClientsPlan& plan);
  ~BadClients();  // closes all connections
  BadClients(const BadClients&) = delete;
  BadClients& operator=(const BadClients&) = delete;

  // How often the server closed one of the connections.
  int closed() const { return closed_; }
  std::int64_t bytes_read() const { return bytes_read_; }

 private:
  class Client;

  std::atomic<int> connected_ = 0;  // clients that have been connected
  std::atomic<int> closed_ = 0;
  std::atomic<std::int64_t> bytes_read_ = 0;
  asio::io_context context_{1};
  std::vector<std::unique_ptr<Client>> clients_;
  std::thread thread_;
};

}  // namespace tests

#endif  // TESTS_LOAD_BAD_CLIENTS_H_
