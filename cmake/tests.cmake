# project_test(name sources... [LIBRARIES ...] [TIMEOUT seconds] [SHARDS number]): a GoogleTest
# executable whose tests ctest runs one by one, each in a process of its own.
#
# With SHARDS, ctest runs the executable as so many tests, each with its part of the executable's
# tests, and TIMEOUT is for a whole part. For tests that share what takes long to start, such as a
# database server. These parts take long, so ctest begins with them.

include(GoogleTest)

function(project_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TIMEOUT;SHARDS" "LIBRARIES")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gtest_main project_warnings)
  # GoogleTest's macros take twice as long to compile with optimisation.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  # So they do with UndefinedBehaviorSanitizer, which is to look at the programs and not at the tests.
  if(SANITIZE MATCHES "undefined")
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  endif()
  if(ARG_SHARDS)
    foreach(shard RANGE 1 ${ARG_SHARDS})
      math(EXPR index "${shard} - 1")
      add_test(NAME ${name}.${shard} COMMAND ${name})
      set_tests_properties(${name}.${shard} PROPERTIES
        TIMEOUT ${ARG_TIMEOUT} LABELS ${name} COST 100
        ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_SHARDS};GTEST_SHARD_INDEX=${index}")
    endforeach()
    return()
  endif()
  # Asked for its tests when they are run: at build time it might not run at all (cross builds), and
  # a sanitizer's finding there would stop the build instead of failing a test.
  gtest_discover_tests(${name}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${name})
endfunction()
