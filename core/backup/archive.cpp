#include "backup/archive.hpp"

#include "backup/files.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <system_error>

namespace postern::backup {

namespace {

namespace json = boost::json;

constexpr std::size_t part_size = 64 * 1024;
constexpr std::size_t longest_front = 8 * 1024;
constexpr std::size_t longest_json = 64 * 1024;
constexpr std::array<std::string_view, 7> kinds{"about", "database", "body", "key", "policy", "outside", "end"};

class Digest256 {
public:
    Digest256() { crypto_hash_sha256_init(&state_); }
    void add(std::string_view bytes)
    {
        crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()),  // NOLINT
                                  bytes.size());
    }
    [[nodiscard]] std::string bytes()
    {
        std::string digest(crypto_hash_sha256_BYTES, '\0');
        crypto_hash_sha256_final(&state_, reinterpret_cast<unsigned char*>(digest.data()));  // NOLINT
        return digest;
    }

private:
    crypto_hash_sha256_state state_{};
};

class OpenFile {
public:
    explicit OpenFile(const std::filesystem::path& file) : number_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile()
    {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const noexcept { return number_; }

private:
    int number_;
};

/// A path below a folder, as a policy has it: nothing that leads elsewhere.
bool is_path_below(std::string_view name)
{
    if (name.empty() || name.size() > 1024 || name.front() == '/' || name.find('\0') != name.npos) return false;
    while (!name.empty()) {
        const auto slash = std::min(name.find('/'), name.size());
        const auto part = name.substr(0, slash);
        if (part.empty() || part == "." || part == "..") return false;
        if (slash + 1 == name.size()) return false;
        name.remove_prefix(std::min(slash + 1, name.size()));
    }
    return true;
}

bool is_name_of(EntryKind kind, const std::string& name)
{
    switch (kind) {
        case EntryKind::about:
        case EntryKind::end:
            return name.empty();
        case EntryKind::database:
            return name == "mail.db" || name == "directory.db";
        case EntryKind::body:
            return is_message_id(name);
        case EntryKind::key:
            return name == "trace.key" || name == "audit.key";
        case EntryKind::policy:
            return is_path_below(name);
        case EntryKind::outside:
            break;
    }
    return name.starts_with('/') && is_path_below(std::string_view(name).substr(1));
}

std::optional<Entry> parse_front(std::string_view text)
{
    boost::system::error_code failed;
    const auto value = json::parse(text, failed);
    const auto* object = failed ? nullptr : value.if_object();
    if (!object) return std::nullopt;
    const auto* kind = object->if_contains("kind");
    const auto* name = object->if_contains("name");
    const auto* size = object->if_contains("size");
    if (!kind || !kind->is_string() || !name || !name->is_string() || !size || !size->is_number()) return std::nullopt;
    const auto found = std::ranges::find(kinds, std::string_view(kind->get_string()));
    boost::system::error_code wrong;
    const auto bytes = size->to_number<std::uint64_t>(wrong);
    if (found == kinds.end() || wrong) return std::nullopt;
    Entry entry{static_cast<EntryKind>(found - kinds.begin()), std::string(name->get_string()), bytes};
    if (const auto* mode = object->if_contains("mode"); mode && mode->is_number())
        entry.mode = static_cast<unsigned>(mode->to_number<std::uint64_t>(wrong)) & 0777U;
    if (const auto* owner = object->if_contains("owner"); owner && owner->is_string())
        entry.owner = owner->get_string();
    if (wrong || !is_name_of(entry.kind, entry.name)) return std::nullopt;
    return entry;
}

std::uint64_t count_at(const json::object& object, std::string_view key)
{
    const auto* value = object.if_contains(key);
    boost::system::error_code failed;
    return value && value->is_number() ? value->to_number<std::uint64_t>(failed) : 0;
}

Fault damaged(const std::filesystem::path& file, std::string what)
{
    return fault(Retry::never, std::move(what)).about(file.string());
}

/// One reading: what it is to be ready for at any time.
class Reading {
public:
    Reading(const std::filesystem::path& file, SealedReader sealed, EntrySink& sink)
        : file_(file), sealed_(std::move(sealed)), sink_(sink)
    {
        read_.head = sealed_.head();
    }

