// The directory for other systems: read-only, whole, and never more than everybody may see.
//
//     GET /v1/directory/feed?format=json|csv|ldif &organisation= &base=
//
// By the permission read_feed. In it are active entries that are not ex-directory, of organisations that are declared
// and under no sanction, in the order of their own addresses. Printed and sent piece by piece, so that a large one
// holds up nobody and stands nowhere whole: an entry that is changed meanwhile is in it as it was or as it is.
#pragma once

#include "control/http.hpp"
#include "control/permits.hpp"

namespace postern::control {

class FeedApi {
public:
    FeedApi(gateway::Services services, Permits& permits) : services_(services), permits_(permits) {}
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    gateway::Services services_;
    Permits& permits_;
};

}  // namespace postern::control
