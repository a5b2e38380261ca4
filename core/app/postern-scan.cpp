// postern-scan: looks inside attachments, apart from everything else. Started by posternd, never by hand.
//
// Exit codes: 0 posternd has ended, 1 could not start (standard error says why), 2 wrong usage.
#include "scan/keeper.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <clocale>
#include <csignal>
#include <iostream>

int main(int count, char**)
{
    constexpr int wrong_usage = 2;
    constexpr int control = 3;
    struct stat facts {};
    if (count != 1 || fstat(control, &facts) != 0 || !S_ISSOCK(facts.st_mode)) {
        std::cerr << "postern-scan is started by posternd: it looks inside attachments in a process of its own\n";
        return wrong_usage;
    }
    close_range(control + 1, ~0U, 0);
    std::signal(SIGPIPE, SIG_IGN);
    std::setlocale(LC_CTYPE, "C.UTF-8");  // file names in archives
    return postern::scan::keep(postern::scan::Descriptor(control));
}
