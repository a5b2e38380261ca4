// The control protocol's side of backups: made on order and at declared times, fetched in pieces, put back from pieces.
//
//     GET  /v1/backup                        {"running", "where", "newest", "next", "failure", "last"}
//     POST /v1/backup {"fetch": true}        begins one; GET says how it goes. fetch: to be fetched, and not for the
//                                            declared folder or server
//     GET  /v1/backup/piece?name=N&offset=O  bytes from there on, at most 8 MiB
//     POST /v1/backup/drop?name=N            one that has been fetched
//     POST /v1/backup/upload?offset=O&size=T body: the next piece of T bytes of a backup to be restored
//     POST /v1/backup/restore {"key", "replace", "signer", "any_signer", "storage", "replace_network"}
//                                            checks it whole; then the engine ends, and its next start is the backup's
//
// All work on files is done by a thread of its own, which goes on while a server is waited for. One that the server
// does not take is kept, and sent again. A backup that fails raises the alarm "backup"; the next that works clears it.
// What nobody goes on sending, or fetches, is taken away after an hour, and at the start.
#pragma once

#include "backup/making.hpp"
#include "backup/restoring.hpp"
#include "control/backup_server.hpp"
#include "control/http.hpp"
#include "control/pieces.hpp"
#include "gateway/services.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

namespace postern::control {

/// What status says of backups.
struct BackupState {
    bool declared = false;        ///< the gateway makes some by itself
    bool running = false;         ///< one is being made
    std::string where;            ///< the folder, or the server's URL
    std::string newest;           ///< name of the newest there; empty: none
    std::optional<Instant> made;  ///< when that was
    std::optional<Instant> next;  ///< when the next is due
    std::string failure;          ///< of the last attempt; empty: it worked
    std::string last;             ///< file name of the last that was made on order
    std::uint64_t last_size = 0;  ///< bytes
    std::string last_text;        ///< what it is of
};

class BackupsApi {
public:
    BackupsApi(gateway::Services services, const directory::AuditKey& signer, std::filesystem::path policy);
    ~BackupsApi();  ///< waits for what is under way, but for no server

    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);
    /// Makes the one that is due, if one is. To be called every few seconds.
    void look_at_clock();
    [[nodiscard]] BackupState state() const;

private:
    [[nodiscard]] boost::asio::awaitable<Response> work(Request request);
    [[nodiscard]] Response begin(const Request& request);
    [[nodiscard]] Response show(const Request& request) const;
    [[nodiscard]] Response piece(const Request& request);
    [[nodiscard]] Response drop(const Request& request) const;
    [[nodiscard]] Response upload(const Request& request);
    [[nodiscard]] Response restore(const Request& request);
    [[nodiscard]] std::filesystem::path storage() const;
    [[nodiscard]] std::filesystem::path fetched() const;  ///< folder of those that wait to be fetched
    [[nodiscard]] std::filesystem::path to_send() const;  ///< folder of one that the server shall take
    [[nodiscard]] std::filesystem::path sent() const;     ///< what is remembered of the server
    [[nodiscard]] std::filesystem::path incoming() const;
    [[nodiscard]] Result<backup::RestoreOrder> order_of(const Request& request) const;
    void take_away_what_waits();

    enum class Goal : std::uint8_t { folder, server, caller };
    /// One that lies on this machine's disk.
    struct Ready {
        std::filesystem::path file;
        std::uint64_t size = 0;  ///< bytes
        std::string text;        ///< what it is of
        Instant made{};
        std::vector<std::string> keys;  ///< public halves of those that open it
    };
    [[nodiscard]] static Goal goal_of(const vocabulary::Backup& declared) noexcept;
    [[nodiscard]] std::filesystem::path folder_of(Goal goal, const vocabulary::Backup& declared) const;
    void begin_for(Goal goal, bool by_clock);
    [[nodiscard]] boost::asio::awaitable<void> reach(Goal goal, bool by_clock);
    [[nodiscard]] Result<Ready> ready(const policy::Snapshot& policy, Goal goal, bool by_clock);
    [[nodiscard]] Result<Ready> make(const policy::Snapshot& policy, Goal goal) const;
    void finish(Goal goal, const Result<Ready>& ready, const Result<void>& taken);
    void look_what_is_there(const vocabulary::Backup& declared);

    gateway::Services services_;
    const directory::AuditKey& signer_;
    const std::filesystem::path policy_;
    mutable std::mutex mutex_;
    BackupState state_;              ///< under mutex_
    std::optional<Instant> tried_;   ///< under mutex_: the last attempt by the clock
    std::uint64_t tried_under_ = 0;  ///< under mutex_: the generation in force then
    bool looked_ = false;            ///< under mutex_: `newest` is that of `where`
    BackupServer server_;
    std::optional<Ready> waiting_;  ///< of the thread below: made, and not taken by the server yet
    bool ends_ = false;             ///< of the thread below
    std::shared_ptr<boost::asio::cancellation_signal> stop_sending_;  ///< of the thread below
    IncomingFile incoming_;                                           ///< of the thread below
    std::optional<Instant> fetching_;    ///< of the thread below: the last that was done for what waits to be fetched
    boost::asio::thread_pool files_{1};  // last: its work ends before the rest goes
};

}  // namespace postern::control
