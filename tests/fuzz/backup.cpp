// room: backup
//
// A file that somebody calls a backup: its head and its outside are refused with a reason, or hold.
#include "backup/sealed_file.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace postern;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const int memory = memfd_create("backup", MFD_CLOEXEC);
    static const std::string path = "/proc/self/fd/" + std::to_string(memory);
    if (ftruncate(memory, 0) != 0 || pwrite(memory, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
    auto reader = backup::SealedReader::open(path);
    if (!reader) {
        if (reader.error().detail().empty()) std::abort();
        return 0;
    }
    const auto whole = reader->check_outside();
    if (!whole && whole.error().detail().empty()) std::abort();
    return 0;
}
