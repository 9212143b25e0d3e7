#include "common/http/response_writer.h"

#include <array>
#include <charconv>
#include <ctime>
#include <utility>

#include "common/http/httplib_stream.h"

namespace common {
namespace {

// The connection that the library sees. It reads a request line and an empty line, and writes to a
// string.
class MemoryStream final : public HttplibStream {
 public:
  explicit MemoryStream(std::string head) : head_(std::move(head)) {}

  ssize_t write(const char* from, size_t size) override {
    written_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  std::string take_written() { return std::move(written_); }

 private:
  std::optional<std::string_view> receive() override {
    return std::exchange(was_read_, true) ? std::nullopt : std::optional<std::string_view>(head_);
  }

  const std::string head_;
  bool was_read_ = false;
  std::string written_;
};

// The time as an IMF-fixdate (RFC 9110, section 5.6.7), independent of the locale.
std::string to_http_date(std::time_t time) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                 kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                                 utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

class ResponseWriter::Impl : private httplib::Server {
 public:
  Impl() {
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& res) {
      fill(res);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& res) {
      for (const char* name : {"Accept-Ranges", "Connection", "Keep-Alive"}) {
        res.headers.erase(name);
      }
      if (context_->close) res.set_header("Connection", "close");
      // Only the length of the body that was not sent would be correct (RFC 9110, section 8.6).
      if (res.status == 304) res.headers.erase("Content-Length");
    });
  }

  std::string write(HttpResponse& response, const ResponseContext& context) {
    response_ = &response;
    context_ = &context;
    MemoryStream stream(std::string(context.to_head ? "HEAD" : "GET") + " / HTTP/1." +
                        (context.is_http_1_0 ? "0" : "1") + "\r\n\r\n");
    process(stream);
    return stream.take_written();
  }

 private:
  // Calls the library's function that reads one request and writes its response. Its parameters
  // differ between versions.
  template <typename Stream>
  void process(Stream& stream) {
    bool unused = false;  // whether the library would close the connection
    if constexpr (requires { this->process_request(stream, false, unused, nullptr); }) {
      this->process_request(stream, false, unused, nullptr);
    } else {
      this->process_request(stream, "", 0, "", 0, false, unused, nullptr);
    }
  }

  void fill(httplib::Response& res) {
    res.status = response_->status;
    for (const auto& [name, value] : response_->headers) res.set_header(name, value);
    res.set_header("Date", date());
    res.set_header("X-Request-Id", context_->request_id);
    if (response_->status == 304) return;
    if (response_->shared_body) {
      res.set_header("Content-Type", response_->content_type);
      res.set_header("Content-Length", std::to_string(response_->shared_body->size()));
      return;
    }
    if (!response_->is_streamed()) {
      // Newer versions move the body, and take a std::string.
      // NOLINTNEXTLINE(performance-move-const-arg,readability-redundant-string-cstr)
      res.set_content(std::move(response_->body), response_->content_type.c_str());
      return;
    }
    // The library writes the head only; HttpConnection writes the chunks.
    const auto no_body = [](std::size_t, httplib::DataSink&) { return false; };
    if (context_->is_http_1_0) {
      res.set_content_provider(response_->content_type, no_body);
    } else {
      res.set_chunked_content_provider(response_->content_type, no_body);
    }
  }

  const std::string& date() {
    const std::time_t now = std::time(nullptr);
    if (now != dated_) {
      dated_ = now;
      date_ = to_http_date(now);
    }
    return date_;
  }

  HttpResponse* response_ = nullptr;
  const ResponseContext* context_ = nullptr;
  std::time_t dated_ = -1;
  std::string date_;
};

ResponseWriter::ResponseWriter() : impl_(std::make_unique<Impl>()) {}
ResponseWriter::~ResponseWriter() = default;

std::string ResponseWriter::write(HttpResponse& response, const ResponseContext& context) {
  return impl_->write(response, context);
}

std::string frame_chunk(const std::string& bytes) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  std::string frame;
  frame.reserve(bytes.size() + size.size() + 4);
  frame.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
  return frame;
}

}  // namespace common
