// Runs "--copy" and the other commands of the programs.

#ifndef TESTS_SUPPORT_COPY_FIXTURE_H_
#define TESTS_SUPPORT_COPY_FIXTURE_H_

#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/end_to_end_fixture.h"

namespace tests {

struct Outcome {
  int status;
  std::string output;
};

class CopyFixture : public EndToEnd {
 protected:
  using EndToEnd::EndToEnd;

  Outcome run(const std::string& binary, std::vector<std::string> arguments,
              const Variables& variables = {}) const {
    arguments.insert(arguments.begin(), binary);
    ChildProcess process(std::move(arguments), variables, directory_ / "command.log");
    const int status = process.wait();
    return {status, process.log()};
  }

  void expect_copy(const std::string& binary, const std::string& from, const std::string& to) {
    const Outcome outcome = run(binary, {"--copy", from, to});
    EXPECT_EQ(outcome.status, 0) << outcome.output;
  }
};

}  // namespace tests

#endif  // TESTS_SUPPORT_COPY_FIXTURE_H_
