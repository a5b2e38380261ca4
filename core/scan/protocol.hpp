// What posternd and the scanner's processes say to each other: small, bounded, versioned, little-endian.
//
// Values and pure functions; any thread. Both ends decode as if the other were an enemy: a worker may have been taken
// over by the file that it looks into. Decoding never throws; what is no message of this version is nothing.
#pragma once

#include "mail/mime.hpp"
#include "vocabulary/inspection.hpp"
#include "vocabulary/node.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::scan {

/// What an archive may cost, and texts of an answer.
constexpr std::size_t most_parts = 2000;
constexpr std::size_t most_members = 2000;         ///< names of one message's archives
constexpr std::size_t most_member_bytes = 60'000;  ///< of these names
constexpr std::size_t most_findings = 50;

/// Between posternd, the keeper and a tree: who should do, or did, what.
struct Notice {
    enum class Kind : std::uint8_t {
        grow_tree = 1,  ///< to the keeper: a new process that loads the signatures; number: its first slot, moment: not
                        ///< 0 where mail waits for it
        tree,           ///< from the keeper: its process id in number, its socket with it
        kill_tree,      ///< to the keeper: number is a process id
        loaded,         ///< from a tree: number of signatures, text: the set's version, moment: when it was made
        not_loaded,     ///< from a tree: text says why; it can still look at types and archives
        fork_worker,    ///< to a tree: number is the slot
        worker,         ///< from a tree: number is the process id, its socket with it
        kill_worker,    ///< to a tree: number is the process id
        gone,           ///< from a tree: number is the process id, text says how
        warning,        ///< from the keeper or a tree: what this machine does not permit
    };
    Kind kind = Kind::warning;
    std::uint64_t number = 0;
    std::uint64_t moment = 0;  ///< seconds since 1970
    std::string text;          ///< at most 1000 bytes
};

/// What of a message is to be looked at. The message is sealed memory that comes with it.
struct Order {
    struct Piece {
        std::uint64_t offset = 0;  ///< of the encoded body
        std::uint64_t length = 0;
        mail::Part::Encoding encoding = mail::Part::Encoding::none;
    };
    std::uint64_t id = 0;
    std::uint64_t size = 0;  ///< of the message
    bool types = false;
    bool members = false;
    bool obstacles = false;  ///< what members tells but for the names; only beside viruses
    bool viruses = false;
    bool doubtful = false;  ///< programs may read its structure differently: libclamav is to read it too
    std::vector<Piece> pieces;
};

struct Answer {
    std::uint64_t id = 0;
    std::string failure;  ///< empty: it could be looked at
    vocabulary::Inspection inspection;
};

/// The scanner's settings, to the keeper, once.
struct Settings {
    vocabulary::Scanner scanner;
    std::string folder;  ///< for temporary files: made by the keeper
    std::string user;    ///< to become; empty: stay
};

[[nodiscard]] std::string encode(const Settings& settings);
[[nodiscard]] std::string encode(const Notice& notice);
[[nodiscard]] std::string encode(const Order& order);
[[nodiscard]] std::string encode(const Answer& answer);
[[nodiscard]] std::optional<Settings> decode_settings(std::string_view bytes);
[[nodiscard]] std::optional<Notice> decode_notice(std::string_view bytes);
/// Pieces lie within the size that is told.
[[nodiscard]] std::optional<Order> decode_order(std::string_view bytes);
/// Texts are UTF-8 without controls; at most `most_parts` parts.
[[nodiscard]] std::optional<Answer> decode_answer(std::string_view bytes);

}  // namespace postern::scan
