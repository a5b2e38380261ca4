// The outer form of a backup: a head in clear text, encrypted pieces, and a trailer that says whether it is whole and
// whose it is. Written and read in one go, with 64 KiB in memory at a time.
//
//     postern-backup 1\n
//     {"gateway":..., "made":..., "signer": PEM, "keys": [{"key":..., "sealed":...}]}\n
//     24 bytes: head of libsodium's secretstream (XChaCha20-Poly1305)
//     pieces: length (4 bytes, little endian), ciphertext; a length of zero after the last
//     {"sha256": of all that stands before, "signature": Ed25519 by the gateway}\n, and nothing behind it
//
// The head's digest is authenticated with every piece. Pieces can't be reordered, left out or cut off unnoticed: the
// last one says that it is the last. Without a key, digest and signature show that a file is whole and which gateway
// made it; nobody but a holder of a secret key sees more. Blocking; one thread at a time.
#pragma once

#include "backup/key.hpp"
#include "base/clock.hpp"
#include "directory/audit_chain.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::backup {

inline constexpr unsigned form_version = 1;

/// How lengths stand in a backup: four bytes, little endian.
[[nodiscard]] constexpr std::size_t number_of(const std::array<unsigned char, 4>& bytes) noexcept
{
    std::size_t number = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | bytes[i];
    return number;
}

/// What stands in clear text.
struct Head {
    struct Sealed {
        std::string key;     ///< public half
        std::string sealed;  ///< the session key, for it
    };
    std::string gateway;
    std::string made;    ///< ISO 8601
    std::string signer;  ///< PEM: the gateway's audit key
    std::vector<Sealed> keys;

    /// The session key, for one of the holders. Fault (never): it was made for other keys.
    [[nodiscard]] Result<SessionKey> open(const SecretKey& key) const;
};

class SealedWriter {
public:
    /// Makes the file (0600; it must not be there) and its head. Fault: a key is none, or the file can't be written.
    [[nodiscard]] static Result<SealedWriter> create(const std::filesystem::path& file, std::string gateway,
                                                     Instant made, const std::vector<std::string>& public_keys,
                                                     const directory::AuditKey& signer);
    SealedWriter(SealedWriter&&) noexcept;
    SealedWriter& operator=(SealedWriter&&) = delete;
    ~SealedWriter();

    /// Fault (later): it can't be written.
    [[nodiscard]] Result<void> write(std::string_view bytes);
    /// The end and the trailer; on the disk when this returns. Gives the file's size.
    [[nodiscard]] Result<std::uint64_t> finish(const directory::AuditKey& signer);

private:
    struct State;
    explicit SealedWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

class SealedReader {
public:
    /// Reads the head. Fault (never): it is no backup, or one of a newer form.
    [[nodiscard]] static Result<SealedReader> open(const std::filesystem::path& file);
    SealedReader(SealedReader&&) noexcept;
    SealedReader& operator=(SealedReader&&) = delete;
    ~SealedReader();

    [[nodiscard]] const Head& head() const noexcept;
    /// Before the first read().
    [[nodiscard]] Result<void> use(const SessionKey& key);
    /// The next `size` bytes, exactly. Fault (never): it is damaged or breaks off.
    [[nodiscard]] Result<void> read(char* to, std::size_t size);
    /// Whether everything has been read, and the trailer fits. Fault (never) says what does not.
    [[nodiscard]] Result<void> finish();
    /// Instead of reading: whether the file is whole and signed by the gateway that its head names, without any key.
    [[nodiscard]] Result<void> check_outside();

private:
    struct State;
    explicit SealedReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// First 16 hexadecimal digits of the SHA-256 of a public key in PEM, for people to compare.
[[nodiscard]] std::string fingerprint(std::string_view pem);

}  // namespace postern::backup
