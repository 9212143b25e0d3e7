// The sections of the benchmark. Each starts the services it needs, prints its lines and ends them.
// They throw std::exception when a result is wrong.

#ifndef BENCH_SECTIONS_H_
#define BENCH_SECTIONS_H_

#include "bench/pairs.h"
#include "tests/load/report.h"

namespace bench {

struct Settings {
  Programs programs;
  bool pays_a_million = false;  // also a run of 1,000,000 invoices
};

struct Reports {
  tests::Report required{true};  // a FAIL fails the program
  tests::Report targets{true};   // a FAIL is only printed: the rate depends on the machine
};

// What the two databases alone allow.
void floor(const Settings& settings, Reports& reports);

// Runs of many invoices, with batches and one by one, and runs of three invoices.
void pay(const Settings& settings, Reports& reports);

// Runs on PostgreSQL, with commits that are durable, and the same with SQLite.
void postgresql(const Settings& settings, Reports& reports);

// Commits and syncs of a run.
void syncs(const Settings& settings, Reports& reports);

// Three replicas of each service.
void replicas(const Settings& settings, Reports& reports);

// GET /invoices: unchanged and after a change.
void lists(const Settings& settings, Reports& reports);

}  // namespace bench

#endif  // BENCH_SECTIONS_H_
