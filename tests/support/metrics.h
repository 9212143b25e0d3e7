// Checks the text that Prometheus gets from a registry.

#ifndef TESTS_SUPPORT_METRICS_H_
#define TESTS_SUPPORT_METRICS_H_

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <string>

namespace tests {

// Whether the text has this line.
inline testing::AssertionResult has_line(const prometheus::Collectable& metrics,
                                         const std::string& line) {
  const std::string text = prometheus::TextSerializer().Serialize(metrics.Collect());
  if (("\n" + text).find("\n" + line + "\n") != std::string::npos) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "no line " << line << " in\n" << text;
}

}  // namespace tests

#endif  // TESTS_SUPPORT_METRICS_H_
