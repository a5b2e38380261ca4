// The key of trace tokens: HMAC-SHA256 with a state that is prepared once, and the file that holds the key.
#include "transform/trace_token.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <stdexcept>

namespace postern::transform {

namespace {

constexpr std::size_t key_size = 32;

}  // namespace

TraceKey::TraceKey(std::string_view bytes)
{
    if (bytes.size() < key_size) throw std::invalid_argument("trace key is shorter than 32 bytes");
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr), EVP_MAC_free);
    if (!hmac) throw std::bad_alloc();
    std::shared_ptr<EVP_MAC_CTX> context(EVP_MAC_CTX_new(hmac.get()), EVP_MAC_CTX_free);
    std::string digest = "SHA256";
    const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                                OSSL_PARAM_construct_end()};
    const std::string copy(bytes);
    const auto* key = reinterpret_cast<const unsigned char*>(copy.data());  // NOLINT: as OpenSSL takes bytes
    if (!context || EVP_MAC_init(context.get(), key, copy.size(), parameters.data()) != 1) throw std::bad_alloc();
    prepared_ = std::move(context);
}

std::string TraceKey::mac(std::string_view text) const
{
    const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_dup(prepared_.get()),
                                                                            EVP_MAC_CTX_free);
    std::array<unsigned char, 32> digest{};
    std::size_t size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: as OpenSSL takes bytes
    if (!context || EVP_MAC_update(context.get(), bytes, text.size()) != 1 ||
        EVP_MAC_final(context.get(), digest.data(), &size, digest.size()) != 1)
        throw std::bad_alloc();
    return {digest.begin(), digest.end()};
}

namespace {

/// A file descriptor that closes itself.
class File {
public:
    File(const std::string& path, int flags, mode_t mode = 0)
        : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, mode))
    {
    }
    ~File()
    {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] bool open() const noexcept { return descriptor_ >= 0; }

private:
    int descriptor_;
};

auto key_fault(const std::string& path, std::string why)
{
    return fault(Retry::later, "trace key: " + std::move(why)).about(path);
}

auto key_error(const std::string& path, std::string_view operation)
{
    return key_fault(path, fmt::format("can't {}: {}", operation, std::strerror(errno)));
}

Result<TraceKey> read_key(const std::string& path, const File& file)
{
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return key_error(path, "look at it");
    if (!S_ISREG(status.st_mode) || status.st_size != static_cast<off_t>(key_size))
        return key_fault(path, "not a file of 32 bytes; remove it, and a new one is made");
    if ((status.st_mode & 077) != 0) return key_fault(path, "others may use it; run chmod 600");
    std::string bytes(key_size, '\0');
    if (::read(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return key_error(path, "read it");
    return TraceKey(bytes);
}

/// Writes a new key under a name of its own and links it into place, so that no one ever reads half of one.
Result<void> create_key(const std::string& path)
{
    std::array<unsigned char, key_size> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return key_fault(path, "no random bytes");
    const std::string fresh = fmt::format("{}.{}.new", path, ::getpid());
    ::unlink(fresh.c_str());
    {
        const File file(fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (!file.open()) return key_error(path, "make it");
        if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
            ::fsync(file.get()) != 0)
            return key_error(path, "write it");
    }
    const bool linked = ::link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST;
    if (!linked) return key_error(path, "put it in place");
    ::unlink(fresh.c_str());
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const File directory(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    if (!directory.open() || ::fsync(directory.get()) != 0) return key_error(path, "flush its folder");
    return {};
}

}  // namespace

Result<TraceKey> load_or_create_key(const std::string& path)
{
    {
        const File file(path, O_RDONLY | O_NOFOLLOW);
        if (file.open()) return read_key(path, file);
        if (errno != ENOENT) return key_error(path, "open it");
    }
    if (auto created = create_key(path); !created) return std::unexpected(std::move(created.error()));
    const File file(path, O_RDONLY | O_NOFOLLOW);
    if (!file.open()) return key_error(path, "open it");
    return read_key(path, file);
}

}  // namespace postern::transform
