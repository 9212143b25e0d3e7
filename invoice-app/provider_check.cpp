#include "invoice-app/provider_check.h"

#include <utility>
#include <variant>

#include "common/base/random.h"
#include "common/json/json.h"

namespace invoice_app {
namespace {

using std::chrono::steady_clock;

// Any id would do: 404 says as much as 200.
constexpr const char* kPath = "/payments/-";

common::HttpResponse to_response(const ProviderProblem& problem) {
  common::HttpResponse response{.body = R"({"Status":"reachable"})",
                                .headers = {{"Cache-Control", "no-store"}}};
  if (problem) {
    response.body = R"({"Status":"unreachable","Detail":)" + common::to_json_string(*problem) + '}';
  }
  response.body += '\n';
  return response;
}

common::HttpClientOptions with_timeout(common::HttpClientOptions options,
                                       std::chrono::milliseconds timeout) {
  options.connect_timeout = timeout;
  options.call_timeout = timeout;
  return options;
}

}  // namespace

ProviderProblem interpret_provider_check(const common::HttpResult& result) {
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    // The message names the address if there is no connection.
    return failure->kind == common::HttpFailure::Kind::kNotSent ? "can't connect"
                                                                : failure->message;
  }
  const int status = std::get<common::HttpReply>(result).status;
  if (status == 200 || status == 404) return std::nullopt;
  if (status == 401) return "HTTP 401: the token is not the provider's";
  return "HTTP " + std::to_string(status);
}

ProviderCheck::ProviderCheck(common::HttpClientOptions options,
                             const std::optional<std::string>& bearer_token,
                             std::chrono::milliseconds timeout, std::chrono::milliseconds interval)
    : interval_(interval),
      client_(with_timeout(std::move(options), timeout)),
      headers_({{"X-Request-Id", "check-" + common::random_hex(16)}, {"Connection", "close"}}) {
  common::add_bearer_token(headers_, bearer_token);
  thread_ = std::thread([this] { run(); });
}

ProviderCheck::~ProviderCheck() {
  {
    const common::MutexLock lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ProviderCheck::add_to(common::HttpRouter& router) {
  router.get_deferred("/provider",
                      [this](const common::HttpRequest&, const common::HttpRespond& respond) {
                        this->respond(respond);
                      });
}

void ProviderCheck::respond(const common::HttpRespond& respond) {
  common::MutexLock lock(mutex_);
  if (!last_ || steady_clock::now() - last_->at >= interval_) {
    waiting_.push_back(respond);
    changed_.notify_one();
    return;
  }
  const ProviderProblem problem = last_->problem;
  lock.unlock();
  respond([&] { return to_response(problem); });
}

void ProviderCheck::run() {
  common::MutexLock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this]() REQUIRES(mutex_) { return is_stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    lock.unlock();
    const ProviderProblem problem = interpret_provider_check(client_.get(kPath, headers_));
    lock.lock();
    last_ = {problem, steady_clock::now()};
    const auto waiting = std::exchange(waiting_, {});
    lock.unlock();
    for (const auto& respond : waiting) respond([&] { return to_response(problem); });
    lock.lock();
  }
}

}  // namespace invoice_app
