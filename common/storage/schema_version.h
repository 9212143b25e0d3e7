// The rule for rolling updates: which programs may use a database whose schema another release has
// changed (docs/decisions/0009-expand-first-contract-one-release-later.md). Plain values.

#ifndef COMMON_STORAGE_SCHEMA_VERSION_H_
#define COMMON_STORAGE_SCHEMA_VERSION_H_

#include <string>

namespace common {

// As a database stores it. A program knows a schema version too: the number of its migrations.
struct SchemaVersion {
  int version = 0;  // number of migrations that were run
  // The lowest version that a program must know to use this schema. 0: every program may use it.
  int oldest_program = 0;

  bool allows_program(int known_version) const { return oldest_program <= known_version; }

  friend bool operator==(const SchemaVersion&, const SchemaVersion&) = default;
};

// How a program opens a database.
enum class Opening {
  kMigrate,  // to serve from it: creates it and runs migrations, if necessary
  // The others need a database with all migrations that this program knows.
  kExisting,
  kReadOnly,  // changes nothing
};

// Why a program may not use it; continues the name of the database.
inline std::string describe_refusal(const SchemaVersion& database, int known_version) {
  return "has schema version " + std::to_string(database.version) +
         ", for programs that know version " + std::to_string(database.oldest_program) +
         " or later; this program knows version " + std::to_string(known_version);
}

// Why it needs a migration first; continues the name of the database.
inline std::string describe_old_schema(int version, int known_version) {
  return "has schema version " + std::to_string(version) + "; this program needs version " +
         std::to_string(known_version);
}

}  // namespace common

#endif  // COMMON_STORAGE_SCHEMA_VERSION_H_
