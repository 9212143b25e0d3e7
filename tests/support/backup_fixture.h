// Makes, checks and restores backups with the programs, of databases of either kind.

#ifndef TESTS_SUPPORT_BACKUP_FIXTURE_H_
#define TESTS_SUPPORT_BACKUP_FIXTURE_H_

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/support/copy_fixture.h"

namespace tests {

// `name` is that of a database: "invoices" or "payments". Its backup is the file NAME.backup.
class BackupFixture : public CopyFixture {
 protected:
  using CopyFixture::CopyFixture;

  std::string file(const std::string& name) const { return directory_ / name; }

  // Of the database with this name, into the file NAME.backup.
  Outcome back_up(const std::string& name) { return back_up(name, database(name)); }
  Outcome back_up(const std::string& name, const std::string& url) const {
    return run(binary(name), {"--backup", file(name + ".backup")}, {{"DATABASE_URL", url}});
  }
  void expect_backup(const std::string& name) {
    const Outcome outcome = back_up(name);
    EXPECT_EQ(outcome.status, 0) << outcome.output;
  }
  Outcome verify(const std::string& name) const {
    return run(binary(name), {"--verify", file(name + ".backup")});
  }
  void expect_intact(const std::string& name, const std::string& text) const {
    const Outcome outcome = verify(name);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
  }
  static void expect_failure(const Outcome& outcome, const std::string& text, int status = 1) {
    EXPECT_EQ(outcome.status, status);
    EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
  }

  // Puts the backup into a new database of the test's kind, and returns its URL.
  std::string restore(const std::string& name) {
    std::string restored = database(name + std::to_string(++restored_));
    expect_copy(binary(name), "sqlite:" + file(name + ".backup"), restored);
    return restored;
  }

  // How many rows the backup has.
  int rows(const std::string& name) const {
    SQLite::Database database(file(name + ".backup"), SQLite::OPEN_READONLY);
    return database.execAndGet("SELECT count(*) FROM " + name);
  }

  // The names of all files that begin like this.
  std::set<std::string> files(const std::string& prefix) const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "")) {
      const std::string name = entry.path().filename();
      if (name.starts_with(prefix)) names.insert(name);
    }
    return names;
  }

 private:
  int restored_ = 0;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_BACKUP_FIXTURE_H_
