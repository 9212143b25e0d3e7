# project_test(name sources... [LIBRARIES ...] [TIMEOUT seconds]): a GoogleTest executable whose
# tests ctest runs one by one, each in a process of its own.

include(GoogleTest)

function(project_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TIMEOUT" "LIBRARIES")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gtest_main project_warnings)
  # Asked for its tests when they are run: at build time it might not run at all (cross builds), and
  # a sanitizer's finding there would stop the build instead of failing a test.
  gtest_discover_tests(${name}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${name})
endfunction()
