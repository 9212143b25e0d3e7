# project_embed(target file namespace name): compiles a text file into the target, as
#
#   namespace NAMESPACE { extern const std::string_view NAME; }
#
# which the source that uses it declares. The build is configured anew when the file changes.

function(project_embed target file namespace name)
  file(READ "${file}" text)
  set(delimiter "embedded")
  string(FIND "${text}" ")${delimiter}\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${file} has the text that ends it in a C++ literal: )${delimiter}\"")
  endif()
  set(source "${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.cpp")
  string(CONCAT content
    "#include <string_view>\n\n"
    "namespace ${namespace} {\n"
    "extern const std::string_view ${name};\n"
    "const std::string_view ${name} = R\"${delimiter}(${text})${delimiter}\";\n"
    "}  // namespace ${namespace}\n")
  file(CONFIGURE OUTPUT "${source}" CONTENT "@content@" @ONLY)
  target_sources(${target} PRIVATE "${source}")
  set_source_files_properties("${source}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # not ours to lint
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
endfunction()
