// The acceptance points of the HTTP server. Each starts the services it needs, prints its lines and
// ends them. They throw std::exception when they cannot measure.

#ifndef TESTS_LOAD_POINTS_H_
#define TESTS_LOAD_POINTS_H_

#include <filesystem>
#include <optional>

#include "tests/load/report.h"

namespace tests {

struct Settings {
  std::filesystem::path binaries;                 // of invoice-app and payment-provider
  std::optional<std::filesystem::path> baseline;  // of an older version, to compare with
  bool is_quick = false;                          // fewer clients for a shorter time
};

// Clients that hold connections without being of use, on either port.
void bad_clients(const Settings& settings, Report& report);

// 10,000 connections that are idle most of the time.
void many_connections(const Settings& settings, Report& report);

// nginx in front, which sends a request just when the service may close the connection.
void proxy(const Settings& settings, Report& report);

// As many small lists as possible.
void rate(const Settings& settings, Report& report);

// Clients that read a list of a million invoices slowly.
void slow_readers(const Settings& settings, Report& report);

// No file descriptors are left.
void no_descriptors(const Settings& settings, Report& report);

// More connections than the service allows.
void connection_cap(const Settings& settings, Report& report);

// SIGTERM while requests are in flight.
void stop(const Settings& settings, Report& report);

}  // namespace tests

#endif  // TESTS_LOAD_POINTS_H_
