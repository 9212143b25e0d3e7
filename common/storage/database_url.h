// The database that a URL names. A plain value.

#ifndef COMMON_STORAGE_DATABASE_URL_H_
#define COMMON_STORAGE_DATABASE_URL_H_

#include <optional>
#include <string>

namespace common {

// For messages.
inline constexpr const char* kDatabaseUrlSyntax =
    "sqlite:PATH, or postgresql://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?...], where all "
    "characters "
    "of USER and PASSWORD but letters, digits and -._~ are percent-encoded";

struct DatabaseUrl {
  enum class Kind { kSqlite, kPostgres };

  Kind kind;
  std::string location;     // kSqlite: the path of the file; kPostgres: the URL, may have secrets
  std::string description;  // for logs: has no secrets

  // Reads "sqlite:PATH", or "postgresql://..." as libpq documents it ("Connection URIs"). nullopt
  // if it is neither. Not "sqlite::memory:": each connection would have a database of its own. Not
  // "sqlite:file:...", SQLite's URIs: they can be in memory, or without locks.
  static std::optional<DatabaseUrl> parse(const std::string& text);
};

}  // namespace common

#endif  // COMMON_STORAGE_DATABASE_URL_H_
