// All limits of HTTP, for the server and the client. Sizes are in bytes. A limit that tests or the
// configuration change is the default of a field with a similar name.

#ifndef COMMON_HTTP_LIMITS_H_
#define COMMON_HTTP_LIMITS_H_

#include <chrono>
#include <cstddef>

namespace common {

// ---- Connections of the server. Each holds a thread, even while it is idle. ----

inline constexpr std::size_t kServerThreads = 128;  // connections served concurrently
inline constexpr int kBacklog = 512;  // those that wait; the kernel's limit is net.core.somaxconn
inline constexpr std::chrono::milliseconds kIdleTimeout{2'000};  // then an idle one is closed

// A stopped server still waits this long for a request, because the client may have sent it before
// it could see the stop.
inline constexpr std::chrono::milliseconds kStopGrace{50};

// After the last response the server reads what the client still sends, at most this long. To close
// with unread input could destroy the response (RFC 9112, section 9.6).
inline constexpr std::chrono::milliseconds kLingerTimeout{500};

// ---- Heads. A larger head or more headers: 431. ----

inline constexpr std::chrono::milliseconds kHeadTimeout{5'000};  // from its first byte to its end
inline constexpr std::size_t kMaxHeadBytes = 32 * 1024;          // of a response, too
inline constexpr std::size_t kMaxHeaders = 100;
inline constexpr std::size_t kMaxRequestIdBytes = 64;  // longer: replaced; it is in each log line
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;  // longer: 400; the ledger keeps it

static_assert(kMaxRequestIdBytes + kMaxIdempotencyKeyBytes < kMaxHeadBytes);

// ---- Bodies of requests. A longer one: 413. ----

inline constexpr std::chrono::milliseconds kBodyTimeout{10'000};   // from the end of the head
inline constexpr std::size_t kMaxBodyBytes = 16 * 1024;            // a payment has about 100
inline constexpr std::size_t kMaxInvoicesBodyBytes = 1024 * 1024;  // about 20,000 invoices

// Of all bodies of POST /invoices that are processed concurrently: one of 1 MiB can need more than
// 20 MiB of memory as JSON values. Further requests wait, at most this long, then they get 503.
inline constexpr std::size_t kMaxInvoicesBytesInProgress = 4 * 1024 * 1024;
inline constexpr std::chrono::milliseconds kInvoicesBytesTimeout{10'000};

static_assert(kMaxBodyBytes <= kMaxInvoicesBodyBytes);
static_assert(kMaxInvoicesBodyBytes <= kMaxInvoicesBytesInProgress,
              "or the largest always gets 503");

// In a chunked body. Longer or more: 400.
inline constexpr std::size_t kMaxChunkLineBytes = 1024;  // the size of a chunk, or a trailer field
inline constexpr int kMaxTrailers = 32;

// ---- Responses of the server ----

// Rows of a list that one transaction reads and one chunk of the response holds. More rows cost
// memory per client and keep writers waiting; fewer rows cost more transactions.
inline constexpr std::size_t kListPageRows = 1000;

inline constexpr std::size_t kMaxUnsentBytes = 64 * 1024;  // gathered, then sent

// A client that accepts less than this (or than the rest) in this time loses its connection.
inline constexpr std::size_t kWriteStallBytes = 64 * 1024;
inline constexpr std::chrono::milliseconds kWriteStall{5'000};

// ---- The client. A call fails at a limit. ----

inline constexpr std::chrono::milliseconds kConnectTimeout{1'000};
inline constexpr std::chrono::milliseconds kCallTimeout{5'000};  // including the connection
inline constexpr std::size_t kMaxResponseBytes = 64 * 1024;      // of the body
inline constexpr std::size_t kMaxChunkOverhead = 8;   // received per byte of it, in 1-byte chunks
inline constexpr std::size_t kMaxRefusalBytes = 500;  // of the provider's reason; the rest is cut

static_assert(kConnectTimeout < kCallTimeout, "or no time is left for the response");
static_assert(kMaxRefusalBytes < kMaxResponseBytes);

}  // namespace common

#endif  // COMMON_HTTP_LIMITS_H_
