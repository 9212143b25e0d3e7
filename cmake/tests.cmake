# project_test(name sources... [LIBRARIES ...] [TIMEOUT seconds] [ONE_PROCESS]): a GoogleTest
# executable whose tests ctest runs one by one, each in a process of its own.
#
# With ONE_PROCESS, ctest runs the whole executable as one test, and TIMEOUT is for all of it. For
# tests that share what takes long to start, such as a database server.

include(GoogleTest)

function(project_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "ONE_PROCESS" "TIMEOUT" "LIBRARIES")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gtest_main project_warnings)
  if(ARG_ONE_PROCESS)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${name})
    return()
  endif()
  # Asked for its tests when they are run: at build time it might not run at all (cross builds), and
  # a sanitizer's finding there would stop the build instead of failing a test.
  gtest_discover_tests(${name}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${name})
endfunction()
