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

# Through pkg-config, because some versions of FindPostgreSQL also demand the server's headers.
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)  # PkgConfig::LIBPQ

include(cmake/httplib.cmake)  # httplib

# asio: sockets, timers and coroutines of the server. Header only, without Boost.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(asio INTERFACE)
target_include_directories(asio SYSTEM INTERFACE "${ASIO_INCLUDE_DIR}")
target_compile_definitions(asio INTERFACE
  ASIO_STANDALONE
  ASIO_NO_DEPRECATED
  ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)  # 1.22 doesn't see that clang has them
target_compile_options(asio INTERFACE
  # False alarms of g++ 12: coroutines' own operator new, and Asio's fences with ThreadSanitizer.
  "$<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete;-Wno-tsan>")
target_link_libraries(asio INTERFACE Threads::Threads)

if(BUILD_TESTING)
  find_package(GTest REQUIRED)  # GTest::gtest_main
endif()
