#include "control/backups.hpp"

#include "backup/shelf.hpp"
#include "base/text.hpp"
#include "control/json_body.hpp"
#include "gateway/archive.hpp"
#include "policy/named_files.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <thread>

namespace postern::control {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::string_view root = "/v1/backup";
constexpr std::string_view alarm = "backup";
constexpr std::uint64_t most = std::uint64_t{4} << 40;
/// After a failure by the clock.
constexpr Duration try_again = std::chrono::minutes{10};

std::string name_in(const Request& request)
{
    const auto said = request.query.find("name");
    if (said == request.query.end() || said->second.find('/') != std::string::npos || said->second.starts_with('.'))
        return {};
    return said->second;
}

json::value time_or_null(const std::optional<Instant>& at)
{
    return at ? json::value(to_iso8601(*at)) : json::value(nullptr);
}

/// In order, as by SIGTERM; a moment later, so that the caller has the answer.
void end_soon()
{
    std::thread([] {
        std::this_thread::sleep_for(std::chrono::milliseconds{500});
        ::kill(::getpid(), SIGTERM);
    }).detach();
}

std::string state_text(const BackupState& state)
{
    if (state.running) return "a backup is being made\n";
    std::string text;
    if (!state.last.empty()) text += fmt::format("{} ({} bytes): {}\n", state.last, state.last_size, state.last_text);
    if (!state.failure.empty()) text += fmt::format("the last backup failed: {}\n", state.failure);
    if (state.made) text += fmt::format("newest in the folder: {}\n", state.newest);
    if (state.next) text += fmt::format("the next is due at {}\n", to_iso8601(*state.next));
    return text.empty() ? "no backups are declared, and none was ordered\n" : text;
}

}  // namespace

BackupsApi::BackupsApi(gateway::Services services, const directory::AuditKey& signer, fs::path policy)
    : services_(services),
      signer_(signer),
      policy_(std::move(policy)),
      incoming_({.most = most, .copies = 2, .what = "a backup"})  // itself, and what is laid ready of it
{
}

BackupsApi::~BackupsApi()
{
    files_.join();
}

bool BackupsApi::is_mine(const Request& request)
{
    return request.path == root || request.path.starts_with(fmt::format("{}/", root));
}

boost::asio::awaitable<Response> BackupsApi::handle(Request request)
{
    if (request.method == "GET" && request.path == root) co_return show(request);
    if (request.method == "POST" && request.path == root) co_return begin(request);
    auto working = work(std::move(request));
    co_return co_await boost::asio::co_spawn(files_, std::move(working), boost::asio::use_awaitable);
}

boost::asio::awaitable<Response> BackupsApi::work(Request request)
{
    const bool gets = request.method == "GET";
    const auto word = request.path.substr(std::min(root.size() + 1, request.path.size()));
    if (gets && word == "piece") co_return piece(request);
    if (!gets && word == "drop") co_return drop(request);
    if (!gets && word == "upload") co_return upload(request);
    if (!gets && word == "restore") co_return restore(request);
    co_return Response::error(404, fmt::format("there is no {} {}", request.method, printable(request.path)),
                              request.wants_text);
}

fs::path BackupsApi::storage() const
{
    return services_.generations.current()->policy->node().storage;
}

fs::path BackupsApi::fetched() const
{
    return storage() / "backup" / "out";
}

fs::path BackupsApi::incoming() const
{
    return storage() / "backup" / "incoming";
}

BackupState BackupsApi::state() const
{
    const std::lock_guard lock(mutex_);
    return state_;
}

Response BackupsApi::show(const Request& request) const
{
    const auto now = state();
    if (request.wants_text) return Response::text(state_text(now));
    return Response::json({{"declared", now.declared},
                           {"running", now.running},
                           {"newest", now.newest},
                           {"made", time_or_null(now.made)},
                           {"next", time_or_null(now.next)},
                           {"failure", now.failure},
                           {"last", now.last},
                           {"last_size", now.last_size},
                           {"last_text", now.last_text}});
}

