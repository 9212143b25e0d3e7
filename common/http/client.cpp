#include "common/http/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/base/fault_point.h"
#include "common/http/httplib_stream.h"
#include "common/http/tcp.h"

namespace common {
namespace {

using std::chrono::steady_clock;

struct BaseUrl {
  std::string host;
  int port = 80;
  std::string path = {};  // without a slash at its end
};

std::optional<int> to_port(std::string_view text) {
  int port = 0;
  const char* end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped_at != end || port < 1 || port > 65535) return std::nullopt;
  return port;
}

// http://HOST[:PORT][/PATH]; nothing when the text is anything else.
std::optional<BaseUrl> parse_base_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const auto unusable = [](char c) { return c <= ' ' || c > '~' || c == '?' || c == '#'; };
  if (!text.starts_with(kScheme) || std::any_of(text.begin(), text.end(), unusable)) {
    return std::nullopt;
  }
  text.remove_prefix(kScheme.size());

  BaseUrl url;
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view path = text.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  url.path = path;

  std::string_view authority = text.substr(0, slash);
  if (const std::size_t colon = authority.rfind(':'); colon != std::string_view::npos) {
    const auto port = to_port(authority.substr(colon + 1));
    if (!port) return std::nullopt;
    url.port = *port;
    authority = authority.substr(0, colon);
  }
  if (authority.empty() || authority.find_first_of("@:[]") != std::string_view::npos) {
    return std::nullopt;
  }
  url.host = authority;
  return url;
}

BaseUrl require_base_url(const std::string& text) {
  auto url = parse_base_url(text);
  if (!url) throw std::invalid_argument("not an http URL: " + text);
  return std::move(*url);
}

struct CallLimits {
  std::chrono::steady_clock::time_point deadline = {};
  std::size_t max_bytes = 0;  // of the answer as it is sent, with all that is around its body
};

// A connection for the time of one call.
class CallStream final : public HttplibStream {
 public:
  CallStream(TcpConnection& connection, const CallLimits& limits)
      : connection_(connection), limits_(limits), bytes_left_(limits.max_bytes) {}

  // Gathers what the library writes in pieces.
  ssize_t write(const char* from, size_t size) override {
    unsent_.append(from, size);
    return static_cast<ssize_t>(size);
  }

  using HttplibStream::has_input;
  bool has_ended() const { return has_ended_; }  // the server's side

 private:
  std::optional<std::string_view> receive() override {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(limits_.deadline - steady_clock::now());
    if (!connection_.write_all(std::exchange(unsent_, ""), left)) return std::nullopt;
    if (!connection_.wait_readable(limits_.deadline)) return std::nullopt;
    const std::ptrdiff_t count = connection_.read(input_.data(), input_.size());
    if (count < 0 || static_cast<std::size_t>(count) > bytes_left_) return std::nullopt;
    bytes_left_ -= static_cast<std::size_t>(count);
    has_ended_ = count == 0;
    return std::string_view(input_.data(), static_cast<std::size_t>(count));
  }

  TcpConnection& connection_;
  const CallLimits& limits_;
  std::size_t bytes_left_;
  bool has_ended_ = false;
  std::string unsent_;
  std::array<char, 16 * 1024> input_;
};

// The library's client over connections that keep to the limits of a call: of its own it has
// limits for each read, and some versions none for heads.
class LimitedClient : public httplib::ClientImpl {
 public:
  using httplib::ClientImpl::ClientImpl;

  // What became of a call on its connection.
  struct Trace {
    bool was_stale = false;  // the kept connection was of no use, and is closed; nothing was sent
    bool has_sent = false;   // something may have been sent
    bool has_ended = false;  // the server ended its side for the answer to end
    bool has_input_left = false;  // it said more than its answer
  };

  httplib::Result send_within(const CallLimits& limits, const httplib::Request& request) {
    limits_ = limits;
    trace_ = {};
    httplib::Result result = send(request);
    if (trace_.has_input_left) stop();  // the next call would take it for its own answer
    return result;
  }
  const Trace& trace() const { return trace_; }

 private:
  using Call = std::function<bool(httplib::Stream&)>;

  // The library's hook; with which of these parameters depends on the version.
  // NOLINTBEGIN(modernize-use-override, performance-unnecessary-value-param)
  bool process_socket(const Socket& socket, Call call) { return run(socket, call); }
  bool process_socket(const Socket& socket, std::chrono::time_point<steady_clock> /*start*/,
                      Call call) {
    return run(socket, call);
  }
  // NOLINTEND(modernize-use-override, performance-unnecessary-value-param)

  bool run(const Socket& socket, const Call& call) {
    TcpConnection connection(FileDescriptor::borrow(socket.sock));
    // The server has closed, or said something unasked, which would be taken for its answer.
    char unasked = 0;
    trace_.was_stale = connection.read(&unasked, 1) >= 0;
    if (trace_.was_stale) return false;
    trace_.has_sent = true;
    CallStream stream(connection, limits_);
    const bool done = call(stream);
    trace_.has_ended = stream.has_ended();
    trace_.has_input_left = stream.has_input();
    return done;
  }

  CallLimits limits_;
  Trace trace_;
};

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options)
      : options_(std::move(options)),
        url_(require_base_url(options_.base_url)),
        client_(url_.host, url_.port) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_follow_location(false);
    client_.set_decompress(false);
    client_.set_connection_timeout(options_.connect_timeout);
  }

  HttpResult send(const std::string& method, const std::string& path, const HttpHeaders& headers,
                  const std::string& body = {}, const std::string& content_type = {}) {
    std::string received;
    bool is_too_large = false;

    httplib::Request request;
    request.method = method;
    request.path = url_.path + path;
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
        return HttpFailure{
            .kind = HttpFailure::Kind::kNotSent,
            .message = "can't connect to " + url_.host + ":" + std::to_string(url_.port)};
      }
      if (steady_clock::now() >= limits.deadline) return no_answer("timed out");
      return no_answer(is_too_large ? "too large" : httplib::to_string(result.error()));
    }
    // Some versions of the library take that for the last chunk.
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

bool is_http_base_url(const std::string& url) { return parse_base_url(url).has_value(); }

}  // namespace common
