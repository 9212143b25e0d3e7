// The client against servers that answer badly, late, in part or not at all.

#include "common/http/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/http/address_lookup.h"
#include "common/http/base_url.h"
#include "common/http/connected_socket.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_provider.h"
#include "tests/support/reserved_port.h"
#include "tests/support/sockets.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using tests::eventually;
using tests::FakeProvider;
using tests::http_answer;
using tests::kPatience;

// A server that does with its connections, one after the other, what a test says.
class ScriptedServer {
 public:
  using Script = std::function<void(ConnectedSocket&)>;

  explicit ScriptedServer(std::vector<Script> connections)
      : thread_([this, scripts = std::move(connections)] {
          for (const Script& script : scripts) {
            auto connection = listener_.accept();
            if (!connection) return;
            ++connections_;
            script(*connection);
          }
        }) {}
  ~ScriptedServer() {
    listener_.shut_down();
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const { return listener_.url(); }
  int connections() const { return connections_; }

 private:
  tests::Listener listener_;
  std::atomic<int> connections_ = 0;
  std::thread thread_;  // last: it uses the others
};

// A port whose connections are never made: it lets one wait to be accepted, and that one is there.
class FullPort {
 public:
  explicit FullPort(in_addr_t host = INADDR_LOOPBACK, int port = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(host);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), generic, length), 0);
    EXPECT_EQ(::listen(listener_.get(), 0), 0);
    EXPECT_EQ(::getsockname(listener_.get(), generic, &length), 0);
    port_ = ntohs(address.sin_port);
    for (const FileDescriptor& client : clients_) {
      EXPECT_TRUE(::connect(client.get(), generic, length) == 0 || errno == EINPROGRESS);
    }
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  static FileDescriptor make() {
    return FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }

  FileDescriptor listener_{make()};
  FileDescriptor clients_[3] = {make(), make(), make()};
  int port_ = 0;
};

HttpClient client_of(const std::string& url, milliseconds call_timeout = kPatience) {
  return HttpClient({.base_url = url,
                     .connect_timeout = std::min<milliseconds>(call_timeout, kPatience),
                     .call_timeout = call_timeout,
                     .max_response_bytes = 1000});
}

HttpResult post_payment(HttpClient& client) { return client.post("/pay", {{"X-Test", "a"}}, "{}"); }

// "200 body" for a reply, the kind of failure else.
std::string text_of(const HttpResult& result) {
  if (const auto* reply = std::get_if<HttpReply>(&result)) {
    return std::to_string(reply->status) + " " + reply->body;
  }
  return std::get<HttpFailure>(result).kind == HttpFailure::Kind::kNotSent ? "not sent"
                                                                           : "no answer";
}

std::string kept_alive_answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool send(ConnectedSocket& connection, const std::string& bytes) {
  return connection.write_all(bytes, steady_clock::now() + kPatience);
}

void answer_next(ConnectedSocket& connection, const std::string& answer) {
  if (FakeProvider::read(connection)) send(connection, answer);
}

// Until the client has closed.
void wait_for_close(ConnectedSocket& connection) {
  tests::wait_for_close(connection, steady_clock::now() + kPatience);
}

TEST(HttpClient, SendsWhatItIsGiven) {
  FakeProvider server([](const auto&) {
    return http_answer("201 Created", "text/plain", "done", "X-Answer: b\r\n");
  });
  HttpClient client = client_of(server.url());
  const HttpResult result = client.post("/pay", {{"X-Test", "a b"}}, "{\"a\":1}");
  ASSERT_EQ(text_of(result), "201 done");
  EXPECT_EQ(std::get<HttpReply>(result).header("x-ANSWER"), "b");
  EXPECT_EQ(std::get<HttpReply>(result).header("X-Other"), "");
  EXPECT_EQ(text_of(client.get("/list")), "201 done");

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  const std::string post_head = requests[0].head + "\r\n";
  EXPECT_TRUE(post_head.starts_with("POST /pay HTTP/1.1\r\n")) << post_head;
  EXPECT_NE(post_head.find("\r\nX-Test: a b\r\n"), std::string::npos) << post_head;
  EXPECT_NE(post_head.find("\r\nContent-Type: application/json\r\n"), std::string::npos)
      << post_head;
  const std::string host = server.url().substr(std::string("http://").size());
  EXPECT_NE(post_head.find("\r\nHost: " + host + "\r\n"), std::string::npos) << post_head;
  EXPECT_EQ(requests[0].body, "{\"a\":1}");
  EXPECT_TRUE(requests[1].head.starts_with("GET /list HTTP/1.1\r\n")) << requests[1].head;
}