Response BackupsApi::begin(const Request& request)
{
    const auto& declared = services_.generations.current()->policy->node().backup;
    if (!declared)
        return Response::error(400,
                               "nobody could open it: `postern backup key FILE` makes a key, and node.yaml names its "
                               "public half under backup: keys",
                               request.wants_text);
    boost::system::error_code failed;
    const auto order = request.body.empty() ? json::value(json::object{}) : json::parse(request.body, failed);
    const auto* object = failed ? nullptr : order.if_object();
    const auto* fetch = object ? object->if_contains("fetch") : nullptr;
    if (!object || (fetch && !fetch->is_bool()))
        return Response::error(400, "the body must be {\"fetch\": true or false}", request.wants_text);
    const bool for_folder = !fetch || !fetch->get_bool();
    if (for_folder && declared->folder.empty())
        return Response::error(400, "node.yaml names no backup: folder; name a FILE to fetch it to",
                               request.wants_text);
    {
        const std::lock_guard lock(mutex_);
        if (state_.running) return Response::error(409, "a backup is being made already", request.wants_text);
        state_.running = true;
        state_.last.clear();
        state_.failure.clear();
    }
    services_.log.info("backup begun", {{"actor", request.actor}});
    boost::asio::post(files_, [this, for_folder] { make(for_folder); });
    return request.wants_text ? Response::text("begun; `postern backup status` says how it goes\n")
                              : Response::json({{"begun", true}});
}

void BackupsApi::make(bool for_folder)
{
    const auto policy = services_.generations.current()->policy;
    const auto& node = policy->node();
    const auto declared = node.backup.value_or(vocabulary::Backup{});
    const auto now = services_.clock.now();
    backup::MakeOrder order{policy_, node.storage, policy::named_files(*policy), declared.keys, node.name, now, {}};
    order.files_of = [this](std::uint64_t generation) { return gateway::Archive(services_.store).files(generation); };
    const fs::path folder = for_folder ? fs::path(declared.folder) : fetched();
    const auto name = backup::file_name(node.name, now);
    Result<backup::Made> made = fault(Retry::later, "not begun");
    try {
        if (!for_folder) {
            fs::remove_all(folder);  // one that nobody fetched
            fs::create_directories(folder);
        }
        made = backup::make_backup(services_.store, signer_, order, folder / name);
    } catch (const std::exception& error) {
        made = fault(Retry::later, error.what());
    }
    if (!for_folder) fetching_ = services_.clock.now();
    if (made && for_folder) {
        backup::keep_newest(folder, node.name, declared.keep);
        look_into_folder(declared);
    }
    const std::lock_guard lock(mutex_);
    state_.running = false;
    if (made) {
        state_.last = name;
        state_.last_size = made->size;
        state_.last_text = made->about.text();
        services_.alarms.clear(std::string(alarm));
        services_.log.info("backup made", {{"file", (folder / name).string()}, {"size", made->size}});
        return;
    }
    state_.failure = made.error().describe();
    services_.alarms.raise(std::string(alarm),
                           fmt::format("A backup could not be made: {}. Mail goes on; mend it, then `postern backup "
                                       "create`",
                                       state_.failure),
                           {{"reason", state_.failure}});
}

void BackupsApi::look_into_folder(const vocabulary::Backup& declared)
{
    const auto all = backup::shelved(declared.folder, services_.generations.current()->policy->node().name);
    const std::lock_guard lock(mutex_);
    looked_into_ = declared.folder;
    state_.newest = all && !all->empty() ? all->back().name : std::string();
    state_.made = all && !all->empty() ? std::optional(all->back().made) : std::nullopt;
}

// Whoever sends or fetches may have gone away, and an engine that ended in between knows nothing of them.
void BackupsApi::take_away_what_waits()
{
    const auto now = services_.clock.now();
    incoming_.look(incoming(), now);
    if (fetching_ && now - *fetching_ <= pieces_patience) return;
    fetching_.reset();
    std::error_code ignored;
    fs::remove_all(fetched(), ignored);
}

