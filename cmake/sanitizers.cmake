# SANITIZE=address,undefined or SANITIZE=thread: everything is compiled and linked with them.

set(SANITIZE "" CACHE STRING "Sanitizers to build with: empty, address,undefined or thread")

if(SANITIZE)
  add_compile_options(
    -fsanitize=${SANITIZE}
    -fno-omit-frame-pointer       # readable stacks
    -fno-sanitize-recover=all     # a finding fails the test
    -fno-sanitize=vptr            # needs descriptors of its own, so it fails where tests leave none
    # clang 14 cannot compile coroutines with it.
    $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>)
  add_link_options(-fsanitize=${SANITIZE})
endif()
