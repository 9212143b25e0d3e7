// All limits of HTTP, on both sides: sizes in bytes, times, and counts. A limit that a test or the
// configuration changes is the default of a field with a similar name.

#ifndef COMMON_HTTP_LIMITS_H_
#define COMMON_HTTP_LIMITS_H_

#include <chrono>
#include <cstddef>

namespace common {

// ---- Connections of the server ----

// Connections served concurrently. Each holds a thread, also while it is idle.
inline constexpr std::size_t kServerThreads = 128;

// Connections that wait for a thread. The kernel lowers this to net.core.somaxconn.
inline constexpr int kBacklog = 512;

// A connection without a request is closed after this. Short, because it holds a thread.
inline constexpr std::chrono::milliseconds kIdleTimeout{2'000};

// A stopped server still waits this long for a request, because the client may have sent it before
// it could see the stop.
inline constexpr std::chrono::milliseconds kStopGrace{50};

// After the last response, the server reads and discards this long what the client still sends. To
// close with unread input would destroy the response (RFC 9112, section 9.6).
inline constexpr std::chrono::milliseconds kLingerTimeout{500};

// ---- Heads, of requests and of responses ----

// From the first byte of a request to the end of its head.
inline constexpr std::chrono::milliseconds kHeadTimeout{5'000};
inline constexpr std::size_t kMaxHeadBytes = std::size_t{32} * 1024;  // request over it: 431
inline constexpr std::size_t kMaxHeaders = 100;                       // request over it: 431

// Of X-Request-Id. A longer one is replaced: it is written to each log line of the request.
inline constexpr std::size_t kMaxRequestIdBytes = 64;

// Of Idempotency-Key, without its quotes. Longer: 400. The ledger keeps every key.
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

static_assert(kMaxRequestIdBytes + kMaxIdempotencyKeyBytes < kMaxHeadBytes);

// ---- Bodies of requests ----

// From the end of the head to the end of the body.
inline constexpr std::chrono::milliseconds kBodyTimeout{10'000};

// A longer body: 413. One payment has about 100 bytes.
inline constexpr std::size_t kMaxBodyBytes = std::size_t{16} * 1024;

// The same for POST /invoices. 1 MiB is an array of about 20,000 invoices.
inline constexpr std::size_t kMaxInvoicesBodyBytes = std::size_t{1024} * 1024;

// All bodies of POST /invoices that are processed concurrently. A body of 1 MiB can need more than
// 20 MiB of memory as JSON values. A request waits for its part of these bytes, at most this long,
// then it gets 503.
inline constexpr std::size_t kMaxInvoicesBytesInProgress = std::size_t{4} * 1024 * 1024;
inline constexpr std::chrono::milliseconds kInvoicesBytesTimeout{10'000};

static_assert(kMaxBodyBytes <= kMaxInvoicesBodyBytes);
static_assert(kMaxInvoicesBodyBytes <= kMaxInvoicesBytesInProgress,
              "the largest body would always get 503");

// In a chunked body: the line with the size of a chunk, or a trailer field. Longer or more: 400.
inline constexpr std::size_t kMaxChunkLineBytes = 1024;
inline constexpr int kMaxTrailers = 32;

// ---- Responses of the server ----

// Rows of a list that one transaction reads and one chunk of the response holds. More rows cost
// memory per client and keep writers waiting; fewer rows cost a transaction more often.
inline constexpr std::size_t kListPageRows = 1000;

// A response is gathered up to this size before it is sent.
inline constexpr std::size_t kMaxUnsentBytes = std::size_t{64} * 1024;

// A client that accepts less than this many bytes (or than the rest) in this time loses its
// connection: it holds a thread.
inline constexpr std::size_t kWriteStallBytes = std::size_t{64} * 1024;
inline constexpr std::chrono::milliseconds kWriteStall{5'000};

// ---- The client ----

inline constexpr std::chrono::milliseconds kConnectTimeout{1'000};
inline constexpr std::chrono::milliseconds kCallTimeout{5'000};  // connecting included

static_assert(kConnectTimeout < kCallTimeout, "no time would be left for the response");

// Of a response. With a longer body the call fails.
inline constexpr std::size_t kMaxResponseBytes = std::size_t{64} * 1024;

// Bytes received for each byte of a chunked body, when each chunk has one byte.
inline constexpr std::size_t kMaxChunkOverhead = 8;

// Of the provider's reason for a refusal, which is stored with the invoice and logged. The rest is
// cut off.
inline constexpr std::size_t kMaxRefusalBytes = 500;

static_assert(kMaxRefusalBytes < kMaxResponseBytes);

}  // namespace common

#endif  // COMMON_HTTP_LIMITS_H_
