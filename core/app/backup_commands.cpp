#include "app/commands.hpp"
#include "backup/restoring.hpp"
#include "control/client.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

namespace postern::app {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Options {
    std::string file, key, signer, into, storage;
    bool replace = false, any_signer = false, replace_network = false, json = false;
};

std::string who_calls()
{
    const auto* entry = ::getpwuid(::getuid());
    return entry != nullptr ? entry->pw_name : fmt::format("uid {}", ::getuid());
}

void make_key(Context& context, const Options& options)
{
    const auto key = backup::SecretKey::make();
    if (auto written = key.write(options.file); !written) return fail(context, written.error().describe());
    std::cout << key.public_half() << "\n";
    std::cerr << fmt::format(
        "{} opens every backup that is made for the key above. Keep it where the gateway is not, and a copy "
        "elsewhere:\n"
        "without it a backup is worth nothing. Name the key above in node.yaml under backup: keys.\n",
        options.file);
}

// --- create ------------------------------------------------------------------------------------------------------

std::optional<json::object> state_of(Context& context)
{
    const auto text = ask(context, "GET", "/v1/backup");
    if (!text) return std::nullopt;
    boost::system::error_code failed;
    auto value = json::parse(*text, failed);
    if (failed || !value.is_object()) {
        fail(context, "the engine's answer can't be read");
        return std::nullopt;
    }
    return std::move(value.get_object());
}

/// Waits until the one that was begun is made; nothing, and said why, where it failed.
std::optional<json::object> wait_until_made(Context& context)
{
    for (;;) {
        auto state = state_of(context);
        if (!state) return std::nullopt;
        if (!state->at("running").as_bool()) {
            if (state->at("failure").as_string().empty()) return state;
            fail(context, "no backup was made: " + std::string(state->at("failure").as_string()));
            return std::nullopt;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
    }
}

// For the handler, which may do nothing but this.
const char* part_to_remove = nullptr;

void leave_nothing(int signal)
{
    if (part_to_remove != nullptr) ::unlink(part_to_remove);
    ::_exit(128 + signal);
}

/// A file that is not there yet, and goes again unless it is kept: also where the command is interrupted. One at a
/// time.
class PartFile {
public:
    explicit PartFile(fs::path path)
        : path_(std::move(path)),
          number_(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR)),
          failure_(errno)
    {
        if (number_ < 0) return;
        part_to_remove = path_.c_str();
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, leave_nothing);
    }
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;
    ~PartFile()
    {
        if (number_ < 0) return;
        part_to_remove = nullptr;
        ::close(number_);
        if (!kept_) ::unlink(path_.c_str());
    }
    /// Empty: it was made.
    [[nodiscard]] std::string failure() const
    {
        if (number_ >= 0) return {};
        if (failure_ != EEXIST) return path_.string() + ": " + std::generic_category().message(failure_);
        return path_.string() + ": is there already; what an interrupted command left can be removed";
    }
    [[nodiscard]] bool write(std::string_view bytes) const
    {
        while (!bytes.empty()) {
            const auto written = ::write(number_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
        return true;
    }
    [[nodiscard]] bool sync() const { return ::fsync(number_) == 0; }
    [[nodiscard]] const fs::path& path() const noexcept { return path_; }
    void keep() noexcept
    {
        part_to_remove = nullptr;
        kept_ = true;
    }

private:
    fs::path path_;
    int number_, failure_;
    bool kept_ = false;
};

bool fetch_into(Context& context, const std::string& name, std::uint64_t size, const PartFile& part)
{
    for (std::uint64_t offset = 0; offset < size;) {
        const auto piece = ask(
            context, "GET", fmt::format("/v1/backup/piece?name={}&offset={}", control::percent_encode(name), offset));
        if (!piece) return false;
        if (piece->empty()) return fail(context, "the backup breaks off on the gateway"), false;
        if (!part.write(*piece)) return fail(context, part.path().string() + ": can't be written"), false;
        offset += piece->size();
    }
    if (!part.sync()) return fail(context, part.path().string() + ": can't be written"), false;
    auto opened = backup::SealedReader::open(part.path());
    const auto whole = opened ? opened->check_outside() : Result<void>(std::unexpected(opened.error()));
    if (!whole) return fail(context, whole.error().describe()), false;
    return true;
}

/// Fetches it piece by piece into a file that gets its name when it is whole, and is gone where it does not become so.
bool fetch(Context& context, const std::string& name, std::uint64_t size, const fs::path& to)
{
    PartFile part(to.string() + ".part");
    if (const auto failure = part.failure(); !failure.empty()) return fail(context, failure), false;
    if (!fetch_into(context, name, size, part)) return false;
    std::error_code failed;
    fs::rename(part.path(), to, failed);
    if (failed) return fail(context, to.string() + ": " + failed.message()), false;
    part.keep();
    return true;
}

void create(Context& context, const Options& options)
{
    const bool fetches = !options.file.empty();
    if (fetches && fs::exists(options.file)) return fail(context, options.file + " is there already; name another");
    if (fetches && fs::exists(fs::symlink_status(options.file + ".part")))
        return fail(context, options.file + ".part is there already; what an interrupted command left can be removed");
    const auto order = json::serialize(json::object{{"fetch", fetches}});
    if (!ask(context, "POST", "/v1/backup", order)) return;
    const auto made = wait_until_made(context);
    if (!made) return;
    const std::string name(made->at("last").as_string());
    const auto size = made->at("last_size").to_number<std::uint64_t>();
    if (fetches) {
        const bool fetched = fetch(context, name, size, options.file);
        const int code = context.exit_code;
        static_cast<void>(ask(context, "POST", "/v1/backup/drop?name=" + control::percent_encode(name)));
        if (!fetched) {
            context.exit_code = code;
            return;
        }
    }
    if (options.json) {
        std::cout << json::serialize(*made) << "\n";
        return;
    }
    std::cout << fmt::format("{} ({} bytes)\n{}\n", fetches ? options.file : name, size,
                             made->at("last_text").as_string().c_str());
}

// --- verify ------------------------------------------------------------------------------------------------------

void verify(Context& context, const Options& options)
{
    auto sealed = backup::SealedReader::open(options.file);
    if (!sealed) return fail(context, sealed.error().describe());
    const auto head = sealed->head();
    if (auto whole = sealed->check_outside(); !whole) return fail(context, whole.error().describe());
    if (!options.signer.empty()) {
        const auto pem = content_of(context, options.signer);
        if (!pem) return;
        if (backup::fingerprint(*pem) != backup::fingerprint(head.signer))
            return fail(context, fmt::format("{} was signed by another gateway: {}, not {}", options.file,
                                             backup::fingerprint(head.signer), backup::fingerprint(*pem)));
    }
    std::cout << fmt::format("whole, and signed by the gateway {} (audit key {})\n", head.gateway,
                             backup::fingerprint(head.signer));
    if (options.key.empty()) {
        std::cout << fmt::format("made at {}; what is in it can't be seen without --key\n", head.made);
        return;
    }
    const auto secret = backup::SecretKey::read(options.key);
    if (!secret) return fail(context, secret.error().describe());
    const auto key = head.open(*secret);
    if (!key) return fail(context, key.error().describe());
    backup::NoSink nothing;
    const auto read = backup::read_archive(options.file, *key, nothing);
    if (!read) return fail(context, read.error().describe());
    std::cout << fmt::format("{}\n{} files with {} bytes: every digest holds\n", read->about.text(), read->entries,
                             read->bytes);
}

// --- restore -----------------------------------------------------------------------------------------------------

constexpr std::string_view sent_again =
    "Mail that was handed over after this backup was made is in its queue still, and may be sent again.\n";

void restore_here(Context& context, const Options& options, const backup::SessionKey& key, const std::string& signer)
{
    umask(077);
    std::error_code failed;
    const auto policy = fs::absolute(options.into, failed).lexically_normal();
    backup::RestoreOrder order;
    order.policy = policy;
    if (!options.storage.empty()) order.storage = fs::absolute(options.storage, failed);
    order.names_storage = !options.storage.empty();
    order.replace = options.replace;
    order.signer = signer;
    order.any_signer = options.any_signer;
    order.actor = who_calls();
    order.at = SystemClock().now();
    if (fs::exists(policy / "node.yaml") && !options.replace)
        return fail(context, fmt::format("{} holds a policy already; --replace moves it aside", policy.string()));
    const auto staged = backup::stage(options.file, key, order);
    if (!staged) return fail(context, staged.error().describe());
    if (auto marked = backup::prepare_to_finish(*staged, policy); !marked)
        return fail(context, marked.error().describe());
    const auto finished = backup::finish(policy);
    if (!finished)
        return fail(context, finished.error().describe() + "; what was read lies ready, and posternd finishes it");
    std::cout << fmt::format("restored {}\nsigned by audit key {}\npolicy in {}, mail in {}\n",
                             staged->archive.about.text(), backup::fingerprint(staged->archive.head.signer),
                             policy.string(), staged->storage.string());
    if (*finished && !(*finished)->aside.empty())
        std::cout << fmt::format("what was there before lies in {}\n", (*finished)->aside.string());
    for (const auto& file : staged->outside)
        std::cout << fmt::format("{} lay elsewhere: before a start put it back from {}\n", file,
                                 (policy / backup::outside_folder / file.substr(1)).string());
    std::cout << sent_again;
}

void restore_there(Context& context, const Options& options, const backup::SessionKey& key, const std::string& signer)
{
    if (!send_in_pieces(context, options.file, "/v1/backup/upload")) return;
    json::object order{{"key", backup::print_session_key(key)},
                       {"replace", options.replace},
                       {"signer", signer},
                       {"any_signer", options.any_signer},
                       {"storage", options.storage},
                       {"replace_network", options.replace_network}};
    ask_and_print(context, "POST", "/v1/backup/restore", json::serialize(order), options.json);
}

void restore(Context& context, const Options& options)
{
    const auto secret = backup::SecretKey::read(options.key);
    if (!secret) return fail(context, secret.error().describe());
    const auto key = backup::open_archive(options.file, *secret);
    if (!key) return fail(context, key.error().describe());
    const auto signer = options.signer.empty() ? std::optional(std::string()) : content_of(context, options.signer);
    if (!signer) return;
    if (!options.into.empty()) return restore_here(context, options, *key, *signer);
    restore_there(context, options, *key, *signer);
}

using Act = void (*)(Context&, const Options&);

CLI::App* add(CLI::App& backup, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help, Act act)
{
    auto* command = backup.add_subcommand(name, help);
    command->callback([&context, options, act] { act(context, *options); });
    return command;
}

}  // namespace

void add_backup_commands(CLI::App& app, Context& context)
{
    auto* backup =
        app.add_subcommand("backup", "all that the gateway holds, encrypted: make it, check it, put it back");
    backup->require_subcommand(1);
    const auto with_options = [] { return std::make_shared<Options>(); };

    auto options = with_options();
    add(*backup, context, options, "key", "make a key that opens backups, and print its public half", make_key)
        ->add_option("FILE", options->file, "where the secret half goes; it must not be there")
        ->required();

    options = with_options();
    auto* made = add(*backup, context, options, "create",
                     "make a backup while mail flows: where node.yaml declares it, or fetched to a file", create);
    made->add_option("FILE", options->file, "fetch it to here; the gateway keeps none");
    made->add_flag("--json", options->json, "print JSON");

    auto json = std::make_shared<bool>(false);
    auto* status = backup->add_subcommand("status", "the newest backup, the next, and what went wrong");
    status->add_flag("--json", *json, "print JSON");
    status->callback([&context, json] { ask_and_print(context, "GET", "/v1/backup", "", *json); });

    options = with_options();
    auto* check = add(*backup, context, options, "verify",
                      "whether a backup is whole and which gateway made it; with a key, all that is in it", verify);
    check->add_option("FILE", options->file, "the backup")->required();
    check->add_option("--key", options->key, "file with the secret half of a key it was made for");
    check->add_option("--signer", options->signer,
                      "PEM: the gateway's audit key (`postern audit key`); others are refused");

    options = with_options();
    auto* back =
        add(*backup, context, options, "restore",
            "make a gateway what a backup says: the running one, or with --into one that does not run", restore);
    back->add_option("FILE", options->file, "the backup")->required();
    back->add_option("--key", options->key, "file with the secret half of a key it was made for; it stays here")
        ->required();
    back->add_option("--into", options->into, "directory of the policy: new, or of a gateway that is stopped");
    back->add_option("--storage", options->storage,
                     "where mail goes: node.yaml is made to say so; as it says where absent");
    back->add_option("--signer", options->signer,
                     "PEM: the audit key of the gateway that made it (`postern audit key`); this one's where absent")
        ->excludes(back->add_flag("--any-signer", options->any_signer, "whoever made it"));
    back->add_flag("--replace-network", options->replace_network,
                   "with --at: even where this machine's network or its administrators change");
    back->add_flag("--replace", options->replace, "even where a gateway's mail lies; it is moved aside");
    back->add_flag("--json", options->json, "print JSON");
}

}  // namespace postern::app
