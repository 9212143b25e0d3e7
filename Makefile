# Shortcuts to what is done by CMake and the scripts. "make" alone lists them.

# Logical CPUs to use.
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

# Of "make run", "make demo" and "make crash": sqlite, or postgresql for temporary servers. "make deploy"
# keeps that of an existing deployment, or takes sqlite; with postgresql it is ./deploy.sh --postgresql.
export DATABASE ?= sqlite
POSTGRESQL = $(filter postgresql,$(DATABASE))$(if \
  $(filter-out sqlite postgresql,$(DATABASE)),$(error DATABASE is $(DATABASE), not sqlite or postgresql))

# How many trials "make crash" makes, of which seed, and from which one.
TRIALS ?= 100
SEED ?= 1
FIRST ?= 0
CRASH = build/faults/tests/crash/crash

# How long "make fuzz" (all targets together) and "make soak" run.
SECONDS ?= 60

# A directory with the httplib.h to use, instead of the pinned release (cmake/httplib.cmake).
HTTPLIB_INCLUDE_DIR ?=

CONFIGURE = cmake -DHTTPLIB_INCLUDE_DIR="$(HTTPLIB_INCLUDE_DIR)" --preset
BUILD = cmake --build --parallel $(JOBS) --preset
# Most tests wait for servers, disks and timeouts. With a sanitizer, they compute more than they wait.
TESTS_PER_JOB = 3
asan tsan: TESTS_PER_JOB = 2
CTEST = ctest --output-on-failure --parallel $(shell expr $(TESTS_PER_JOB) '*' $(JOBS)) --preset

# Lets ccache find in one copy of the sources what it has compiled in another (scripts/mutants.sh).
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR = 1

# g++'s ThreadSanitizer can't run where addresses are randomised over too many bits.
FIXED_ADDRESSES = $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: help
help: ## Show this help
	@echo 'Targets:'
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1	\2/p' Makefile | \
	  while IFS='	' read -r target text; do printf '  %-13s %s\n' "$$target" "$$text"; done
	@echo 'Variables: DATABASE=sqlite|postgresql (run, demo, crash, deploy),'
	@echo '  HTTPLIB_INCLUDE_DIR=DIR (a cpp-httplib to use), JOBS=N, TRIALS=N, SEED=N, FIRST=N, SECONDS=N'

.PHONY: deps
deps: ## Install the Debian packages that are missing (packages.txt)
	@scripts/install-packages.sh

.PHONY: build
build: ## Build build/bin/invoice-app and build/bin/payment-provider
	@scripts/install-packages.sh build
	$(CONFIGURE) release -DBUILD_TESTING=OFF -DBUILD_BENCHMARKS=OFF
	$(BUILD) release

.PHONY: test
test: ## Build with warnings as errors and run all tests
	@scripts/install-packages.sh build run test tools postgresql
	@scripts/install-node-packages.sh
	$(CONFIGURE) dev
	$(BUILD) dev
	$(CTEST) dev

.PHONY: run
run: build ## Run both services until Ctrl-C (data in build/run)
	@scripts/install-packages.sh run $(POSTGRESQL)
	@scripts/run.sh

.PHONY: demo
demo: build ## Show what the services do, in a few seconds (and some minutes for the first build)
	@scripts/install-packages.sh run $(POSTGRESQL)
	@scripts/demo.sh

.PHONY: monitor
monitor: ## Watch the services of "make run" with Prometheus and Alertmanager, until Ctrl-C
	@scripts/install-packages.sh run monitor
	@scripts/monitor.sh

.PHONY: fmt
fmt: ## Format the C++ sources
	@scripts/install-packages.sh lint
	@scripts/lint.sh --fix

.PHONY: lint
lint: ## Check format, clang-tidy's findings and the scripts
	@scripts/install-packages.sh build test tools lint
	$(CONFIGURE) dev
	JOBS=$(JOBS) scripts/lint.sh build/dev

