// All limits of HTTP, for the server and the client. Sizes are in bytes. A limit that tests or
// configuration override is the default of an option with a similar name.

#ifndef COMMON_HTTP_LIMITS_H_
#define COMMON_HTTP_LIMITS_H_

#include <chrono>
#include <cstddef>

namespace common {

// ---- Connections of the server. Each holds a thread, even while it is idle. ----

inline constexpr std::size_t kServerThreads = 128;  // connections served concurrently
// Connections that wait for a thread; the kernel caps it at net.core.somaxconn.
inline constexpr int kBacklog = 512;
// An idle connection is closed after this.
inline constexpr std::chrono::milliseconds kIdleTimeout{2'000};

// At the stop, the server waits this long for a request that the client may already have sent.
inline constexpr std::chrono::milliseconds kStopGrace{50};

// After its last response, the server reads further input for at most this time: closing with
// unread input can destroy the response (RFC 9112, section 9.6).
inline constexpr std::chrono::milliseconds kLingerTimeout{500};

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

// Sum over all concurrent POST /invoices: a body of 1 MiB can need over 20 MiB as JSON values.
// Further requests wait up to the timeout, then get 503.
inline constexpr std::size_t kMaxInvoicesBytesInProgress = 4 * 1024 * 1024;
inline constexpr std::chrono::milliseconds kInvoicesBytesTimeout{10'000};

static_assert(kMaxBodyBytes <= kMaxInvoicesBodyBytes);
static_assert(kMaxInvoicesBodyBytes <= kMaxInvoicesBytesInProgress,
              "otherwise the largest body always gets 503");

// Chunked bodies. Over these: 400.
inline constexpr std::size_t kMaxChunkLineBytes = 1024;  // line of a chunk's size or of a trailer
inline constexpr int kMaxTrailers = 32;

// ---- Responses of the server ----

// Rows of a list that one transaction reads and one chunk of the response holds. More rows cost
// memory per client and keep writers waiting; fewer rows cost more transactions.
inline constexpr std::size_t kListPageRows = 1000;

inline constexpr std::size_t kMaxUnsentBytes = 64 * 1024;  // buffered before it is sent

// A client that reads less than kWriteStallBytes (or the rest) within kWriteStall is disconnected.
inline constexpr std::size_t kWriteStallBytes = 64 * 1024;
inline constexpr std::chrono::milliseconds kWriteStall{5'000};

// ---- The client. A call fails at a limit. ----

inline constexpr std::chrono::milliseconds kConnectTimeout{1'000};
// The whole call, with connecting. It cannot interrupt the resolution of the host's name.
inline constexpr std::chrono::milliseconds kCallTimeout{5'000};
inline constexpr std::size_t kMaxResponseBytes = 64 * 1024;  // of the body
// Received bytes per body byte, for 1-byte chunks.
inline constexpr std::size_t kMaxChunkOverhead = 8;
inline constexpr std::size_t kMaxRefusalBytes = 500;  // of the provider's reason; the rest is cut

static_assert(kConnectTimeout < kCallTimeout, "otherwise no time is left for the response");
static_assert(kMaxRefusalBytes < kMaxResponseBytes);

}  // namespace common

#endif  // COMMON_HTTP_LIMITS_H_
