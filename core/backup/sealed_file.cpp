#include "backup/sealed_file.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace postern::backup {

namespace {

namespace json = boost::json;

constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t overhead = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::size_t longest_line = 64 * 1024;
constexpr std::string_view first_word = "postern-backup ";

struct CloseFile {
    void operator()(FILE* file) const noexcept { fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

class RunningDigest {
public:
    RunningDigest() { crypto_hash_sha256_init(&state_); }
    void add(std::string_view bytes)
    {
        crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()),  // NOLINT
                                  bytes.size());
    }
    [[nodiscard]] std::string hex() const
    {
        auto copy = state_;
        std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
        crypto_hash_sha256_final(&copy, digest.data());
        return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});  // NOLINT
    }

private:
    crypto_hash_sha256_state state_{};
};

std::string signed_text(const std::string& sha256)
{
    return fmt::format("postern-backup {} {}", form_version, sha256);
}

std::array<char, 4> print_length(std::uint32_t length)
{
    std::array<char, 4> bytes;
    for (auto& byte : bytes) {
        byte = static_cast<char>(length & 0xff);
        length >>= 8;
    }
    return bytes;
}

Fault damaged(const std::filesystem::path& file, std::string what)
{
    return fault(Retry::never, std::move(what)).about(file.string());
}

std::string text_at(const json::object& object, std::string_view key)
{
    const auto* value = object.if_contains(key);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<json::object> parse_object(std::string_view text)
{
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    if (failed || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::optional<Head> parse_head(std::string_view line)
{
    const auto object = parse_object(line);
    if (!object) return std::nullopt;
    Head head{text_at(*object, "gateway"), text_at(*object, "made"), text_at(*object, "signer"), {}};
    const auto* keys = object->if_contains("keys");
    if (!keys || !keys->is_array()) return std::nullopt;
    for (const auto& entry : keys->get_array()) {
        if (!entry.is_object()) return std::nullopt;
        auto sealed = from_base64(text_at(entry.get_object(), "sealed"));
        if (!sealed) return std::nullopt;
        head.keys.push_back({text_at(entry.get_object(), "key"), std::move(*sealed)});
    }
    return head;
}

}  // namespace

std::string fingerprint(std::string_view pem)
{
    return sha256_hex(trim(pem)).substr(0, 16);
}

Result<SessionKey> Head::open(const SecretKey& key) const
{
    for (const auto& entry : keys)
        if (const auto opened = key.unseal(entry.sealed)) return *opened;
    std::string names;
    for (const auto& entry : keys) names += (names.empty() ? "" : ", ") + printable(entry.key, 80);
    return fault(Retry::never, fmt::format("the key given ({}) does not open this backup, which was made for {}",
                                           key.public_half(), names));
}

// --- writing -----------------------------------------------------------------------------------------------------

struct SealedWriter::State {
    std::filesystem::path path;
    File file;
    RunningDigest digest;
    std::string bound;    ///< digest of the head, authenticated with every piece
    std::string pending;  ///< plain, less than a piece
    std::uint64_t size = 0;
    crypto_secretstream_xchacha20poly1305_state stream{};

    [[nodiscard]] Result<void> put(std::string_view bytes)
    {
        digest.add(bytes);
        size += bytes.size();
        if (fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size()) return {};
        return fault(Retry::later, "can't be written: " + std::generic_category().message(errno)).about(path.string());
    }

    [[nodiscard]] Result<void> push(std::string_view plain, unsigned char tag)
    {
        std::array<unsigned char, piece_size + overhead> sealed;
        unsigned long long length = 0;
        crypto_secretstream_xchacha20poly1305_push(
            &stream, sealed.data(), &length, reinterpret_cast<const unsigned char*>(plain.data()),
            plain.size(),                                                              // NOLINT
            reinterpret_cast<const unsigned char*>(bound.data()), bound.size(), tag);  // NOLINT
        const auto front = print_length(static_cast<std::uint32_t>(length));
        if (auto put_front = put({front.data(), front.size()}); !put_front) return put_front;
        return put({reinterpret_cast<const char*>(sealed.data()), static_cast<std::size_t>(length)});  // NOLINT
    }
};

SealedWriter::SealedWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SealedWriter::SealedWriter(SealedWriter&&) noexcept = default;
SealedWriter::~SealedWriter() = default;

Result<SealedWriter> SealedWriter::create(const std::filesystem::path& file, std::string gateway, Instant made,
                                          const std::vector<std::string>& public_keys,
                                          const directory::AuditKey& signer)
{
    if (public_keys.empty()) return fault(Retry::never, "a backup needs a key that can open it");
    const auto key = make_session_key();
    json::array keys;
    for (const auto& public_half : public_keys) {
        const auto sealed = seal(key, public_half);
        if (!sealed) return std::unexpected(sealed.error());
        keys.push_back({{"key", public_half}, {"sealed", to_base64(*sealed)}});
    }
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor < 0)
        return fault(Retry::later, "can't be made: " + std::generic_category().message(errno)).about(file.string());
    auto state = std::make_unique<State>();
    state->path = file;
    state->file.reset(fdopen(descriptor, "wb"));
    const auto head = json::serialize(json::object{
        {"gateway", gateway}, {"made", to_iso8601(made)}, {"signer", signer.public_key()}, {"keys", std::move(keys)}});
    if (auto put = state->put(fmt::format("{}{}\n{}\n", first_word, form_version, head)); !put)
        return std::unexpected(put.error());
    state->bound = state->digest.hex();
    std::array<char, crypto_secretstream_xchacha20poly1305_HEADERBYTES> front;
    crypto_secretstream_xchacha20poly1305_init_push(&state->stream, reinterpret_cast<unsigned char*>(front.data()),
                                                    key.data());
    if (auto put = state->put({front.data(), front.size()}); !put) return std::unexpected(put.error());
    return SealedWriter(std::move(state));
}

Result<void> SealedWriter::write(std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto room = std::min(bytes.size(), piece_size - state_->pending.size());
        state_->pending.append(bytes.substr(0, room));
        bytes.remove_prefix(room);
        if (state_->pending.size() < piece_size) break;
        if (auto pushed = state_->push(state_->pending, 0); !pushed) return pushed;
        state_->pending.clear();
    }
    return {};
}