.PHONY: asan
asan: ## Run the tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/install-packages.sh build run test postgresql
	$(CONFIGURE) asan
	$(BUILD) asan
	$(CTEST) asan

.PHONY: tsan
tsan: ## Run the tests of code with threads with ThreadSanitizer
	@scripts/install-packages.sh build run test postgresql
	$(CONFIGURE) tsan
	$(BUILD) tsan
	$(FIXED_ADDRESSES) $(CTEST) tsan

.PHONY: faults
faults:
	@scripts/install-packages.sh build run test postgresql
	$(CONFIGURE) faults -DBUILD_TESTING=OFF
	$(BUILD) faults

.PHONY: crash
crash: faults ## Kill processes and break connections at random, TRIALS=100 times from SEED=1
	$(CRASH) $(POSTGRESQL:%=--%) build/faults/bin $(TRIALS) $(SEED) $(FIRST)
	$(if $(POSTGRESQL),@echo "Must find a violation:"; $(CRASH) --asynchronous build/faults/bin 1 $(SEED); test $$? -eq 1)

.PHONY: mutants
mutants: faults ## Build known bugs in, one at a time, and see the crash suite find each
	HTTPLIB_INCLUDE_DIR="$(HTTPLIB_INCLUDE_DIR)" scripts/mutants.sh $(CRASH)

.PHONY: fuzz
fuzz: ## Feed the parsers with inputs that libFuzzer makes up, for SECONDS=60
	@scripts/install-packages.sh build fuzz
	$(CONFIGURE) fuzz
	$(BUILD) fuzz
	JOBS=$(JOBS) scripts/fuzz.sh build/fuzz/fuzz $(SECONDS)

.PHONY: bench
bench: ## Measure how fast invoices are paid and listed, and what the databases alone allow
	@scripts/install-packages.sh build postgresql
	$(CONFIGURE) release -DBUILD_TESTING=OFF -DBUILD_BENCHMARKS=ON
	$(BUILD) release
	build/release/bench/bench

# A directory with the programs of an older version, to compare the rate with.
BASELINE ?=

.PHONY: load
load: ## Put both services under load, and check that they serve all other clients (BASELINE=DIR)
	@scripts/install-packages.sh build load
	$(CONFIGURE) release -DBUILD_TESTING=OFF -DBUILD_BENCHMARKS=ON
	$(BUILD) release
	build/release/tests/load/load $(if $(BASELINE),--baseline="$(BASELINE)")

.PHONY: soak
soak: ## Add, pay and list on PostgreSQL for SECONDS=60 without an error, then copy, audit and back up a million invoices
	@scripts/install-packages.sh build postgresql
	$(CONFIGURE) release -DBUILD_TESTING=OFF -DBUILD_BENCHMARKS=ON
	$(BUILD) release
	build/release/tests/load/soak $(SECONDS)
	build/release/tests/load/copy
	build/release/tests/load/audit

.PHONY: images-test
images-test: ## Build both images and test three containers of each (with Docker, or as root)
	@tests/images_test.sh

.PHONY: debian13-test
debian13-test: ## Do "make asan" and the demo in a container of Debian 13 (with Docker, or as root)
	@tests/debian13_test.sh

# The options of deploy.sh, which are also environment variables: ./deploy.sh --help
ARGS ?=

.PHONY: deploy
deploy: ## Deploy to Kubernetes: minikube, or kubectl's context (ARGS='--context NAME')
	@./deploy.sh $(POSTGRESQL:%=--%) $(ARGS)

.PHONY: status
status: ## Show the pods of both services
	@./deploy.sh --status $(ARGS)

.PHONY: undeploy
undeploy: ## Remove both services from Kubernetes, with all their data (FORCE=1: don't ask)
	@./deploy.sh --delete $(ARGS)

.PHONY: clean
clean: ## Remove build/, with the data of "make run" and the secrets of Docker Compose
	rm -rf build
