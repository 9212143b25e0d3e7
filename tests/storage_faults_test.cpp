// Both programs on storage in trouble: locked, full, read-only, or with a file that isn't theirs
// any more. They say so in time (503, and not ready), stay alive, write nothing in part, and go on
// by themselves when the trouble is over.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/storage/lock_wait.h"
#include "tests/support/storage_faults_fixture.h"

namespace tests {
namespace {

static_assert(kInTime == 5 * common::kLongestLockWait);

class StorageFaults : public StorageFaultsFixture {
 protected:
  std::string database_url() const override { return "sqlite:" + file_; }
  std::string location() const override { return file_; }

  void expect_recovery(const Ids& expected) const {
    StorageFaultsFixture::expect_recovery(expected);
    SQLite::Database database(file_, SQLite::OPEN_READWRITE);
    EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
  }

  const std::string file_ = directory_ / "data.db";
};

TEST_P(StorageFaults, ALockedDatabaseIsSaidToBeUnavailableInTimeAndTheProcessStaysAlive) {
  start_and_write();
  const long threads = process_->status("Threads");
  const long memory_kb = process_->status("VmRSS");
  SQLite::Database other(file_, SQLite::OPEN_READWRITE, 10'000);
  other.exec("BEGIN EXCLUSIVE");

  std::vector<std::thread> callers;
  for (int i = 0; i < 24; ++i) {
    callers.emplace_back([this, i] {
      // A write may have to wait for one that waits already.
      const auto taken = taken_by(
          [&] { expect_unavailable(i % 2 == 0 ? post("locked" + std::to_string(i)) : list()); });
      EXPECT_LT(taken, 2 * kInTime);
    });
  }
  std::atomic<bool> ended = false;
  for (int i = 0; i < 12; ++i) {  // more than the admin listener has threads
    callers.emplace_back([this, &ended] {
      while (!ended) EXPECT_NE(status(probe("/readyz")), 0) << "no answer in time";
    });
  }
  EXPECT_TRUE(eventually([this] { return !is_ready(); }));
  const auto taken = taken_by([this] {
    for (int i = 0; i < 20; ++i) expect_status(probe("/livez"), 200);
  });
  EXPECT_LT(taken, kInTime);  // one after a readiness check each, they would need 60 s
  ended = true;
  for (std::thread& caller : callers) caller.join();
  expect_not_ready();
  EXPECT_EQ(process_->status("Threads"), threads);
  EXPECT_LT(process_->status("VmRSS"), memory_kb + kSlowdown * 64 * 1024);

  other.exec("ROLLBACK");
  expect_recovery({"before"});
}

TEST_P(StorageFaults, AReaderThatStaysStopsWritesAndNoReads) {
  start_and_write();
  SQLite::Database other(file_, SQLite::OPEN_READWRITE, 10'000);
  SQLite::Statement rows(other, "SELECT * FROM sqlite_master");
  rows.executeStep();
  expect_unavailable(post("not-taken"));
  EXPECT_EQ(ids(), Ids{"before"});
  rows.reset();
  expect_recovery({"before"});
}

TEST_P(StorageFaults, WithoutSpaceNothingIsTakenAndReadsGoOn) {
  start_and_write();
  const rlimit none{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  rlimit before{};
  ASSERT_EQ(prlimit(process_->pid(), RLIMIT_FSIZE, &none, &before), 0);
  for (int i = 0; i < 50; ++i) expect_unavailable(post("no-space-" + std::to_string(i)));
  EXPECT_EQ(ids(), Ids{"before"});
  expect_not_ready();
  expect_status(probe("/livez"), 200);
  ASSERT_EQ(prlimit(process_->pid(), RLIMIT_FSIZE, &before, nullptr), 0);
  expect_recovery({"before"});
}

TEST_P(StorageFaults, WhenSpaceRunsOutWhatWasAnsweredIsThere) {
  start_and_write();
  const rlimit full{.rlim_cur = std::filesystem::file_size(file_), .rlim_max = RLIM_INFINITY};
  rlimit before{};
  ASSERT_EQ(prlimit(process_->pid(), RLIMIT_FSIZE, &full, &before), 0);
  Ids expected = {"before"};
  bool is_full = false;
  for (int i = 0; !is_full && i < 2000; ++i) {
    const std::string id = "filling-up-" + std::to_string(i);
    is_full = status(post(id)) == 503;
    if (!is_full) expected.push_back(id);
  }
  EXPECT_TRUE(is_full);
  EXPECT_EQ(ids(), expected);
  ASSERT_EQ(prlimit(process_->pid(), RLIMIT_FSIZE, &before, nullptr), 0);
  expect_recovery(expected);
}

// The superuser may write to what is read-only, unless it has given that right away.
std::string script_that_obeys_permissions(const TemporaryDirectory& directory,
                                          const std::string& binary) {
  const std::string script = directory / "start.sh";
  std::ofstream(script) << "#!/bin/sh\n"
                        << "if [ \"$(id -u)\" -ne 0 ]; then exec '" << binary << "'; fi\n"
                        << "exec setpriv --bounding-set=-dac_override '" << binary << "'\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  return script;
}

TEST_P(StorageFaults, AReadOnlyDatabaseIsReadAndNotReadyUntilItCanBeWritten) {
  start_and_write();
  EXPECT_EQ(process_->stop(), 0);
  using std::filesystem::perms;
  std::filesystem::permissions(file_, perms::owner_read);
  start(script_that_obeys_permissions(directory_, GetParam().binary));
  process_->await_listening();
  expect_not_ready();
  expect_status(probe("/livez"), 200);
  expect_unavailable(post("not-taken"));
  EXPECT_EQ(ids(), Ids{"before"});
  std::filesystem::permissions(file_, perms::owner_read | perms::owner_write);
  expect_recovery({"before"});
}

TEST_P(StorageFaults, ANewDatabaseInAReadOnlyDirectoryRefusesTheStart) {
  using std::filesystem::perms;
  const std::string binary = script_that_obeys_permissions(directory_, GetParam().binary);
  std::filesystem::create_directory(directory_ / "read-only");
  std::filesystem::permissions(directory_ / "read-only", perms::owner_read | perms::owner_exec);
  const std::string file = directory_ / "read-only" / "new.db";
  ServiceProcess process(binary, {{"DATABASE_URL", "sqlite:" + file}}, directory_ / "log");
  EXPECT_EQ(process.wait(), 1);
  EXPECT_NE(process.log().find(file), std::string::npos) << process.log();
}

std::string read_file(const std::string& name) {
  std::ostringstream content;
  content << std::ifstream(name, std::ios::binary).rdbuf();
  return content.str();
}

// What may happen to the file behind the program's back.
struct Harm {
  const char* what;
  void (*harm)(const std::string& file);
};

constexpr Harm kHarms[] = {
    {"overwritten",
     [](const std::string& file) {
       std::ofstream(file, std::ios::binary) << std::string(20'000, 'g');
     }},
    {"replaced",
     [](const std::string& file) {
       std::ofstream(file + ".new", std::ios::binary) << std::string(20'000, 'g');
       std::filesystem::rename(file + ".new", file);
     }},
    {"emptied", [](const std::string& file) { std::filesystem::resize_file(file, 0); }},
    {"deleted", [](const std::string& file) { std::filesystem::remove(file); }},
};

TEST_P(StorageFaults, AFileThatIsNoDatabaseAnyMoreIsLeftAsItIsUntilTheRightOneIsBack) {
  start_and_write();
  Ids expected = {"before"};
  for (const auto& [what, harm] : kHarms) {
    SCOPED_TRACE(what);
    std::filesystem::copy_file(file_, file_ + ".good");
    harm(file_);
    const std::string harmed = read_file(file_);
    expect_unavailable(post("not-taken"));
    expect_unavailable(list());
    expect_not_ready();
    expect_status(probe("/livez"), 200);
    EXPECT_EQ(std::filesystem::exists(file_), std::string(what) != "deleted");
    EXPECT_EQ(read_file(file_), harmed);

    std::filesystem::rename(file_ + ".good", file_);
    EXPECT_TRUE(eventually([this] { return is_ready(); }));
    EXPECT_EQ(ids(), expected);
    expected.push_back(std::string("once-") + what);
    EXPECT_TRUE(write(expected.back()));
  }
  expect_recovery(expected);
}

INSTANTIATE_TEST_SUITE_P(Programs, StorageFaults, testing::Values(kInvoiceApp, kPaymentProvider),
                         name_of);

// Asking for payment needs the database too, and whoever asks in vain may ask again.
class PayingOnALockedDatabase : public StorageFaults {};

TEST_P(PayingOnALockedDatabase, IsAnsweredInTimeByEachOfManyCallers) {
  start_and_write();
  SQLite::Database other(file_, SQLite::OPEN_READWRITE, 10'000);
  other.exec("BEGIN EXCLUSIVE");
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([this] {
      common::HttpClient client({.base_url = process_->url(), .call_timeout = kInTime});
      expect_unavailable(client.post("/invoices/pay", {}, "", ""));
    });
  }
  for (std::thread& caller : callers) caller.join();
  other.exec("ROLLBACK");
  expect_recovery({"before"});
}

INSTANTIATE_TEST_SUITE_P(Programs, PayingOnALockedDatabase, testing::Values(kInvoiceApp), name_of);

}  // namespace
}  // namespace tests