TEST(HttpClient, PutsThePathOfItsBaseUrlBeforeEachPath) {
  FakeProvider server([](const auto&) { return http_answer("200 OK", "text/plain", ""); });
  for (const char* prefix : {"", "/", "/a", "/a/", "/a/b//"}) {
    HttpClient client = client_of(server.url() + prefix);
    EXPECT_EQ(text_of(post_payment(client)), "200 ") << prefix;
  }
  std::string paths;
  for (const auto& request : server.requests()) {
    paths += request.head.substr(0, request.head.find(" HTTP"));
  }
  EXPECT_EQ(paths, "POST /payPOST /payPOST /a/payPOST /a/payPOST /a/b/pay");
}

TEST(HttpClient, AcceptsOnlyHttpUrls) {
  for (const char* url : {"http://h", "http://h:65535/a/b", "http://[::1]:8082"}) {
    EXPECT_TRUE(parse_base_url(url)) << url;
    EXPECT_NO_THROW(client_of(url)) << url;
  }
  for (const char* url : {"", "h:80", "https://h", "http://[::1", "http://h/?q"}) {
    EXPECT_FALSE(parse_base_url(url)) << url;
    EXPECT_THROW(client_of(url), std::invalid_argument) << url;
  }
}

// The Host header has the brackets of an IPv6 address (RFC 9110, 7.2).
TEST(HttpClient, CallsAServerOverIpv6) {
  if (!tests::has_ipv6()) GTEST_SKIP() << "no IPv6";
  FakeProvider server([](const auto&) { return http_answer("200 OK", "text/plain", "ok"); }, "::1");
  ASSERT_TRUE(server.url().starts_with("http://[::1]:")) << server.url();
  HttpClient client = client_of(server.url());
  EXPECT_EQ(text_of(post_payment(client)), "200 ok");
  EXPECT_EQ(text_of(client.get("/list")), "200 ok");
  const std::string host =
      "\r\nHost: " + server.url().substr(std::string("http://").size()) + "\r\n";
  for (const auto& request : server.requests()) {
    EXPECT_NE((request.head + "\r\n").find(host), std::string::npos) << request.head;
  }
}

TEST(HttpClient, ReadsAnswersOfEveryForm) {
  for (const std::string& answer : std::vector<std::string>{
           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\n\r\nabc",  // until the end
           "HTTP/1.0 200 OK\r\n\r\nabc",  //
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcTOO MUCH"}) {
    FakeProvider server([&](const auto&) { return answer; });
    HttpClient client = client_of(server.url());
    EXPECT_EQ(text_of(post_payment(client)), "200 abc") << answer;
  }
}

// The server reads the whole body before it responds.
TEST(HttpClient, SendsALongBodyWithoutAskingFirst) {
  FakeProvider server([](const auto&) { return http_answer("200 OK", "text/plain", "ok"); });
  const std::string body(300'000, 'x');
  const HttpResult result = client_of(server.url()).post("/", {}, body);
  ASSERT_TRUE(std::holds_alternative<HttpReply>(result));
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(server.requests()[0].body.size(), body.size());
  EXPECT_EQ(server.requests()[0].head.find("Expect"), std::string::npos);
}

TEST(HttpClient, DoesNotFollowRedirects) {
  for (const char* status : {"301", "302", "303", "307", "308"}) {
    FakeProvider server([&](const FakeProvider::Request&) {
      return http_answer(std::string(status) + " Moved", "text/plain", "",
                         "Location: /elsewhere\r\n");
    });
    HttpClient client = client_of(server.url());
    EXPECT_EQ(text_of(post_payment(client)), std::string(status) + " ");
    EXPECT_EQ(server.requests().size(), 1U) << status;
  }
}

TEST(HttpClient, SaysThatNothingWasSentWhenItCannotConnect) {
  const tests::ReservedPort port;
  HttpClient client = client_of(port.url());
  EXPECT_EQ(text_of(post_payment(client)), "not sent");
  EXPECT_EQ(text_of(client.get("/")), "not sent");
  HttpClient nowhere = client_of("http://no-such-host.invalid");
  EXPECT_EQ(text_of(post_payment(nowhere)), "not sent");
}

TEST(HttpClient, StopsWaitingForAConnection) {
  const FullPort port;
  HttpClient client = client_of(port.url(), milliseconds(100));
  const auto begin = steady_clock::now();
  EXPECT_EQ(text_of(post_payment(client)), "not sent");
  EXPECT_GE(steady_clock::now() - begin, milliseconds(100));
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));  // the system's own is minutes
}

