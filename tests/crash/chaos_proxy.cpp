#include "tests/crash/chaos_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "tests/crash/batch_damage.h"

namespace tests {

using common::ConnectedSocket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// All functions return false when the connection must be closed.
class ChaosProxy::Relay {
 public:
  Relay(ChaosProxy& proxy, ConnectedSocket client, Random random)
      : proxy_(proxy),
        client_(std::move(client)),
        random_(random),
        upstream_(connect_to("127.0.0.1",
                             proxy.upstream_ports_[random_() % proxy.upstream_ports_.size()])) {}

  // Until one side closes, or the proxy stops.
  void run() {
    while (true) {
      std::array<pollfd, 3> fds = {
          pollfd{.fd = client_.fd(), .events = POLLIN, .revents = 0},
          pollfd{.fd = upstream_.fd(), .events = POLLIN, .revents = 0},
          pollfd{.fd = proxy_.stop_.get(), .events = POLLIN, .revents = 0}};
      ::poll(fds.data(), fds.size(), -1);
      if (fds[2].revents != 0) return;
      if (fds[0].revents != 0 && !pass_request()) return;
      if (fds[1].revents != 0 && !pass_response()) return;
    }
  }

 private:
  bool pass_request() {
    const std::string bytes = read(client_);
    if (bytes.empty()) return false;
    if (batch_.empty() && !is_batch(bytes)) return pass(bytes, client_, upstream_);
    batch_ += bytes;
    if (!is_complete(batch_)) return true;
    const std::string batch = std::exchange(batch_, {});
    if (!proxy_.accepts_batches_) {
      return client_.write_all(no_such_endpoint(random_), write_deadline());
    }
    awaits_results_ = true;
    return pass(may_damage() ? shorten(batch, random_) : batch, client_, upstream_);
  }

  bool pass_response() {
    const std::string bytes = read(upstream_);
    if (!awaits_results_) return !bytes.empty() && pass(bytes, upstream_, client_);
    results_ += bytes;
    if (bytes.empty()) {  // the upstream broke off
      pass(results_, upstream_, client_);
      return false;
    }
    if (!is_complete(results_)) return true;
    ++proxy_.batches_;
    awaits_results_ = false;
    const std::string results = std::exchange(results_, {});
    return pass(may_damage() ? damage(results, random_) : results, upstream_, client_);
  }

  bool may_damage() {
    constexpr unsigned kPercent = 15;
    if (proxy_.calm_ || random_() % 100 >= kPercent) return false;
    ++proxy_.harmed_;
    return true;
  }

  // Passes the bytes on or harms them.
  bool pass(std::string_view bytes, ConnectedSocket& from, ConnectedSocket& to) {
    const auto percent = random_() % 100;
    if (proxy_.calm_ || percent >= 10) return to.write_all(bytes, write_deadline());
    ++proxy_.harmed_;
    if (percent < 4) {  // delayed
      if (from.wait_readable(steady_clock::now() + milliseconds(random_() % 30))) return false;
      return to.write_all(bytes, write_deadline());
    }
    if (percent < 6) {  // truncated
      to.write_all(bytes.substr(0, bytes.size() / 2), write_deadline());
    } else if (percent < 8) {  // passed on, and then nothing more in either direction
      to.write_all(bytes, write_deadline());
    } else if (percent < 9) {  // reset
      reset_when_closed(from);
      reset_when_closed(to);
    }
    return false;  // 9: closed, and nothing is passed on
  }

  // Empty when the peer has closed.
  static std::string read(ConnectedSocket& from) {
    std::array<char, 16 * 1024> buffer{};
    const std::ptrdiff_t count = from.read(buffer.data(), buffer.size());
    return {buffer.data(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, count))};
  }

  static steady_clock::time_point write_deadline() {
    return steady_clock::now() + milliseconds(1000);
  }

  ChaosProxy& proxy_;
  ConnectedSocket client_;
  Random random_;
  ConnectedSocket upstream_;
  std::string batch_;  // what has arrived of a batch
  bool awaits_results_ = false;
  std::string results_;  // what has arrived of its response
};

ChaosProxy::ChaosProxy(std::vector<int> upstream_ports, std::uint64_t seed)
    : upstream_ports_(std::move(upstream_ports)),
      seed_(seed),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      acceptor_([this] { accept(); }) {}

ChaosProxy::~ChaosProxy() {
  listener_.shut_down();
  ::eventfd_write(stop_.get(), 1);
  acceptor_.join();
  for (std::thread& relay : relays_) relay.join();
}

void ChaosProxy::accept() {
  for (std::uint64_t number = 0; auto connection = listener_.accept(); ++number) {
    relays_.emplace_back([this, client = std::move(*connection),
                          random = Random(seed_ * 1'000'003 + number)]() mutable {
      try {
        Relay(*this, std::move(client), random).run();
      } catch (const std::system_error&) {  // no upstream there: closes the client's connection
      }
    });
  }
}

}  // namespace tests
