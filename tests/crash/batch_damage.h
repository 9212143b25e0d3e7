// What a proxy does to batches of payments (POST /payments/batch) in addition to what it does to
// all traffic. The functions take and return whole HTTP messages with a Content-Length.

#ifndef TESTS_CRASH_BATCH_DAMAGE_H_
#define TESTS_CRASH_BATCH_DAMAGE_H_

#include <random>
#include <string>
#include <string_view>

namespace tests {

// Whether a request that begins so is a batch.
bool is_batch(std::string_view request);

// Whether the head and the whole body are there.
bool is_complete(std::string_view message);

// The response of a provider without this endpoint: 404, 405 or 501.
std::string no_such_endpoint(std::mt19937_64& random);

// The request without some of its payments: the provider never gets them.
std::string shorten(const std::string& request, std::mt19937_64& random);

// A response that a client must not trust as it stands: results are missing, duplicated,
// reordered or foreign, have another key, or the status is 200 instead of 207. A result that is not
// this payment's, and a second result of a payment, has the opposite status. Returns a response
// without results unchanged.
std::string damage(const std::string& response, std::mt19937_64& random);

}  // namespace tests

#endif  // TESTS_CRASH_BATCH_DAMAGE_H_
