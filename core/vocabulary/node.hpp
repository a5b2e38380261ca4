// This machine, as declared in node.yaml. Immutable values. What only a start can change is marked so; the rest
// follows a reload.
#pragma once

#include "base/clock.hpp"
#include "vocabulary/next_hop.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::vocabulary {

/// Limits of the SMTP server, per listener. All are declared; these are the defaults.
struct IntakeLimits {
    unsigned connections = 1000;  ///< in total; more get 421
    unsigned connections_per_address = 50;
    unsigned commands = 1000;           ///< per connection, between messages
    unsigned errors = 20;               ///< per connection, then 421
    std::uint64_t command_line = 4096;  ///< bytes
    std::uint64_t line = 64 * 1024;     ///< bytes in content
    std::uint64_t header = 256 * 1024;  ///< bytes of a message's header section
    unsigned header_fields = 1000;
    unsigned received_fields = 50;        ///< more is a loop
    std::uint64_t memory = 256ULL << 20;  ///< bytes of content being received at one time, all connections together
    Duration command_time{std::chrono::minutes{5}};
    Duration transaction_time{std::chrono::minutes{30}};
    Duration handshake_time{std::chrono::seconds{30}};
    Rate call_outs{60, std::chrono::minutes{1}};  ///< RCPT without DATA under a null sender, per organisation
};

struct ListenerTls {
    std::string certificate;  ///< PEM chain, absolute path
    std::string key;          ///< PEM, absolute path
    enum class Clients { none, request } clients = Clients::request;
};

struct Listener {
    std::string name;
    HostPort address;
    std::optional<ListenerTls> tls;
    bool clear_text = false;  ///< members may send without TLS; only on loopback (measurements)
    IntakeLimits limits;
};

struct Mailboxes {
    NextHop lmtp;  ///< hosted mailboxes: LMTP on a local socket or loopback port
};

/// The control protocol over mutual TLS, for administrators at their own machines.
struct ControlRemote {
    HostPort address;            ///< start
    std::string administrators;  ///< PEM: who may certify administrators; certificates in it that are no authorities
                                 ///< count themselves
    std::string certificate;     ///< PEM chain of the server; the first listener's where not declared
    std::string key;
};

/// The scanner process: libmagic, archive listing, libclamav. Start, but for what says otherwise.
struct Scanner {
    unsigned workers = 2;
    Duration deadline{std::chrono::seconds{30}};  ///< for one message, then its worker is killed
    std::uint64_t memory = 512ULL << 20;          ///< bytes that a worker may have beside the signatures
    std::uint64_t temporary = 256ULL << 20;       ///< bytes of a worker's temporary files
    std::string signatures;                       ///< directory of the signature set; empty: viruses are not looked for
    bool wants_none = false;                      ///< that is meant so: `signatures: none`
    Duration signatures_age{std::chrono::hours{72}};  ///< an older set raises an alarm; follows a reload
    bool defer_when_old = false;                      ///< and mail is deferred meanwhile; follows a reload
    unsigned archive_depth = 16;                      ///< archives within each other
    unsigned archive_files = 10'000;                  ///< files in one message's archives
    std::uint64_t archive_size = 400ULL << 20;        ///< bytes unpacked of one message
};

/// Backups: who can open them, and those that the gateway makes by itself. Follows a reload.
struct Backup {
    std::vector<std::string> keys;  ///< public halves of backup keys, as `postern backup key` prints them
    std::string folder;             ///< where the gateway puts its own; empty: in none
    std::string to;                 ///< https URL, without a "/" at its end, below which it puts them; empty: none
    std::string authorities;        ///< PEM: who vouches for that server; empty: the system's
    std::string credentials;        ///< name of the login for that server; empty: none
    std::string certificate;        ///< PEM chain shown to that server; empty: none
    std::string key;                ///< its PEM key
    std::vector<std::chrono::minutes> at;  ///< times of day in UTC; in order
    unsigned keep = 14;                    ///< so many stay in the folder

    [[nodiscard]] bool is_made_by_clock() const noexcept { return !folder.empty() || !to.empty(); }
};

/// Whether the text is the public half of a backup key: "postern-backup-1:" and base 64 of 32 bytes (X25519).
[[nodiscard]] bool is_backup_key(std::string_view text);
inline constexpr std::string_view backup_key_word = "postern-backup-1:";

struct Node {
    std::string name;  ///< "mx.cjsm.net": greeting, EHLO, Received, Message-ID
    std::vector<Listener> listeners;
    std::string storage;                                 ///< directory; start
    std::uint64_t body_in_database = 256 * 1024;         ///< larger bodies are files; start
    Duration generations_kept = std::chrono::days{400};  ///< how long the archive keeps what is no longer in force
    unsigned threads = 0;                                ///< 0: one for each core; start
    std::vector<std::string> resolvers;                  ///< "127.0.0.1", "127.0.0.1@5353"; empty: the system's; start
    std::string trust_anchor;                            ///< DNSSEC root key file; empty: the system's; start
    std::string authorities;      ///< PEM: who may certify members' servers as clients (postern ca)
    std::string hop_authorities;  ///< PEM: who may certify next hops; empty: the system's
    std::optional<Mailboxes> mailboxes;
    Scanner scanner;
    std::string secrets;         ///< YAML file with logins for routes; empty: none
    std::string control_socket;  ///< start
    std::string control_group;   ///< group that may use it; empty: owner only; start
    std::optional<ControlRemote> control_remote;
    std::optional<Backup> backup;
    std::optional<HostPort> metrics;  ///< loopback listener for Prometheus; start
    std::string user;                 ///< drop to this user after start when started as root; start
    std::string log;                  ///< "stderr" or a file path; start
};

}  // namespace postern::vocabulary