TEST(HttpClient, TriesEachAddressOfAHost) {
  FakeProvider server([](const auto&) { return http_answer("200 OK", "text/plain", "ok"); });
  const std::string authority = "provider.test" + server.url().substr(server.url().rfind(':'));
  HttpClient client({.base_url = "http://" + authority,
                     .addresses = std::make_shared<AddressLookup>("provider.test", [](const auto&) {
                       return AddressLookup::Addresses{"127.0.0.2", "127.0.0.1"};
                     })});
  EXPECT_EQ(text_of(client.get("/")), "200 ok");
  ASSERT_EQ(server.requests().size(), 1U);
  const std::string head = server.requests()[0].head + "\r\n";
  EXPECT_NE(head.find("\r\nHost: " + authority + "\r\n"), std::string::npos) << head;
}

TEST(HttpClient, AnAddressThatDoesNotAnswerLeavesTimeForTheNext) {
  FakeProvider server([](const auto&) { return http_answer("200 OK", "text/plain", "ok"); },
                      "127.0.0.2");
  const std::string port = server.url().substr(server.url().rfind(':') + 1);
  // Not on 127.0.0.1, where another test may use the port.
  const FullPort full(INADDR_LOOPBACK + 2, std::stoi(port));
  HttpClient client({.base_url = "http://provider.test:" + port,
                     .connect_timeout = milliseconds(500),
                     .call_timeout = milliseconds(500),
                     .addresses = std::make_shared<AddressLookup>("provider.test", [](const auto&) {
                       return AddressLookup::Addresses{"127.0.0.3", "127.0.0.2"};
                     })});
  EXPECT_TRUE(eventually([&] { return text_of(client.get("/")) == "200 ok"; }));
}

TEST(HttpClient, ACallEndsAtItsTimeAlsoDuringALookup) {
  FakeProvider server([](const auto&) { return http_answer("200 OK", "text/plain", "ok"); });
  std::promise<std::optional<AddressLookup::Addresses>> dns;
  HttpClient client(
      {.base_url = "http://provider.test" + server.url().substr(server.url().rfind(':')),
       .call_timeout = milliseconds(100),
       .addresses = std::make_shared<AddressLookup>(
           "provider.test",
           [answer = dns.get_future().share()](const std::string&) { return answer.get(); })});
  const auto begin = steady_clock::now();
  const HttpResult result = client.get("/");
  EXPECT_LT(steady_clock::now() - begin, kPatience);
  ASSERT_EQ(text_of(result), "not sent");
  EXPECT_TRUE(std::get<HttpFailure>(result).message.starts_with("can't find the address of "));

  dns.set_value(AddressLookup::Addresses{"127.0.0.1"});
  EXPECT_TRUE(eventually([&] { return text_of(client.get("/")) == "200 ok"; }));
}

