#include "scan/passing.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace postern::scan {

namespace {

constexpr int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

[[noreturn]] void fail(const char* what)
{
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

// The descriptors that came with a message. More than one is nobody's message: all are closed.
bool take_descriptors(msghdr& header, Descriptor& passed)
{
    bool honest = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
            honest = honest && !passed;
            passed = Descriptor(number);
        }
    }
    return honest;
}

}  // namespace

void Descriptor::reset() noexcept
{
    if (number_ >= 0) close(std::exchange(number_, -1));
}

std::pair<Descriptor, Descriptor> socket_pair()
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("can't make a socket pair");
    const int room = 2 * static_cast<int>(longest_datagram);
    for (const int end : ends) {
        setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        setsockopt(end, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

bool send_datagram(int socket, std::string_view bytes, int passed) noexcept
{
    iovec data{const_cast<char*>(bytes.data()), bytes.size()};  // NOLINT: sendmsg() reads only
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (passed >= 0) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(part), &passed, sizeof(int));
    }
    ssize_t sent = -1;
    do sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(bytes.size());
}

Received receive_datagram(int socket, Datagram& datagram)
{
    datagram.passed.reset();
    datagram.bytes.resize(longest_datagram);
    iovec data{datagram.bytes.data(), datagram.bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t got = -1;
    do got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Received::nothing_yet : Received::ended;
    datagram.bytes.resize(static_cast<std::size_t>(got));
    const bool honest = take_descriptors(header, datagram.passed);
    return got > 0 && honest ? Received::datagram : Received::ended;
}

Descriptor sealed_memory(std::string_view bytes)
{
    Descriptor memory(memfd_create("postern-message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory) fail("can't make memory for a message");
    while (!bytes.empty()) {
        const ssize_t written = write(memory.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail("can't fill memory for a message");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fcntl(memory.get(), F_ADD_SEALS, seals) != 0) fail("can't seal memory for a message");
    return memory;
}

std::optional<SealedView> SealedView::open(int descriptor, std::size_t size) noexcept
{
    const int found = fcntl(descriptor, F_GET_SEALS);
    struct stat facts {};
    if (found < 0 || (found & seals) != seals || fstat(descriptor, &facts) != 0) return std::nullopt;
    if (facts.st_size < 0 || static_cast<std::size_t>(facts.st_size) != size) return std::nullopt;
    if (size == 0) return SealedView(std::string_view{});
    void* start = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (start == MAP_FAILED) return std::nullopt;  // NOLINT: as mmap(2) says it
    return SealedView({static_cast<const char*>(start), size});
}

SealedView::~SealedView()
{
    if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());  // NOLINT: its own mapping
}

}  // namespace postern::scan
