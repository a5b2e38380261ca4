// Room that a storage lays aside on its disk: with nothing left the databases could not even be opened, and what waits
// could not be handed over, which is what makes room.
//
// A file without content. It is given up at a start that finds the disk full, and laid aside again once there is room.
// New mail is refused sooner, while enough is left to write down what becomes of the mail that waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

namespace postern::store {

class Reserve {
public:
    static constexpr std::uint64_t size = std::uint64_t{16} << 20;  ///< bytes
    static constexpr std::uint64_t least_for_mail = std::uint64_t{32}
                                                    << 20;  ///< bytes free, for mail that is not taken yet

    /// `storage`: its directory.
    explicit Reserve(const std::filesystem::path& storage);

    /// Before anything is opened: gives it up where less than a MiB is free.
    void give_where_full();
    /// Where there is room for it beside that for mail; else nothing. Blocking, one thread at a time.
    void lay_aside();
    [[nodiscard]] bool is_laid_aside() const noexcept { return laid_aside_.load(std::memory_order_relaxed); }
    /// Any thread; asks the file system, which takes about a microsecond. One that does not answer has room.
    [[nodiscard]] bool has_room_for_mail() const noexcept;

private:
    [[nodiscard]] std::uint64_t free() const noexcept;

    const std::filesystem::path storage_, file_;
    std::atomic<bool> laid_aside_ = false;
};

}  // namespace postern::store