    [[nodiscard]] Result<ReadArchive> run()
    {
        for (;;) {
            auto entry = front();
            if (!entry) return std::unexpected(entry.error());
            if ((entry->kind == EntryKind::about) != (read_.entries == 0))
                return std::unexpected(damaged(file_, "is damaged: its entries are not in order"));
            if (entry->kind == EntryKind::end) return finish(*entry);
            if (auto taken = take(*entry); !taken) return std::unexpected(taken.error());
            ++read_.entries;
            read_.bytes += entry->size;
        }
    }

private:
    [[nodiscard]] Result<Entry> front()
    {
        std::array<unsigned char, 4> length{};
        if (auto got = sealed_.read(reinterpret_cast<char*>(length.data()), length.size()); !got)  // NOLINT
            return std::unexpected(got.error());
        const std::size_t size = number_of(length);
        if (size == 0 || size > longest_front)
            return std::unexpected(damaged(file_, "is damaged: an entry has no name"));
        std::string text(size, '\0');
        if (auto got = sealed_.read(text.data(), size); !got) return std::unexpected(got.error());
        auto entry = parse_front(text);
        if (!entry)
            return std::unexpected(damaged(file_, "holds an entry that no backup has: " + printable(text, 200)));
        return *entry;
    }

    /// Passes the bytes on as they come and holds them against their digest.
    [[nodiscard]] Result<void> pass(const Entry& entry, const std::function<Result<void>(std::string_view)>& to)
    {
        Digest256 digest;
        std::string part(part_size, '\0');
        for (std::uint64_t left = entry.size; left > 0;) {
            const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, part.size()));
            if (auto got = sealed_.read(part.data(), size); !got) return got;
            const std::string_view bytes(part.data(), size);
            digest.add(bytes);
            if (auto taken = to(bytes); !taken) return taken;
            left -= size;
        }
        std::string said(crypto_hash_sha256_BYTES, '\0');
        if (auto got = sealed_.read(said.data(), said.size()); !got) return got;
        if (said == digest.bytes()) return {};
        return std::unexpected(damaged(file_, fmt::format("is damaged: {} is not what its digest says", entry.name)));
    }

    [[nodiscard]] Result<std::string> text_of(const Entry& entry)
    {
        if (entry.size > longest_json) return std::unexpected(damaged(file_, "is damaged: it says too much of itself"));
        std::string text;
        auto passed = pass(entry, [&](std::string_view bytes) -> Result<void> {
            text += bytes;
            return {};
        });
        if (!passed) return std::unexpected(passed.error());
        return text;
    }

    [[nodiscard]] Result<void> take(const Entry& entry)
    {
        if (entry.kind == EntryKind::about) {
            const auto text = text_of(entry);
            if (!text) return std::unexpected(text.error());
            const auto about = About::parse(*text);
            if (!about) return std::unexpected(damaged(file_, "is damaged: it does not say what it is of"));
            read_.about = *about;
            return {};
        }
        if (auto begun = sink_.begin(entry); !begun) return begun;
        if (auto passed = pass(entry, [this](std::string_view bytes) { return sink_.take(bytes); }); !passed)
            return passed;
        return sink_.end();
    }

    [[nodiscard]] Result<ReadArchive> finish(const Entry& entry)
    {
        const auto text = text_of(entry);
        if (!text) return std::unexpected(text.error());
        boost::system::error_code failed;
        const auto said = json::parse(*text, failed);
        const auto* object = failed ? nullptr : said.if_object();
        if (!object || count_at(*object, "entries") != read_.entries || count_at(*object, "bytes") != read_.bytes)
            return std::unexpected(damaged(file_, "is damaged: it does not hold as much as it says"));
        if (auto finished = sealed_.finish(); !finished) return std::unexpected(finished.error());
        return std::move(read_);
    }

    const std::filesystem::path& file_;
    SealedReader sealed_;
    EntrySink& sink_;
    ReadArchive read_;
};

}  // namespace

// --- what it is of -----------------------------------------------------------------------------------------------

json::object About::json() const
{
    return {{"gateway", gateway},
            {"made", made},
            {"storage", storage},
            {"generation", generation},
            {"mail_schema", mail_schema},
            {"directory_schema", directory_schema},
            {"messages", messages},
            {"spooled", spooled},
            {"deliveries", deliveries},
            {"entries", entries},
            {"audit", audit}};
}

std::optional<About> About::parse(std::string_view text)
{
    boost::system::error_code failed;
    const auto value = json::parse(text, failed);
    const auto* object = failed ? nullptr : value.if_object();
    if (!object) return std::nullopt;
    const auto words = [&](std::string_view key) {
        const auto* member = object->if_contains(key);
        return member && member->is_string() ? std::string(member->get_string()) : std::string();
    };
    About about{words("gateway"), words("made"), words("storage")};
    about.generation = count_at(*object, "generation");
    about.mail_schema = static_cast<int>(count_at(*object, "mail_schema"));
    about.directory_schema = static_cast<int>(count_at(*object, "directory_schema"));
    about.messages = count_at(*object, "messages");
    about.spooled = count_at(*object, "spooled");
    about.deliveries = count_at(*object, "deliveries");
    about.entries = count_at(*object, "entries");
    about.audit = count_at(*object, "audit");
    if (about.gateway.empty() || about.storage.empty()) return std::nullopt;
    return about;
}

