# Text files that a library carries inside.
#   atelier_embed(OUTPUT out.cpp HEADER folder/x.h VARIABLE kX FILES a.css b.js ...)
# writes out.cpp again whenever a file changes. HEADER declares
#   struct EmbeddedFile { std::string_view name, text; };  and  extern const std::span<const EmbeddedFile> kX;
# The order is that of FILES; `name` is a file's name without its folder.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(_embed_script "${CMAKE_CURRENT_LIST_FILE}")
  function(atelier_embed)
    cmake_parse_arguments(ARG "" "OUTPUT;HEADER;VARIABLE" "FILES" ${ARGN})
    list(JOIN ARG_FILES "|" _files)
    add_custom_command(
      OUTPUT "${ARG_OUTPUT}" DEPENDS ${ARG_FILES} "${_embed_script}" VERBATIM
      COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${ARG_OUTPUT}" "-DHEADER=${ARG_HEADER}" "-DVARIABLE=${ARG_VARIABLE}"
              "-DFILES=${_files}" -P "${_embed_script}")
  endfunction()
  return()
endif()

# As a script: FILES is one argument, parted by bars.
string(REPLACE "|" ";" FILES "${FILES}")
set(_rows "")
foreach(_file IN LISTS FILES)
  file(READ "${_file}" _text)
  get_filename_component(_name "${_file}" NAME)
  string(APPEND _rows "    {\"${_name}\", R\"__file__(${_text})__file__\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"\n\nnamespace atelier {\nnamespace {\n
constexpr EmbeddedFile kFiles[] = {\n${_rows}};\n
}  // namespace\n
const std::span<const EmbeddedFile> ${VARIABLE} = kFiles;\n
}  // namespace atelier\n")
