# Headers that most files read, compiled once: the image's build starts from nothing more often than a developer's.
# Included by image/lib/engine.sh (CMAKE_PROJECT_INCLUDE); the targets are there at the end of the top folder.
set(POSTERN_HEADERS
  <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/detached.hpp> <boost/asio/use_awaitable.hpp>
  <boost/asio/steady_timer.hpp> <boost/asio/ip/tcp.hpp> <boost/asio/local/stream_protocol.hpp> <boost/asio/io_context.hpp>
  <boost/asio/post.hpp> <boost/asio/experimental/awaitable_operators.hpp> <boost/json.hpp> <fmt/format.h> <algorithm>
  <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <set> <sstream> <string> <string_view> <thread>
  <unordered_map> <variant> <vector>)

# The first of the rooms that are named has them compiled, the others use that: so all see the same macros.
function(postern_share_headers first)
  target_precompile_headers(${first} PRIVATE ${POSTERN_HEADERS})
  foreach(room ${ARGN})
    if(TARGET ${room})
      get_target_property(kind ${room} TYPE)
      if(kind STREQUAL "STATIC_LIBRARY")
        target_precompile_headers(${room} REUSE_FROM ${first})
      endif()
    endif()
  endforeach()
endfunction()

function(postern_precompile)
  postern_share_headers(postern_vocabulary postern_smtp postern_net postern_store postern_ports postern_session
    postern_scan postern_transform postern_queue postern_route postern_deliver postern_report postern_alert postern_directory
    postern_ledger postern_authority)
  # RE2 and yaml-cpp define a macro for all that link them; postern_process has none of the others'.
  postern_share_headers(postern_policy postern_script postern_gateway postern_control postern_appliance)
endfunction()
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL postern_precompile)