Result<std::uint64_t> SealedWriter::finish(const directory::AuditKey& signer)
{
    auto& state = *state_;
    auto pushed = state.push(state.pending, crypto_secretstream_xchacha20poly1305_TAG_FINAL);
    if (!pushed) return std::unexpected(pushed.error());
    const auto end = print_length(0);
    if (auto put = state.put({end.data(), end.size()}); !put) return std::unexpected(put.error());
    const auto sha256 = state.digest.hex();
    const auto trailer = json::serialize(
        json::object{{"sha256", sha256}, {"signature", to_base64(signer.sign(std::string_view(signed_text(sha256))))}});
    if (auto put = state.put(trailer + "\n"); !put) return std::unexpected(put.error());
    if (fflush(state.file.get()) != 0 || fsync(fileno(state.file.get())) != 0)
        return fault(Retry::later, "can't be written: " + std::generic_category().message(errno))
            .about(state.path.string());
    return state.size;
}

// --- reading -----------------------------------------------------------------------------------------------------

struct SealedReader::State {
    std::filesystem::path path;
    File file;
    RunningDigest digest;
    Head head;
    std::string bound;
    std::string plain;   ///< what was opened and not yet taken
    std::size_t at = 0;  ///< in it
    bool last = false;
    crypto_secretstream_xchacha20poly1305_state stream{};

    [[nodiscard]] Result<void> take(char* to, std::size_t size)
    {
        if (fread(to, 1, size, file.get()) != size)
            return std::unexpected(damaged(path, ferror(file.get()) ? "can't be read" : "breaks off: it is not whole"));
        digest.add({to, size});
        return {};
    }

    [[nodiscard]] Result<std::string> line()
    {
        std::string text;
        for (char c = 0; c != '\n'; text += c) {
            if (text.size() >= longest_line) return std::unexpected(damaged(path, "is no backup of Postern"));
            if (auto taken = take(&c, 1); !taken) return std::unexpected(taken.error());
        }
        text.pop_back();
        return text;
    }

    /// The next piece's ciphertext; empty behind the last.
    [[nodiscard]] Result<std::string> piece()
    {
        std::array<unsigned char, 4> front;
        auto taken = take(reinterpret_cast<char*>(front.data()), front.size());  // NOLINT
        if (!taken) return std::unexpected(taken.error());
        const std::size_t length = number_of(front);
        if (length > piece_size + overhead || (length > 0 && length < overhead))
            return std::unexpected(damaged(path, "is damaged: a piece of it has no possible length"));
        std::string sealed(length, '\0');
        taken = take(sealed.data(), length);
        if (!taken) return std::unexpected(taken.error());
        return sealed;
    }

