# project_warnings: the warnings that all of our own code is compiled with.

option(WARNINGS_AS_ERRORS "Treat warnings as errors" OFF)

add_library(project_warnings INTERFACE)
target_compile_options(project_warnings INTERFACE
  -Wall
  -Wextra
  -Wpedantic
  -Wcast-align
  -Wconversion
  -Wextra-semi
  -Wformat=2
  -Wimplicit-fallthrough
  -Wnon-virtual-dtor
  -Wold-style-cast
  -Woverloaded-virtual
  -Wshadow
  -Wsign-conversion
  -Wundef
  -Wunused
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-branches>
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
  $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>
  $<$<BOOL:${WARNINGS_AS_ERRORS}>:-Werror>)

if(SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ takes what the sanitizers add for uses of uninitialised variables.
  target_compile_options(project_warnings INTERFACE -Wno-maybe-uninitialized)
endif()
