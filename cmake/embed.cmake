# postern_embed(TARGET ROOM file...): text files become part of a library, found by name at run time.
#
# Generates the definition of `std::string_view postern::ROOM::embedded(std::string_view name)`; an unknown name gives an
# empty view. A change to a file configures again; the list of files is the caller's.
function(postern_embed target room)
  set(entries "")
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME)
    file(READ ${file} text)
    string(APPEND entries "    if (name == \"${name}\") return R\"embedded(${text})embedded\";\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/${room}_embedded.cpp)
  file(WRITE ${generated}.new "#include \"${room}/embedded.hpp\"\n\nnamespace postern::${room} {\n\n"
       "std::string_view embedded(std::string_view name) noexcept\n{\n${entries}    return {};\n}\n\n"
       "}  // namespace postern::${room}\n")
  configure_file(${generated}.new ${generated} COPYONLY)
  target_sources(${target} PRIVATE ${generated})
endfunction()