std::string About::text() const
{
    return fmt::format(
        "{} as of {}: generation {}, {} messages in the ledger, {} of them in the spool with {} deliveries, {} entries "
        "in the directory, {} records in the audit",
        printable(gateway), printable(made), generation, messages, spooled, deliveries, entries, audit);
}

// --- writing -----------------------------------------------------------------------------------------------------

Result<void> ArchiveWriter::begin(const Entry& entry)
{
    if (!is_name_of(entry.kind, entry.name))
        return fault(Retry::never, "has a name that a backup can't hold").about(printable(entry.name));
    const auto front = json::serialize(json::object{{"kind", kinds[static_cast<std::size_t>(entry.kind)]},
                                                    {"name", entry.name},
                                                    {"size", entry.size},
                                                    {"mode", entry.mode},
                                                    {"owner", entry.owner}});
    const auto length = static_cast<std::uint32_t>(front.size());
    const std::array<char, 4> bytes{static_cast<char>(length & 0xff), static_cast<char>(length >> 8 & 0xff),
                                    static_cast<char>(length >> 16 & 0xff), static_cast<char>(length >> 24)};
    if (auto written = sealed_.write({bytes.data(), bytes.size()}); !written) return written;
    if (entry.kind != EntryKind::end) {
        ++entries_;
        bytes_ += entry.size;
    }
    return sealed_.write(front);
}

Result<void> ArchiveWriter::add(EntryKind kind, const std::string& name, std::string_view bytes,
                                const std::filesystem::path& like)
{
    Entry entry{kind, name, bytes.size()};
    struct stat facts {};
    if (!like.empty() && ::stat(like.c_str(), &facts) == 0) {
        entry.mode = facts.st_mode & 0777U;
        entry.owner = owner_of(facts.st_uid, facts.st_gid);
    }
    if (auto begun = begin(entry); !begun) return begun;
    Digest256 digest;
    digest.add(bytes);
    if (auto written = sealed_.write(bytes); !written) return written;
    return sealed_.write(digest.bytes());
}

Result<void> ArchiveWriter::add_file(EntryKind kind, const std::string& name, const std::filesystem::path& file)
{
    const OpenFile opened(file);
    struct stat facts {};
    if (opened.number() < 0 || ::fstat(opened.number(), &facts) != 0)
        return fault(Retry::later, "can't be read: " + std::generic_category().message(errno)).about(file.string());
    auto left = static_cast<std::uint64_t>(facts.st_size);
    const Entry entry{kind, name, left, facts.st_mode & 0777U, owner_of(facts.st_uid, facts.st_gid)};
    if (auto begun = begin(entry); !begun) return begun;
    Digest256 digest;
    std::string part(part_size, '\0');
    while (left > 0) {
        const auto got = ::read(opened.number(), part.data(), std::min<std::uint64_t>(part.size(), left));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fault(Retry::later, "changed while it was read; try again").about(file.string());
        const std::string_view bytes(part.data(), static_cast<std::size_t>(got));
        digest.add(bytes);
        if (auto written = sealed_.write(bytes); !written) return written;
        left -= bytes.size();
    }
    return sealed_.write(digest.bytes());
}

Result<std::uint64_t> ArchiveWriter::finish(const directory::AuditKey& signer)
{
    const auto text = json::serialize(json::object{{"entries", entries_}, {"bytes", bytes_}});
    if (auto added = add(EntryKind::end, "", text); !added) return std::unexpected(added.error());
    return sealed_.finish(signer);
}

// --- reading -----------------------------------------------------------------------------------------------------

Result<SessionKey> open_archive(const std::filesystem::path& file, const SecretKey& key)
{
    const auto sealed = SealedReader::open(file);
    if (!sealed) return std::unexpected(sealed.error());
    return sealed->head().open(key);
}

Result<ReadArchive> read_archive(const std::filesystem::path& file, const SessionKey& key, EntrySink& sink)
{
    auto sealed = SealedReader::open(file);
    if (!sealed) return std::unexpected(sealed.error());
    if (auto used = sealed->use(key); !used) return std::unexpected(used.error());
    return Reading(file, std::move(*sealed), sink).run();
}

}  // namespace postern::backup
