# httplib: cpp-httplib, from the first of these that there is:
#
# 1. HTTPLIB_INCLUDE_DIR, a directory with an httplib.h
# 2. the pinned release, downloaded into HTTPLIB_DOWNLOAD_DIR and checked against its SHA-256
# 3. the distribution's package, which is older (a note says what that costs)
#
# The code builds and passes its tests with all three.

set(HTTPLIB_VERSION 0.53.1)
set(HTTPLIB_SHA256 bc69d53636a8757cb24a1deb9880bf7e2fdae3a80bbc759e145b8c80913cbfa3)
set(HTTPLIB_URL
    https://raw.githubusercontent.com/yhirose/cpp-httplib/v${HTTPLIB_VERSION}/httplib.h)

set(HTTPLIB_INCLUDE_DIR "" CACHE PATH "A directory with the httplib.h to use")
set(HTTPLIB_DOWNLOAD_DIR "${CMAKE_BINARY_DIR}/httplib"
    CACHE PATH "Where the pinned httplib.h is kept once it is downloaded")
option(HTTPLIB_DOWNLOAD "Download the pinned httplib.h when it is not there" ON)

# Sets `result` to whether the pinned header is in HTTPLIB_DOWNLOAD_DIR.
function(httplib_is_downloaded result)
  set(is_there FALSE)
  if(EXISTS "${HTTPLIB_DOWNLOAD_DIR}/httplib.h")
    file(SHA256 "${HTTPLIB_DOWNLOAD_DIR}/httplib.h" sha256)
    string(COMPARE EQUAL "${sha256}" "${HTTPLIB_SHA256}" is_there)
  endif()
  set(${result} ${is_there} PARENT_SCOPE)
endfunction()

# Tries once per build directory: without a network, every later configure would wait for it again.
# The header gets its name only when it is whole and right.
function(httplib_download)
  if(HTTPLIB_DOWNLOAD_TRIED STREQUAL HTTPLIB_VERSION)
    return()
  endif()
  set(HTTPLIB_DOWNLOAD_TRIED ${HTTPLIB_VERSION} CACHE INTERNAL "Not tried again in this directory")

  set(partial "${CMAKE_BINARY_DIR}/httplib.h.partial")
  message(STATUS "Downloading ${HTTPLIB_URL}")
  file(DOWNLOAD "${HTTPLIB_URL}" "${partial}" TIMEOUT 30 INACTIVITY_TIMEOUT 5 STATUS status
       TLS_VERIFY ON)
  list(POP_FRONT status code reason)
  if(code EQUAL 0)
    file(SHA256 "${partial}" sha256)
    if(sha256 STREQUAL HTTPLIB_SHA256)
      file(MAKE_DIRECTORY "${HTTPLIB_DOWNLOAD_DIR}")
      file(RENAME "${partial}" "${HTTPLIB_DOWNLOAD_DIR}/httplib.h")
      return()
    endif()
    set(reason "its SHA-256 is ${sha256}, which is not the pinned one")
  endif()
  file(REMOVE "${partial}")
  message(STATUS "Download failed: ${reason}")
endfunction()

# A header that only sees its own directory: /usr/include may hold another version.
function(httplib_use_header directory origin)
  if(NOT EXISTS "${directory}/httplib.h")
    message(FATAL_ERROR "HTTPLIB_INCLUDE_DIR: there is no httplib.h in '${directory}'")
  endif()
  target_include_directories(httplib SYSTEM BEFORE INTERFACE "${directory}")
  target_link_libraries(httplib INTERFACE Threads::Threads)
  message(STATUS "cpp-httplib: ${origin}")
endfunction()

# With the package's own flags: where it is a compiled library, they decide the layout of classes.
# The header's inline functions call the package's private libraries (OPENSSL_thread_stop), so
# programs that include it link those too.
function(httplib_use_package)
  pkg_check_modules(HTTPLIB_PACKAGE REQUIRED IMPORTED_TARGET cpp-httplib)
  target_link_libraries(httplib INTERFACE PkgConfig::HTTPLIB_PACKAGE
                        ${HTTPLIB_PACKAGE_STATIC_LIBRARIES} Threads::Threads)
  message(STATUS "cpp-httplib: the distribution's package, ${HTTPLIB_PACKAGE_VERSION}")
  if(HTTPLIB_PACKAGE_VERSION VERSION_LESS HTTPLIB_VERSION)
    message(NOTICE
      "Note: cpp-httplib is the distribution's ${HTTPLIB_PACKAGE_VERSION} instead of ${HTTPLIB_VERSION}. "
      "All works, with about 40 % less throughput on small requests, and fewer of the library's own "
      "caps on chunked bodies and header counts. For ${HTTPLIB_VERSION}, configure where "
      "${HTTPLIB_URL} can be reached, or pass the directory of a copy: "
      "make HTTPLIB_INCLUDE_DIR=DIR, cmake -DHTTPLIB_INCLUDE_DIR=DIR")
  endif()
endfunction()

add_library(httplib INTERFACE)
if(HTTPLIB_INCLUDE_DIR)
  httplib_use_header("${HTTPLIB_INCLUDE_DIR}" "${HTTPLIB_INCLUDE_DIR}/httplib.h")
else()
  httplib_is_downloaded(HTTPLIB_IS_DOWNLOADED)
  if(HTTPLIB_DOWNLOAD AND NOT HTTPLIB_IS_DOWNLOADED)
    httplib_download()
    httplib_is_downloaded(HTTPLIB_IS_DOWNLOADED)
  endif()
  if(HTTPLIB_IS_DOWNLOADED)
    httplib_use_header("${HTTPLIB_DOWNLOAD_DIR}" "the pinned release, ${HTTPLIB_VERSION}")
  else()
    httplib_use_package()
  endif()
endif()