void BackupsApi::look_at_clock()
{
    boost::asio::post(files_, [this] { take_away_what_waits(); });
    const auto declared = services_.generations.current()->policy->node().backup;
    const bool by_itself = declared && !declared->folder.empty();
    const auto now = services_.clock.now();
    {
        const std::lock_guard lock(mutex_);
        state_.declared = by_itself;
        state_.next = by_itself ? std::optional(backup::next_due(declared->at, now)) : std::nullopt;
        if (!by_itself) {
            state_.newest.clear();
            state_.made.reset();
            looked_into_.clear();
            return;
        }
        if (state_.running) return;
        if (looked_into_ == declared->folder) {
            const bool is_due = !state_.made || *state_.made < backup::last_due(declared->at, now);
            if (!is_due || (tried_ && now - *tried_ < try_again && !state_.failure.empty())) return;
            state_.running = true;
            tried_ = now;
        }
    }
    const bool looked = state().running;
    boost::asio::post(files_, [this, looked, declared = *declared] {
        if (looked)
            make(true);
        else
            look_into_folder(declared);
    });
}

Response BackupsApi::piece(const Request& request)
{
    fetching_ = services_.clock.now();
    const auto name = name_in(request);
    if (name.empty()) return Response::error(400, "\"name\" says which", request.wants_text);
    return give_piece(request, fetched() / name);
}

Response BackupsApi::drop(const Request& request) const
{
    const auto name = name_in(request);
    std::error_code failed;
    if (name.empty() || !fs::remove(fetched() / name, failed))
        return Response::error(404, "there is no such backup to fetch", request.wants_text);
    return Response::json({{"dropped", name}});
}

Response BackupsApi::upload(const Request& request)
{
    return incoming_.take(request, incoming(), services_.clock.now());
}

// From afar nobody is at the machine who could mend its network.
Result<backup::RestoreOrder> BackupsApi::order_of(const Request& request) const
{
    const auto said = object_in(request.body);
    backup::RestoreOrder order;
    order.policy = policy_;
    order.storage = storage();
    const fs::path named = text_in(said, "storage");
    if (!named.empty() && fs::weakly_canonical(named) != fs::weakly_canonical(order.storage))
        return fault(Retry::never, fmt::format("the mail of a gateway that runs stays in {}", order.storage.string()));
    order.names_storage = !named.empty();
    order.stopped = false;
    order.replace = flag_in(said, "replace");
    order.signer = text_in(said, "signer");
    order.any_signer = flag_in(said, "any_signer");
    if (request.from_afar && !flag_in(said, "replace_network"))
        order.keeps_network = services_.generations.current()->policy;
    order.actor = request.actor;
    order.at = services_.clock.now();
    return order;
}

// What is asked is checked whole before anything counts; then the engine ends, since nobody may work on what changes.
Response BackupsApi::restore(const Request& request)
{
    const auto session = backup::parse_session_key(text_in(object_in(request.body), "key"));
    if (!session) return wrong(request, "\"key\" is the backup's own key, in hexadecimal");
    if (!incoming_.whole()) return wrong(request, "there is no whole backup here: it is sent first");
    const auto order = order_of(request);
    if (!order) return wrong(request, order.error().describe());
    const auto staged = backup::stage(incoming(), *session, *order);
    incoming_.end(incoming());
    if (!staged) return wrong(request, staged.error().describe(), 409);
    if (auto marked = backup::prepare_to_finish(*staged, policy_); !marked)
        return wrong(request, marked.error().describe(), 503);
    const auto signer = backup::fingerprint(staged->archive.head.signer);
    services_.log.warning("the engine ends to start with a backup",
                          {{"actor", request.actor}, {"reason", staged->archive.about.text()}, {"signer", signer}});
    end_soon();
    const auto text = fmt::format(
        "restored: {}\nsigned by audit key {}\nthe engine ends now, and its next start has it; mail that was handed "
        "over after the backup may be sent again\n",
        staged->archive.about.text(), signer);
    return request.wants_text ? Response::text(text)
                              : Response::json({{"restored", staged->archive.about.json()}, {"signer", signer}});
}

}  // namespace postern::control
