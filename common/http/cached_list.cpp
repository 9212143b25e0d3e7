#include "common/http/cached_list.h"

#include <exception>
#include <utility>

#include "common/http/etag.h"

namespace common {

std::optional<HttpResponse> CachedList::find(const HttpRequest& request) {
  const EncodedPtr list = request.query.empty() ? up_to_date() : nullptr;
  if (!list) return std::nullopt;
  return respond_unless_cached(request, list->etag, list->body);
}

HttpResponse CachedList::get(const HttpRequest& request) {
  EncodedPtr list;
  if (!is_too_long_) list = up_to_date();
  if (!is_too_long_ && !list) list = read();
  return list ? respond_unless_cached(request, list->etag, list->body) : respond_in_chunks(read_());
}

CachedList::EncodedPtr CachedList::kept() {
  MutexLock lock(mutex_);
  return kept_;
}

CachedList::EncodedPtr CachedList::up_to_date() {
  EncodedPtr list = kept();
  return list && list->version == version_() ? list : nullptr;
}

CachedList::EncodedPtr CachedList::read() {
  const Reading earlier = reading();
  if (earlier.valid()) {
    // If it fails, so would this: the others must not wait for the database one after the other.
    if (!earlier.get()()) return nullptr;
    // It may have begun before a change that this request must show.
    if (EncodedPtr list = up_to_date()) return list;
  }
  std::promise<Outcome<EncodedPtr>> promise;
  Reading other;
  {
    MutexLock lock(mutex_);
    other = reading_;
    if (!other.valid()) reading_ = promise.get_future().share();
  }
  if (other.valid()) return other.get()();  // it has begun after `earlier` had ended
  Outcome<EncodedPtr> outcome = try_encode();
  {
    MutexLock lock(mutex_);
    reading_ = {};  // before the others continue: they must not find it again
  }
  promise.set_value(outcome);
  return outcome();
}

CachedList::Reading CachedList::reading() {
  MutexLock lock(mutex_);
  return reading_;
}

Outcome<CachedList::EncodedPtr> CachedList::try_encode() {
  try {
    return [list = encode()] { return list; };
  } catch (const std::exception& error) {
    return failed<EncodedPtr>(error);
  }
}

CachedList::EncodedPtr CachedList::encode() {
  Version version = committed_version_();
  const AppendChunk append_chunk = read_();
  std::string body;
  while (append_chunk(body) && body.size() <= max_bytes_) {
  }
  if (body.size() > max_bytes_) {
    is_too_long_ = true;
    MutexLock lock(mutex_);
    kept_.reset();
    return nullptr;
  }
  if (version_() != version) version = std::nullopt;
  Encoded list{.version = version, .body = nullptr, .etag = {}};
  const EncodedPtr before = kept();
  if (before && *before->body == body) {
    list.body = before->body;
    list.etag = before->etag;
  } else {
    body.shrink_to_fit();
    list.etag = etag_of(body);
    list.body = std::make_shared<const std::string>(std::move(body));
  }
  auto encoded = std::make_shared<const Encoded>(std::move(list));
  if (version) {
    MutexLock lock(mutex_);
    kept_ = encoded;
  }
  return encoded;
}

}  // namespace common
