#include "control/backups.hpp"

#include "backup/shelf.hpp"
#include "base/text.hpp"
#include "control/json_body.hpp"
#include "gateway/archive.hpp"
#include "policy/named_files.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <exception>
#include <memory>

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

/// In order, as by SIGTERM, once it is let go.
std::shared_ptr<void> end_of_engine()
{
    return {nullptr, [](void*) { ::kill(::getpid(), SIGTERM); }};
}

/// The server's URL, or the folder.
const std::string& place_of(const vocabulary::Backup& declared)
{
    return declared.to.empty() ? declared.folder : declared.to;
}

std::string state_text(const BackupState& state)
{
    if (state.running) return "a backup is being made\n";
    std::string text;
    if (!state.last.empty()) text += fmt::format("{} ({} bytes): {}\n", state.last, state.last_size, state.last_text);
    if (!state.failure.empty()) text += fmt::format("the last backup failed: {}\n", state.failure);
    if (state.made) text += fmt::format("newest in {}: {}\n", state.where, state.newest);
    if (state.next) text += fmt::format("the next is due at {}\n", to_iso8601(*state.next));
    return text.empty() ? "no backups are declared, and none was ordered\n" : text;
}

}  // namespace

BackupsApi::BackupsApi(gateway::Services services, const directory::AuditKey& signer, fs::path policy)
    : services_(services),
      signer_(signer),
      policy_(std::move(policy)),
      server_(services.dns),
      incoming_({.most = most, .copies = 2, .what = "a backup"})  // itself, and what is laid ready of it
{
}

