#include "common/http/client.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/fault_point.h"
#include "common/http/address_lookup.h"
#include "common/http/base_url.h"
#include "common/http/connected_socket.h"
#include "common/http/httplib_stream.h"

namespace common {
namespace {

using std::chrono::steady_clock;

BaseUrl require_base_url(const std::string& text) {
  auto url = parse_base_url(text);
  if (!url) throw std::invalid_argument("not an http URL: " + text);
  return std::move(*url);
}

struct CallLimits {
  steady_clock::time_point deadline = {};
  std::size_t max_bytes = 0;  // of the whole response: head, body and framing
};

// The connection during one call.
class CallStream final : public HttplibStream {
 public:
  CallStream(ConnectedSocket& connection, const CallLimits& limits)
      : connection_(connection), limits_(limits), bytes_left_(limits.max_bytes) {}

  // Collects the pieces that the library writes; receive() sends them.
  ssize_t write(const char* from, size_t size) override {
    unsent_.append(from, size);
    return static_cast<ssize_t>(size);
  }

  using HttplibStream::has_input;
  bool has_ended() const { return has_ended_; }  // the server's side

 private:
  std::optional<std::string_view> receive() override {
    if (!connection_.write_all(std::exchange(unsent_, ""), limits_.deadline)) return std::nullopt;
    if (!connection_.wait_readable(limits_.deadline)) return std::nullopt;
    const std::ptrdiff_t count = connection_.read(input_.data(), input_.size());
    if (count < 0 || static_cast<std::size_t>(count) > bytes_left_) return std::nullopt;
    bytes_left_ -= static_cast<std::size_t>(count);
    has_ended_ = count == 0;
    return std::string_view(input_.data(), static_cast<std::size_t>(count));
  }

  ConnectedSocket& connection_;
  const CallLimits& limits_;
  std::size_t bytes_left_;
  bool has_ended_ = false;
  std::string unsent_;
  std::array<char, 16 * 1024> input_;
};

// The library's client with limits for a whole call. The library itself limits each read, and some
// versions don't limit heads.
class LimitedClient : public httplib::ClientImpl {
 public:
  LimitedClient(const BaseUrl& url, const HttpClientOptions& options)
      : ClientImpl(url.host, url.port),
        connect_timeout_(options.connect_timeout),
        idle_timeout_(options.idle_timeout),
        addresses_(options.addresses ? options.addresses
                                     : std::make_shared<AddressLookup>(url.host)) {}

  // What happened to the connection during a call.
  struct Trace {
    bool has_no_address = false;  // of the server
    bool was_stale = false;  // the kept connection was unusable and is closed; nothing was sent
    bool has_sent = false;   // a part of the request may have been sent
    bool has_ended = false;  // the server closed its side, which ended the response
    bool has_input_left = false;  // the server sent more than the response
  };

  httplib::Result send_within(const CallLimits& limits, const httplib::Request& request) {
    if (steady_clock::now() - last_call_end_ >= idle_timeout_) stop();
    limits_ = limits;
    trace_ = {};
    httplib::Result result = send(request);
    if (trace_.has_input_left) stop();  // the next call would read it as its response
    last_call_end_ = steady_clock::now();
    return result;
  }
  const Trace& trace() const { return trace_; }

 private:
  using Call = std::function<bool(httplib::Stream&)>;

  // The library's hook. The library's own lookup has no time limit.
  bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
    const AddressLookup::Addresses addresses = addresses_->find(limits_.deadline);
    trace_.has_no_address = addresses.empty();
    auto untried = static_cast<std::ptrdiff_t>(addresses.size());
    for (const std::string& address : addresses) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(limits_.deadline - steady_clock::now());
      if (left.count() <= 0) break;
      set_connection_timeout(std::min(connect_timeout_, left / untried--));
      set_hostname_addr_map({{host_, address}});
      if (ClientImpl::create_and_connect_socket(socket, error)) return true;
    }
    error = httplib::Error::Connection;
    return false;
  }

