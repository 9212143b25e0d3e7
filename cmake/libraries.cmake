# project_library(name SOURCES... [KIND STATIC|OBJECT] [PUBLIC ...] [PRIVATE ...]): the library of the
# current folder.
#
# Only targets that link it find its headers, under their path in the repository: each library has an
# include directory of its own, with links to the headers of its folder. So the link dependencies
# state which folder may use which, and an include that they do not allow does not build.

function(project_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "KIND" "PUBLIC;PRIVATE")
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY "${PROJECT_SOURCE_DIR}"
             OUTPUT_VARIABLE folder)
  set(includes "${PROJECT_BINARY_DIR}/include/${name}")
  file(MAKE_DIRECTORY "${includes}/${folder}")
  file(GLOB headers CONFIGURE_DEPENDS "*.h")
  foreach(header IN LISTS headers)
    cmake_path(GET header FILENAME file)
    file(CREATE_LINK "${header}" "${includes}/${folder}/${file}" SYMBOLIC)
  endforeach()

  add_library(${name} ${ARG_KIND} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC "${includes}")
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} project_warnings)
endfunction()
