# The libraries we build on, from the distribution's packages (packages.txt), and cpp-httplib.
# Each target links only what it uses.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

find_package(nlohmann_json REQUIRED)  # nlohmann_json::nlohmann_json
find_package(spdlog REQUIRED)         # spdlog::spdlog, with fmt as it was built
find_package(SQLite3 REQUIRED)        # SQLite::SQLite3
find_package(SQLiteCpp REQUIRED)      # SQLiteCpp

# Through pkg-config, because the CMake package also demands what its push and pull parts need
# (libcurl, civetweb), which we don't link: metrics are served by our own admin listener.
pkg_check_modules(PROMETHEUS_CPP_CORE REQUIRED IMPORTED_TARGET prometheus-cpp-core)

include(cmake/httplib.cmake)  # httplib

if(BUILD_TESTING)
  find_package(GTest REQUIRED)  # GTest::gtest_main
endif()
