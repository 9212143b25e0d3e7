#include "common/storage/database_url.h"

#include <stdexcept>
#include <string_view>

#include "common/storage/postgres_connection.h"

namespace common {

std::optional<DatabaseUrl> DatabaseUrl::parse(const std::string& text) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (text.starts_with("postgresql://") || text.starts_with("postgres://")) {
    try {
      return DatabaseUrl{Kind::kPostgres, text, PostgresParameters(text).description()};
    } catch (const std::invalid_argument&) {
      return std::nullopt;
    }
  }
  if (!text.starts_with(kSqlite)) return std::nullopt;
  std::string path = text.substr(kSqlite.size());
  if (path.empty() || path.front() == ':' || path.starts_with("file:")) return std::nullopt;
  return DatabaseUrl{Kind::kSqlite, path, path};
}

}  // namespace common