    [[nodiscard]] Result<void> open_next()
    {
        auto sealed = piece();
        if (!sealed) return std::unexpected(sealed.error());
        if (last || sealed->empty())
            return std::unexpected(damaged(path, "is damaged: its content ends where more was due"));
        plain.resize(sealed->size() - overhead);
        at = 0;
        unsigned char tag = 0;
        unsigned long long length = 0;
        auto* out = reinterpret_cast<unsigned char*>(plain.data());               // NOLINT
        const auto* in = reinterpret_cast<const unsigned char*>(sealed->data());  // NOLINT
        const auto* with = reinterpret_cast<const unsigned char*>(bound.data());  // NOLINT
        if (crypto_secretstream_xchacha20poly1305_pull(&stream, out, &length, &tag, in, sealed->size(), with,
                                                       bound.size()) != 0)
            return std::unexpected(damaged(path, "is damaged, or was changed: a piece of it can't be opened"));
        last = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
        return {};
    }

    [[nodiscard]] Result<void> trailer()
    {
        const auto sha256 = digest.hex();
        const auto text = line();
        if (!text) return std::unexpected(text.error());
        const auto object = parse_object(*text);
        if (!object) return std::unexpected(damaged(path, "is damaged: its end is none"));
        if (text_at(*object, "sha256") != sha256)
            return std::unexpected(damaged(path, "is damaged, or was changed: its digest is not what its end says"));
        const auto signature = from_base64(text_at(*object, "signature"));
        if (!signature || !directory::is_signed_by(signed_text(sha256), *signature, head.signer))
            return std::unexpected(damaged(path, "is not signed by the gateway that it names"));
        if (fgetc(file.get()) != EOF) return std::unexpected(damaged(path, "goes on behind its end"));
        return {};
    }
};

SealedReader::SealedReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SealedReader::SealedReader(SealedReader&&) noexcept = default;
SealedReader::~SealedReader() = default;

Result<SealedReader> SealedReader::open(const std::filesystem::path& file)
{
    auto state = std::make_unique<State>();
    state->path = file;
    state->file.reset(fopen(file.c_str(), "rbe"));
    if (!state->file)
        return fault(Retry::never, "can't be read: " + std::generic_category().message(errno)).about(file.string());
    std::string word(first_word.size(), '\0');
    if (auto taken = state->take(word.data(), word.size()); !taken || word != first_word)
        return std::unexpected(damaged(file, "is no backup of Postern"));
    const auto version = state->line();
    if (!version) return std::unexpected(version.error());
    if (*version != std::to_string(form_version))
        return std::unexpected(damaged(
            file, fmt::format("is a backup of form {}, and this program knows {}: use the version of Postern that made "
                              "it, or a newer one",
                              printable(*version, 20), form_version)));
    const auto line = state->line();
    if (!line) return std::unexpected(line.error());
    auto head = parse_head(*line);
    if (!head) return std::unexpected(damaged(file, "is damaged: its head can't be read"));
    state->head = std::move(*head);
    state->bound = state->digest.hex();
    return SealedReader(std::move(state));
}

const Head& SealedReader::head() const noexcept
{
    return state_->head;
}

Result<void> SealedReader::use(const SessionKey& key)
{
    std::array<char, crypto_secretstream_xchacha20poly1305_HEADERBYTES> front;
    if (auto taken = state_->take(front.data(), front.size()); !taken) return taken;
    const auto* bytes = reinterpret_cast<const unsigned char*>(front.data());  // NOLINT
    if (crypto_secretstream_xchacha20poly1305_init_pull(&state_->stream, bytes, key.data()) == 0) return {};
    return std::unexpected(damaged(state_->path, "is damaged: its content has no beginning"));
}

Result<void> SealedReader::read(char* to, std::size_t size)
{
    while (size > 0) {
        if (state_->at == state_->plain.size()) {
            if (auto opened = state_->open_next(); !opened) return opened;
            continue;
        }
        const auto part = std::min(size, state_->plain.size() - state_->at);
        std::memcpy(to, state_->plain.data() + state_->at, part);
        state_->at += part;
        to += part;
        size -= part;
    }
    return {};
}

Result<void> SealedReader::finish()
{
    while (!state_->last && state_->at == state_->plain.size())
        if (auto opened = state_->open_next(); !opened) return opened;
    if (!state_->last || state_->at != state_->plain.size())
        return std::unexpected(damaged(state_->path, "goes on behind its last entry"));
    const auto end = state_->piece();
    if (!end) return std::unexpected(end.error());
    if (!end->empty()) return std::unexpected(damaged(state_->path, "goes on behind its last piece"));
    return state_->trailer();
}

Result<void> SealedReader::check_outside()
{
    std::array<char, crypto_secretstream_xchacha20poly1305_HEADERBYTES> front;
    if (auto taken = state_->take(front.data(), front.size()); !taken) return taken;
    for (;;) {
        const auto next = state_->piece();
        if (!next) return std::unexpected(next.error());
        if (next->empty()) return state_->trailer();
    }
}

}  // namespace postern::backup
