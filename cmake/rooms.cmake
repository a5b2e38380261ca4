# postern_room(NAME [LINK lib...]): the library postern_NAME from every .cpp in core/NAME.
#
# Which room may include which is not said here but in tests/levels.txt, and enforced by tests/include_test.py.
function(postern_room name)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/${name}/*.cpp)
  if(sources)
    add_library(postern_${name} STATIC ${sources})
    target_include_directories(postern_${name} PUBLIC ${CMAKE_SOURCE_DIR}/core)
    target_link_libraries(postern_${name} PUBLIC ${ROOM_LINK})
  else()
    add_library(postern_${name} INTERFACE)
    target_include_directories(postern_${name} INTERFACE ${CMAKE_SOURCE_DIR}/core)
    target_link_libraries(postern_${name} INTERFACE ${ROOM_LINK})
  endif()
endfunction()