// Each sends without end what keeps a limit per read from ever being reached.
TEST(HttpClient, EndsACallAtItsTimeHoweverTheAnswerTricklesIn) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::pair<std::string, std::string> answers[] = {
      {"", ""},
      {"", "H"},
      {"HTTP/1.1 200 ", "K"},
      {ok, "A: b\r\n"},
      {ok + "A: ", "b"},
      {ok + "Content-Length: 1000\r\n\r\n", "x"},
      {ok + "\r\n", "x"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n", "0"},
      {"", "HTTP/1.1 100 Continue\r\n\r\n"},
  };
  for (const auto& [begin, rest] : answers) {
    ScriptedServer server({[&, begin = begin, rest = rest](ConnectedSocket& connection) {
      answer_next(connection, begin);
      eventually([&] {
        return !send(connection, rest) ||
               connection.wait_readable(steady_clock::now() + milliseconds(3));
      });
    }});
    HttpClient client = client_of(server.url(), milliseconds(150));
    const auto start = steady_clock::now();
    EXPECT_EQ(text_of(post_payment(client)), "no answer") << begin << rest;
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5)) << begin << rest;
  }
}

TEST(HttpClient, GivesAnswersUpThatAreTooLarge) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::pair<std::string, std::string> answers[] = {
      {ok + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'), ""},
      {ok + "Content-Length: 18446744073709551615\r\n\r\n", std::string(500, 'x')},
      {ok + "\r\n", std::string(500, 'x')},
      {ok + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n", "FFFFFFFFFFFFFFF0\r\nx"},
      {ok, "A: b\r\n"},
      {ok + "A: ", "b"},
      {"", "x"},
      {"", "HTTP/1.1 100 Continue\r\n\r\n"},
  };
  for (const auto& [begin, rest] : answers) {
    ScriptedServer server({[&, begin = begin, rest = rest](ConnectedSocket& connection) {
      answer_next(connection, begin);
      std::string much;
      while (much.size() < 10'000 && !rest.empty()) much += rest;
      eventually([&] { return rest.empty() || !send(connection, much); });
      wait_for_close(connection);
    }});
    HttpClient client = client_of(server.url());
    const auto start = steady_clock::now();
    EXPECT_EQ(text_of(post_payment(client)), "no answer") << begin << rest;
    EXPECT_LT(steady_clock::now() - start, kPatience / 2) << begin << rest;
  }
}

TEST(HttpClient, TakesAnAnswerAsLongAsTheLimit) {
  FakeProvider server(
      [](const auto&) { return http_answer("200 OK", "text/plain", std::string(1000, 'x')); });
  HttpClient client = client_of(server.url());
  EXPECT_EQ(text_of(post_payment(client)), "200 " + std::string(1000, 'x'));
}

TEST(HttpClient, APartOfAnAnswerIsNone) {
  const std::string answers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"};
  for (const std::string& whole : answers) {
    std::atomic<std::size_t> size = 0;
    FakeProvider server([&](const auto&) { return whole.substr(0, size); });
    HttpClient client = client_of(server.url());
    for (size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(text_of(post_payment(client)), "no answer") << whole.substr(0, size);
    }
    EXPECT_EQ(server.requests().size(), whole.size());  // each was sent once
  }
}

TEST(HttpClient, WhatIsNotHttpIsNoAnswer) {
  using namespace std::string_literals;
  for (const std::string& answer :
       {"junk\r\n\r\n"s, "SSH-2.0-x\r\n"s, "HTTP/1.1\r\n\r\n"s, "HTTP/1.1 abc OK\r\n\r\n"s,
        "\x15\x03\x01\x00\x02\x02\x16"s, "\0\0\0\0"s, "HTTP/1.1 99999999999 OK\r\n\r\n"s}) {
    FakeProvider server([&](const auto&) { return answer; });
    HttpClient client = client_of(server.url());
    EXPECT_EQ(text_of(post_payment(client)), "no answer") << answer;
    EXPECT_EQ(server.requests().size(), 1U) << answer;
  }
}

TEST(HttpClient, AResetIsNoAnswer) {
  ScriptedServer server({[](ConnectedSocket& connection) {
    FakeProvider::read(connection);
    tests::reset_when_closed(connection);
  }});
  HttpClient client = client_of(server.url());
  EXPECT_EQ(text_of(post_payment(client)), "no answer");
}

TEST(HttpClient, KeepsItsConnection) {
  ScriptedServer server({[](ConnectedSocket& connection) {
    for (int i = 0; i < 20; ++i) answer_next(connection, kept_alive_answer("ok"));
  }});
  HttpClient client = client_of(server.url());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(text_of(post_payment(client)), "200 ok");
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, ReplacesAConnectionThatWasIdleForTooLong) {
  constexpr milliseconds kIdle(1);
  ScriptedServer server(
      {[](ConnectedSocket& connection) {
         answer_next(connection, kept_alive_answer("first"));
         wait_for_close(connection);
       },
       [](ConnectedSocket& connection) { answer_next(connection, kept_alive_answer("second")); }});
  HttpClient client({.base_url = server.url(), .call_timeout = kPatience, .idle_timeout = kIdle});
  EXPECT_EQ(text_of(post_payment(client)), "200 first");
  const auto end = steady_clock::now();
  ASSERT_TRUE(eventually([&] { return steady_clock::now() - end >= kIdle; }));
  EXPECT_EQ(text_of(post_payment(client)), "200 second");
  EXPECT_EQ(server.connections(), 2);
}

// A connection that was kept, and what became of it since.
TEST(HttpClient, ConnectsAnewWhenTheServerHasClosedOrSpokenInBetween) {
  const std::string refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
  for (const std::string& in_between : {std::string(), refusal, refusal.substr(0, 20)}) {
    std::atomic<bool> first_is_done = false;
    std::atomic<bool> has_spoken = false;
    ScriptedServer server({[&](ConnectedSocket& connection) {
                             answer_next(connection, kept_alive_answer("first"));
                             eventually([&] { return first_is_done.load(); });
                             send(connection, in_between);
                             if (in_between.empty()) ::shutdown(connection.fd(), SHUT_RDWR);
                             has_spoken = true;
                             wait_for_close(connection);
                           },
                           [](ConnectedSocket& connection) {
                             answer_next(connection, kept_alive_answer("second"));
                           }});
    HttpClient client = client_of(server.url());
    EXPECT_EQ(text_of(post_payment(client)), "200 first");
    first_is_done = true;
    ASSERT_TRUE(eventually([&] { return has_spoken.load(); }));
    EXPECT_EQ(text_of(post_payment(client)), "200 second") << in_between;
    EXPECT_EQ(server.connections(), 2);
  }
}

TEST(HttpClient, WhatFollowsAnAnswerIsNotTheNextOne) {
  const std::string refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
  ScriptedServer server(
      {[&](ConnectedSocket& connection) {
         answer_next(connection, kept_alive_answer("first") + refusal);
         wait_for_close(connection);
       },
       [](ConnectedSocket& connection) { answer_next(connection, kept_alive_answer("second")); }});
  HttpClient client = client_of(server.url());
  EXPECT_EQ(text_of(post_payment(client)), "200 first");
  EXPECT_EQ(text_of(post_payment(client)), "200 second");
}

// A payment that the server has seen is not sent again behind the caller's back.
TEST(HttpClient, SendsNothingTwice) {
  ScriptedServer server(
      {[](ConnectedSocket& connection) {
         answer_next(connection, kept_alive_answer("first"));
         FakeProvider::read(connection);  // and closes
       },
       [](ConnectedSocket& connection) { answer_next(connection, kept_alive_answer("third")); }});
  HttpClient client = client_of(server.url());
  EXPECT_EQ(text_of(post_payment(client)), "200 first");
  EXPECT_EQ(text_of(post_payment(client)), "no answer");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(text_of(post_payment(client)), "200 third");
}

}  // namespace
}  // namespace common
