# HARDENING: turns memory errors that slipped through into a crash instead of a way in. Not together
# with sanitizers, which replace it.

include(CheckCXXCompilerFlag)
include(CheckPIESupported)

option(HARDENING "Build with the compiler's and linker's run-time defences" OFF)

# Position-independent executables, for address-space layout randomisation.
check_pie_supported(LANGUAGES CXX)

if(HARDENING AND NOT SANITIZE)
  add_compile_options(
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2  # bounds checks in libc's string and I/O functions
    -D_GLIBCXX_ASSERTIONS                  # bounds and null checks in the standard library
    -fstack-protector-strong
    -fstack-clash-protection)

  check_cxx_compiler_flag(-fcf-protection HAS_CF_PROTECTION)  # x86 only
  if(HAS_CF_PROTECTION)
    add_compile_options(-fcf-protection)
  endif()

  add_link_options(
    LINKER:-z,relro LINKER:-z,now  # the tables of library functions are read-only
    LINKER:-z,noexecstack
    LINKER:--as-needed)
endif()
