// All limits of HTTP, for the server and the client. Sizes are in bytes. Tests and
// settings can override some of them; the option has a similar name.

#ifndef COMMON_HTTP_LIMITS_H_
#define COMMON_HTTP_LIMITS_H_

#include <chrono>
#include <cstddef>

namespace common {

// ---- Connections of the server ----

// Threads that run handlers, which wait for the database. More do not help: commits are shared.
inline constexpr std::size_t kServerWorkers = 8;
inline constexpr std::size_t kAdminWorkers = 3;  // one may wait for the database (/readyz)
// A request that waits longer for a worker gets 503: its client has probably given up.
inline constexpr std::chrono::milliseconds kWorkerWait{5'000};

// Open connections of a listener. At the limit, a new one replaces the one that has been without a
// request for the longest time. Fewer if the process may open few descriptors (ulimit -n).
inline constexpr std::size_t kMaxConnections = 10'000;
inline constexpr std::size_t kMaxAdminConnections = 512;
inline constexpr std::size_t kMinConnections = 16;  // however few descriptors there are
// Descriptors for the database, the log and calls to the provider.
inline constexpr std::size_t kOtherDescriptors = 192;  // up to 128 are calls to the provider

// Connections that wait to be accepted; the kernel caps it at net.core.somaxconn.
inline constexpr int kBacklog = 4096;
// As many of them are accepted before other connections are served again: about a millisecond.
inline constexpr int kAcceptedAtOnce = 64;
// When there are no descriptors left, a listener closes so many connections and does not accept for
// this time, so that the other listener and the database can have the descriptors.
inline constexpr int kClosedAtShortage = 16;
inline constexpr std::chrono::milliseconds kAcceptPause{50};
// A shortage of descriptors counts as over after this time without another failure to accept.
inline constexpr std::chrono::milliseconds kAcceptRecovery{2'000};

// An idle connection is closed after this. Longer than load balancers keep theirs (up to 600 s):
// otherwise they send requests on connections that the server is closing.
inline constexpr std::chrono::milliseconds kIdleTimeout{620'000};

// At the stop, idle connections stay open for this time, for requests that are on their way.
inline constexpr std::chrono::milliseconds kStopGrace{250};
inline constexpr std::chrono::milliseconds kStopHeadTimeout{1'000};  // for a head that has begun
// At the stop, connections that send or read slowly are cut after this.
inline constexpr std::chrono::milliseconds kStopTimeout{10'000};
// The admin listener stops after the public one. Both must fit into the grace period of a pod.
inline constexpr std::chrono::milliseconds kAdminStopTimeout{1'000};

// After the last response of a connection, the server reads further input for at most this time:
// closing with unread input can destroy the response (RFC 9112, section 9.6).
inline constexpr std::chrono::milliseconds kLingerTimeout{500};

// Deadlines of connections are checked at this interval.
inline constexpr std::chrono::milliseconds kDeadlineCheck{50};

static_assert(kStopGrace < kStopTimeout);

// ---- Heads. A larger head or more headers: 431. ----

inline constexpr std::chrono::milliseconds kHeadTimeout{5'000};  // from its first byte to its end
inline constexpr std::size_t kMaxHeadBytes = 32 * 1024;          // of requests and of responses
inline constexpr std::size_t kMaxHeaders = 100;
// Longer ids are replaced, because each log line has the id.
inline constexpr std::size_t kMaxRequestIdBytes = 64;
// Longer keys get 400, because the ledger stores them.
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

static_assert(kMaxRequestIdBytes + kMaxIdempotencyKeyBytes < kMaxHeadBytes);

// ---- Bodies of requests. A longer one: 413. ----

inline constexpr std::chrono::milliseconds kBodyTimeout{10'000};   // from the end of the head
inline constexpr std::size_t kMaxBodyBytes = 16 * 1024;            // a payment has about 100
inline constexpr std::size_t kMaxInvoicesBodyBytes = 1024 * 1024;  // about 20,000 invoices
// Of a batch of payments. A larger batch costs hardly less per payment, and holds more up.
inline constexpr std::size_t kMaxBatchPayments = 1'000;
inline constexpr std::size_t kMaxBatchBodyBytes = 512 * 1024;  // with the longest ids and keys

static_assert(kMaxBodyBytes <= kMaxInvoicesBodyBytes);
static_assert(kMaxBatchBodyBytes <= kMaxInvoicesBodyBytes);

// Memory of a listener for requests, until their response is written; the same again for responses.
// At the limit, a body gets 503 and a head is cut off; of the responses, the one is cut off whose
// client has not read for longest. Requests and responses of up to kUncountedBytes do not count.
inline constexpr std::size_t kMaxBufferedBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kUncountedBytes = 2 * 1024;

static_assert(kMaxHeadBytes + kMaxInvoicesBodyBytes <= kMaxBufferedBytes,
              "otherwise the largest request always gets 503");

// Chunked bodies. Over these: 400.
inline constexpr std::size_t kMaxChunkLineBytes = 1024;  // line of a chunk's size or of a trailer
inline constexpr int kMaxTrailers = 32;

// ---- Responses of the server ----

// Rows of a list that one transaction reads and one chunk of the response holds. More rows cost
// memory per client and keep writers waiting; fewer rows cost more transactions.
inline constexpr std::size_t kListPageRows = 1000;

// Elements of a page of a list (page.h). Outside of 1 to the maximum: 400.
inline constexpr int kDefaultPageElements = 100;
inline constexpr int kMaxPageElements = 1'000;

// A longer list is not kept in memory, but read from the database for each request. About 60,000
// invoices.
inline constexpr std::size_t kMaxCachedListBytes = 4 * 1024 * 1024;

// Bytes that the kernel holds for a client before it has sent them. More would only serve clients
// that do not read.
inline constexpr int kMaxUnsentBytes = 32 * 1024;

// A client that reads less than kWriteStallBytes (or the rest) within kWriteStall is disconnected.
// TCP reports progress in steps of up to 64 KiB, so a short time would cut slow readers.
inline constexpr std::size_t kWriteStallBytes = 64 * 1024;
inline constexpr std::chrono::milliseconds kWriteStall{20'000};
// At the memory limit, a client that has not read for this time can be cut off.
inline constexpr std::chrono::milliseconds kMinStall{1'000};
static_assert(kMinStall < kWriteStall);

// After this time without an event, a comment is sent on a stream of events. Proxies close a
// response that is silent for longer; many do after 30 to 60 s.
inline constexpr std::chrono::milliseconds kEventSilence{15'000};

// ---- The client. A call fails at a limit. ----

inline constexpr std::chrono::milliseconds kConnectTimeout{1'000};
// The whole call, with the lookup of the host's addresses and connecting.
inline constexpr std::chrono::milliseconds kCallTimeout{5'000};
// Known addresses are used if a lookup takes longer.
inline constexpr std::chrono::milliseconds kLookupWait{500};
// A check of whether the provider can be used, for people who wait to see the result.
inline constexpr std::chrono::milliseconds kProviderCheckTimeout{1'000};
inline constexpr std::chrono::milliseconds kProviderCheckInterval{2'000};  // at most one in it
// A kept connection that was idle for this long is replaced before the next call. Shorter than a
// server's idle timeout: a request that meets the server's close gets no response.
inline constexpr std::chrono::milliseconds kClientIdleTimeout{60'000};
inline constexpr std::size_t kMaxResponseBytes = 64 * 1024;         // of the body
inline constexpr std::size_t kMaxBatchResponseBytes = 1024 * 1024;  // if all are refused at length
// Received bytes per body byte, for 1-byte chunks.
inline constexpr std::size_t kMaxChunkOverhead = 8;
inline constexpr std::size_t kMaxRefusalBytes = 500;  // of the provider's reason; the rest is cut

static_assert(kClientIdleTimeout < kIdleTimeout, "otherwise calls cross with the server's close");
static_assert(kLookupWait + kConnectTimeout < kCallTimeout,
              "otherwise no time is left for the response");
static_assert(kMaxRefusalBytes < kMaxResponseBytes);
static_assert(kMaxBatchPayments * kMaxRefusalBytes < kMaxBatchResponseBytes);

// The limits of the server that tests change.
struct HttpConnectionLimits {
  std::chrono::milliseconds idle_timeout = kIdleTimeout;
  std::chrono::milliseconds head_timeout = kHeadTimeout;
  std::chrono::milliseconds body_timeout = kBodyTimeout;
  std::chrono::milliseconds write_stall = kWriteStall;
  std::chrono::milliseconds worker_wait = kWorkerWait;
  std::chrono::milliseconds stop_timeout = kStopTimeout;
  std::size_t max_head_bytes = kMaxHeadBytes;
  std::size_t max_buffered_bytes = kMaxBufferedBytes;
};

}  // namespace common

#endif  // COMMON_HTTP_LIMITS_H_