BackupsApi::~BackupsApi()
{
    boost::asio::post(files_, [this] {
        ends_ = true;
        if (stop_sending_) stop_sending_->emit(boost::asio::cancellation_type::terminal);
    });
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

fs::path BackupsApi::to_send() const
{
    return storage() / "backup" / "to-send";
}

fs::path BackupsApi::sent() const
{
    return storage() / "backup" / "sent";
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
                           {"where", now.where},
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
    const auto goal = fetch && fetch->get_bool() ? Goal::caller : goal_of(*declared);
    if (goal != Goal::caller && !declared->is_made_by_clock())
        return Response::error(400,
                               "node.yaml names neither a folder nor a server (backup: folder, or to); name a FILE to "
                               "fetch it to",
                               request.wants_text);
    {
        const std::lock_guard lock(mutex_);
        if (state_.running) return Response::error(409, "a backup is being made already", request.wants_text);
        state_.running = true;
        state_.last.clear();
        state_.failure.clear();
    }
    services_.log.info("backup begun", {{"actor", request.actor}});
    begin_for(goal, false);
    return request.wants_text ? Response::text("begun; `postern backup status` says how it goes\n")
                              : Response::json({{"begun", true}});
}

BackupsApi::Goal BackupsApi::goal_of(const vocabulary::Backup& declared) noexcept
{
    return declared.to.empty() ? Goal::folder : Goal::server;
}

fs::path BackupsApi::folder_of(Goal goal, const vocabulary::Backup& declared) const
{
    if (goal == Goal::folder) return declared.folder;
    return goal == Goal::caller ? fetched() : to_send();
}

void BackupsApi::begin_for(Goal goal, bool by_clock)
{
    boost::asio::post(files_, [this, goal, by_clock] {
        if (ends_) return;
        auto stop = std::make_shared<boost::asio::cancellation_signal>();
        stop_sending_ = stop;
        boost::asio::co_spawn(files_, reach(goal, by_clock),
                              boost::asio::bind_cancellation_slot(stop->slot(), [stop](std::exception_ptr) {}));
    });
}

boost::asio::awaitable<void> BackupsApi::reach(Goal goal, bool by_clock)
{
    const auto policy = services_.generations.current()->policy;
    Result<Ready> made = fault(Retry::later, "not begun");
    Result<void> taken;
    try {
        made = ready(*policy, goal, by_clock);
        if (made && goal == Goal::server && !ends_) taken = co_await server_.take(policy, made->file, sent());
    } catch (const std::exception& error) {
        taken = fault(Retry::later, error.what());
    }
    if (!ends_) finish(goal, made, taken);
}

// What its server did not take is sent again as it is, for as long as it is what the clock asks for. Who orders one by
// hand means this moment.
Result<BackupsApi::Ready> BackupsApi::ready(const policy::Snapshot& policy, Goal goal, bool by_clock)
{
    const auto& declared = policy.node().backup;
    std::error_code failed;
    if (by_clock && goal == Goal::server && waiting_ && declared && waiting_->keys == declared->keys &&
        waiting_->made >= backup::last_due(declared->at, services_.clock.now()) && fs::exists(waiting_->file, failed))
        return *waiting_;
    auto made = make(policy, goal);
    if (goal == Goal::caller) fetching_ = services_.clock.now();
    if (goal == Goal::server) waiting_ = made ? std::optional(*made) : std::nullopt;
    return made;
}

Result<BackupsApi::Ready> BackupsApi::make(const policy::Snapshot& policy, Goal goal) const
{
    const auto& node = policy.node();
    const auto declared = node.backup.value_or(vocabulary::Backup{});
    const auto now = services_.clock.now();
    backup::MakeOrder order{policy_, node.storage, policy::named_files(policy), declared.keys, node.name, now, {}};
    order.files_of = [this](std::uint64_t generation) { return gateway::Archive(services_.store).files(generation); };
    const auto folder = folder_of(goal, declared);
    const auto file = folder / backup::file_name(node.name, now);
    try {
        if (goal != Goal::folder) {
            fs::remove_all(folder);  // one that nobody fetched, or that is too old to be sent
            fs::create_directories(folder);
        }
        const auto made = backup::make_backup(services_.store, signer_, order, file);
        if (!made) return std::unexpected(made.error());
        if (goal == Goal::folder) backup::keep_newest(folder, node.name, declared.keep);
        return Ready{file, made->size, made->about.text(), now, declared.keys};
    } catch (const std::exception& error) {
        return fault(Retry::later, error.what());
    }
}

void BackupsApi::finish(Goal goal, const Result<Ready>& ready, const Result<void>& taken)
{
    const bool done = ready && taken;
    if (done && goal == Goal::server) {
        waiting_.reset();
        std::error_code ignored;
        fs::remove_all(to_send(), ignored);
    }
    const std::lock_guard lock(mutex_);
    state_.running = false;
    if (done) {
        state_.last = ready->file.filename().string();
        if (goal != Goal::caller) {
            state_.newest = state_.last;
            state_.made = ready->made;
        }
        state_.last_size = ready->size;
        state_.last_text = ready->text;
        services_.alarms.clear(std::string(alarm));
        services_.log.info("backup made", {{"file", ready->file.string()}, {"size", ready->size}});
        return;
    }
    state_.failure = (ready ? taken.error() : ready.error()).describe();
    services_.alarms.raise(std::string(alarm),
                           fmt::format("A backup could not be {}: {}. Mail goes on; mend it, then `postern backup "
                                       "create`",
                                       ready ? "put on its server" : "made", state_.failure),
                           {{"reason", state_.failure}});
}

void BackupsApi::look_what_is_there(const vocabulary::Backup& declared)
{
    const auto& gateway = services_.generations.current()->policy->node().name;
    std::string newest;
    if (goal_of(declared) == Goal::server) {
        newest = BackupServer::newest(sent(), declared.to);
    } else if (const auto all = backup::shelved(declared.folder, gateway); all && !all->empty()) {
        newest = all->back().name;
    }
    const std::lock_guard lock(mutex_);
    state_.where = place_of(declared);
    state_.newest = newest;
    state_.made = backup::made_at(newest, gateway);
    looked_ = true;
}

// Whoever sends or fetches may have gone away, and an engine that ended in between knows nothing of them.
void BackupsApi::take_away_what_waits()
{
    const auto now = services_.clock.now();
    incoming_.look(incoming(), now);
    std::error_code ignored;
    const auto& declared = services_.generations.current()->policy->node().backup;
    if (!declared || declared->to.empty()) waiting_.reset();
    if (!waiting_ && !state().running) fs::remove_all(to_send(), ignored);
    if (fetching_ && now - *fetching_ <= pieces_patience) return;
    fetching_.reset();
    fs::remove_all(fetched(), ignored);
}

void BackupsApi::look_at_clock()
{
    boost::asio::post(files_, [this] { take_away_what_waits(); });
    const auto declared = services_.generations.current()->policy->node().backup;
    const bool by_itself = declared && declared->is_made_by_clock();
    const auto now = services_.clock.now();
    const std::lock_guard lock(mutex_);
    state_.declared = by_itself;
    state_.next = by_itself ? std::optional(backup::next_due(declared->at, now)) : std::nullopt;
    if (!by_itself) {
        state_.where.clear();
        state_.newest.clear();
        state_.made.reset();
        looked_ = false;
        return;
    }
    if (state_.running) return;
    if (!looked_ || state_.where != place_of(*declared)) {
        boost::asio::post(files_, [this, declared = *declared] { look_what_is_there(declared); });
        return;
    }
    const bool is_due = !state_.made || *state_.made < backup::last_due(declared->at, now);
    if (!is_due) return;
    // Another policy may be what mends it.
    const auto generation = services_.generations.current()->policy->generation();
    if (tried_ && !state_.failure.empty() && tried_under_ == generation && now - *tried_ < try_again) return;
    state_.running = true;
    tried_ = now;
    tried_under_ = generation;
    begin_for(goal_of(*declared), true);
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
    const auto text = fmt::format(
        "restored: {}\nsigned by audit key {}\nthe engine ends now, and its next start has it; mail that was handed "
        "over after the backup may be sent again\n",
        staged->archive.about.text(), signer);
    auto response = request.wants_text
                        ? Response::text(text)
                        : Response::json({{"restored", staged->archive.about.json()}, {"signer", signer}});
    response.then = end_of_engine();
    return response;
}

}  // namespace postern::control
