// The scanner's two quiet processes. The keeper starts trees and reads no mail; a tree holds one signature set, and
// forks its workers with it. Both do what posternd's notices say, and end when it does.
//
// One thread each. A keeper that can't set up its sandbox says so on standard error and ends.
#pragma once

#include "scan/passing.hpp"

namespace postern::scan {

/// postern-scan's life; `control` is the socket to posternd. Returns the exit code.
[[nodiscard]] int keep(Descriptor control);

/// How many slots a keeper makes: a swap has two trees at one time.
[[nodiscard]] constexpr unsigned slots_for(unsigned workers)
{
    return 2 * workers;
}

}  // namespace postern::scan
