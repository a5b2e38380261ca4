#include "appliance/signed_folder.hpp"

#include "appliance/ssh_signature.hpp"
#include "base/digest.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

namespace postern::appliance {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view serial_word = "serial: ";
constexpr std::uintmax_t largest_file = std::uintmax_t{32} << 20;
constexpr std::size_t most_files = 5000;

using Digests = std::map<std::string, std::string>;  ///< path below the folder, SHA-256 in hexadecimal

std::string bytes_of(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

std::optional<std::uint64_t> number_in(std::string_view text)
{
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || number == 0) return std::nullopt;
    return number;
}

/// All files but the manifest and its signature.
Result<Digests> digests_in(const fs::path& folder)
try {
    Digests digests;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_directory() && !entry.is_symlink()) continue;
        const auto name = entry.path().lexically_relative(folder).string();
        if (!entry.is_regular_file() || entry.is_symlink())
            return fault(Retry::never, "is a link or no plain file, and a policy has none").about(name);
        if (name == manifest_name || name == signature_name) continue;
        if (entry.file_size() > largest_file || digests.size() >= most_files)
            return fault(Retry::never, "is too much for a configuration").about(name);
        digests[name] = sha256_hex(bytes_of(entry.path()));
    }
    return digests;
} catch (const fs::filesystem_error& error) {
    return fault(Retry::never, "can't be read: " + error.code().message()).about(error.path1().string());
}

struct Manifest {
    std::uint64_t serial = 0;
    Digests digests;
};

Result<Manifest> parse_manifest(std::string_view text)
{
    Manifest manifest;
    bool first = true;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (first) {
            const auto serial =
                line.starts_with(serial_word) ? number_in(trim(line.substr(serial_word.size()))) : std::nullopt;
            if (!serial) return fault(Retry::never, "its manifest does not begin with \"serial: NUMBER\"");
            manifest.serial = *serial;
            first = false;
            continue;
        }
        // 64 digits, two blanks (or a blank and *, which sha256sum writes for "binary"), the name.
        if (line.size() < 67 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*'))
            return fault(Retry::never, fmt::format("its manifest has a line that is none: {}", printable(line, 100)));
        auto name = line.substr(66);
        if (name.starts_with("./")) name.remove_prefix(2);
        manifest.digests[std::string(name)] = to_lower(line.substr(0, 64));
    }
    if (first) return fault(Retry::never, "its manifest is empty");
    return manifest;
}

Result<void> compare(const Digests& said, const Digests& found)
{
    for (const auto& [name, digest] : found) {
        const auto line = said.find(name);
        if (line == said.end()) return fault(Retry::never, "is not in the signed manifest").about(name);
        if (line->second != digest) return fault(Retry::never, "is not what was signed").about(name);
    }
    for (const auto& [name, digest] : said)
        if (!found.contains(name)) return fault(Retry::never, "was signed and is not there").about(name);
    return {};
}

}  // namespace

Result<SignedFolder> verify_folder(const fs::path& folder, const std::vector<std::string>& keys, std::uint64_t last)
{
    if (keys.empty())
        return fault(Retry::never,
                     "the policy in force declares nobody who could sign a disk (node.yaml machine: "
                     "administrators)");
    const auto file = folder / manifest_name;
    if (!fs::is_regular_file(file) || !fs::is_regular_file(folder / signature_name))
        return fault(Retry::never,
                     "it is not signed: manifest or manifest.sig is missing (`postern configuration sign`)");
    const auto text = bytes_of(file);
    auto signer = signer_of(text, bytes_of(folder / signature_name), signature_namespace, keys);
    if (!signer) return std::unexpected(signer.error());
    const auto manifest = parse_manifest(text);
    if (!manifest) return std::unexpected(manifest.error());
    if (manifest->serial <= last)
        return fault(Retry::never,
                     fmt::format("its serial is {}, and {} has been in force: a newer disk has a higher one",
                                 manifest->serial, last));
    const auto found = digests_in(folder);
    if (!found) return std::unexpected(found.error());
    if (auto same = compare(manifest->digests, *found); !same) return std::unexpected(same.error());
    return SignedFolder{manifest->serial, std::move(*signer)};
}

std::uint64_t serial_in(const fs::path& folder)
{
    std::error_code failed;
    const auto file = folder / manifest_name;
    if (!fs::is_regular_file(file, failed)) return 0;
    const auto manifest = parse_manifest(bytes_of(file));
    return manifest ? manifest->serial : 0;
}

Result<std::string> make_manifest(const fs::path& folder, std::uint64_t serial)
{
    const auto digests = digests_in(folder);
    if (!digests) return std::unexpected(digests.error());
    if (!digests->contains("node.yaml"))
        return fault(Retry::never, "is no policy: it has no node.yaml").about(folder.string());
    std::string text = fmt::format("{}{}\n", serial_word, serial);
    for (const auto& [name, digest] : *digests) text += fmt::format("{}  {}\n", digest, name);
    return text;
}

std::uint64_t remembered_serial(const fs::path& file)
{
    return number_in(trim(bytes_of(file))).value_or(0);
}

namespace {

/// Whole or not at all.
void write_whole(const fs::path& file, const std::string& text)
{
    const fs::path fresh = file.string() + ".new";
    {
        std::ofstream out(fresh, std::ios::trunc);
        out << text;
    }
    if (const int written = ::open(fresh.c_str(), O_RDONLY | O_CLOEXEC); written >= 0) {
        ::fsync(written);
        ::close(written);
    }
    fs::rename(fresh, file);
}

}  // namespace

void keep_serial(const fs::path& file, std::uint64_t serial)
{
    if (serial > remembered_serial(file)) write_whole(file, fmt::format("{}\n", serial));
}

std::vector<std::string> remembered_administrators(const fs::path& file)
{
    std::vector<std::string> keys;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
        if (!trim(line).empty()) keys.emplace_back(trim(line));
    return keys;
}

void keep_administrators(const fs::path& file, const std::vector<std::string>& keys)
{
    if (keys != remembered_administrators(file)) write_whole(file, fmt::format("{}\n", fmt::join(keys, "\n")));
}

}  // namespace postern::appliance