  // The library's hook. Its parameters depend on the version.
  // NOLINTBEGIN(modernize-use-override, performance-unnecessary-value-param)
  bool process_socket(const Socket& socket, Call call) { return run(socket, call); }
  bool process_socket(const Socket& socket, std::chrono::time_point<steady_clock> /*start*/,
                      Call call) {
    return run(socket, call);
  }
  // NOLINTEND(modernize-use-override, performance-unnecessary-value-param)

  bool run(const Socket& socket, const Call& call) {
    ConnectedSocket connection(FileDescriptor::borrow(socket.sock));
    // The server has closed the connection, or has sent bytes before the request. These would be
    // read as the response.
    char unexpected = 0;
    trace_.was_stale = connection.read(&unexpected, 1) >= 0;
    if (trace_.was_stale) return false;
    trace_.has_sent = true;
    CallStream stream(connection, limits_);
    const bool done = call(stream);
    trace_.has_ended = stream.has_ended();
    trace_.has_input_left = stream.has_input();
    return done;
  }

  const std::chrono::milliseconds connect_timeout_;
  const std::chrono::milliseconds idle_timeout_;
  const std::shared_ptr<AddressLookup> addresses_;
  steady_clock::time_point last_call_end_;
  CallLimits limits_;
  Trace trace_;
};

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options)
      : options_(std::move(options)),
        url_(require_base_url(options_.base_url)),
        client_(url_, options_) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_follow_location(false);
    client_.set_decompress(false);
  }

  HttpResult send(const std::string& method, const std::string& path, const HttpHeaders& headers,
                  const std::string& body = {}, const std::string& content_type = {}) {
    std::string received;
    bool is_too_large = false;

    httplib::Request request;
    request.method = method;
    request.path = url_.path + path;
    // With port 80, some versions of the library leave out the brackets of an IPv6 address.
    request.set_header("Host", authority(url_));
    for (const auto& [name, value] : headers) request.set_header(name, value);
    if (!content_type.empty()) request.set_header("Content-Type", content_type);
    request.body = body;
    request.content_receiver = [&](const char* data, std::size_t size, auto, auto) {
      fault_point("in-call");
      received.append(data, size);
      is_too_large = received.size() > options_.max_response_bytes;
      return !is_too_large;
    };

    const CallLimits limits{
        .deadline = steady_clock::now() + options_.call_timeout,
        .max_bytes = kMaxHeadBytes + kMaxChunkOverhead * options_.max_response_bytes};
    fault_point("before-call");
    httplib::Result result = client_.send_within(limits, request);
    if (client_.trace().was_stale) result = client_.send_within(limits, request);
    fault_point("after-call");
    if (!result) {
      if (!client_.trace().has_sent) {
        const std::string what =
            client_.trace().has_no_address ? "can't find the address of " : "can't connect to ";
        return HttpFailure{.kind = HttpFailure::Kind::kNotSent, .message = what + authority(url_)};
      }
      if (steady_clock::now() >= limits.deadline) return no_answer("timed out");
      return no_answer(is_too_large ? "too large" : httplib::to_string(result.error()));
    }
    // Some versions of the library accept the end of the connection as the last chunk.
    if (client_.trace().has_ended && result->has_header("Transfer-Encoding"))
      return no_answer("cut off");
    return HttpReply{.status = result->status,
                     .headers = {result->headers.begin(), result->headers.end()},
                     .body = std::move(received)};
  }

 private:
  static HttpFailure no_answer(const std::string& why) {
    return {.kind = HttpFailure::Kind::kNoAnswer, .message = "no complete answer: " + why};
  }

  const HttpClientOptions options_;
  const BaseUrl url_;
  LimitedClient client_;
};

std::string_view HttpReply::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return equal_ignoring_case(header.first, name);
  });
  return found == headers.end() ? std::string_view() : found->second;
}

HttpClient::HttpClient(HttpClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

HttpResult HttpClient::get(const std::string& path, const HttpHeaders& headers) {
  return impl_->send("GET", path, headers);
}

HttpResult HttpClient::post(const std::string& path, const HttpHeaders& headers,
                            const std::string& body, const std::string& content_type) {
  return impl_->send("POST", path, headers, body, content_type);
}

void add_bearer_token(HttpHeaders& headers, const std::optional<std::string>& token) {
  if (token) headers.emplace_back("Authorization", "Bearer " + *token);
}

}  // namespace common
