// A list of a store as JSON, encoded once for all requests until the store changes. It is never
// stale: each request compares the store's version, which a store tells without waiting.
//
// Thread-safe. One thread encodes at a time; others wait for it, because they would read the same.
// A list over kMaxCachedListBytes is not kept, but read anew for each request (list.h).

#ifndef COMMON_HTTP_CACHED_LIST_H_
#define COMMON_HTTP_CACHED_LIST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/outcome.h"
#include "common/http/limits.h"
#include "common/http/list.h"
#include "common/http/message.h"

namespace common {

class CachedList {
 public:
  // `store` must outlive this. It has the functions
  //   version(): std::optional<std::uint64_t>. Differs after every change. Never waits, so a change
  //     may have its version already while it can still fail. nullopt: unknown.
  //   committed_version(): the same, of a change that cannot fail any more. May wait for it.
  //   list(std::int64_t after, std::size_t limit): as `read_page` of json_array().
  // `append_element` is as for json_array().
  template <typename Store, typename AppendElement>
  CachedList(Store& store, AppendElement append_element,
             std::size_t max_bytes = kMaxCachedListBytes)
      : CachedList(store, ReadList([&store, append_element] {
                     return json_array(
                         [&store](std::int64_t after, std::size_t limit) {
                           return store.list(after, limit);
                         },
                         append_element);
                   }),
                   max_bytes) {}

  // The same for any array that depends on the store only, such as one of sums: `read` begins to
  // read it. Needs no list().
  using ReadList = std::function<AppendChunk()>;
  template <typename Store>
  CachedList(Store& store, ReadList read, std::size_t max_bytes = kMaxCachedListBytes)
      : version_([&store] { return store.version(); }),
        committed_version_([&store] { return store.committed_version(); }),
        read_(std::move(read)),
        max_bytes_(max_bytes) {}

  // The response, if the list is kept and up to date, and the request has no query: a query asks
  // for a part of the list. Does not block.
  std::optional<HttpResponse> find(const HttpRequest& request);

  // The response. Reads the list if it is not up to date. Throws what the store throws.
  HttpResponse get(const HttpRequest& request);

 private:
  using Version = std::optional<std::uint64_t>;

  struct Encoded {
    Version version;  // nullopt if it changed while the list was read
    std::shared_ptr<const std::string> body;
    std::string etag;
  };
  using EncodedPtr = std::shared_ptr<const Encoded>;  // nullptr: the list is too long
  using Reading = std::shared_future<Outcome<EncodedPtr>>;

  EncodedPtr kept();
  // What a thread is reading; not valid if no thread is.
  Reading reading();
  // The kept list if it is up to date, else nullptr.
  EncodedPtr up_to_date();
  // A list that was read after the call, by this or another thread.
  EncodedPtr read();
  Outcome<EncodedPtr> try_encode();
  EncodedPtr encode();  // and keeps it

  const std::function<Version()> version_;
  const std::function<Version()> committed_version_;
  const ReadList read_;
  const std::size_t max_bytes_;
  std::atomic<bool> is_too_long_ = false;  // and will stay so, because lists only grow

  Mutex mutex_;  // never held while the store is read
  EncodedPtr kept_ GUARDED_BY(mutex_);
  Reading reading_ GUARDED_BY(mutex_);
};

}  // namespace common

#endif  // COMMON_HTTP_CACHED_LIST_H_
