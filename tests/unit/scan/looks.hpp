// What the scanner's tests share: the test virus, a set that knows it, files that hold other files.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace looks {

/// In two halves, so that this source is not taken for it.
inline std::string eicar()
{
    return std::string(R"(X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR)") + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
}

inline std::string hexadecimal(std::string_view bytes)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out += digits[static_cast<unsigned char>(c) >> 4U];
        out += digits[static_cast<unsigned char>(c) & 15U];
    }
    return out;
}

/// A folder that goes with its owner.
class Folder {
public:
    Folder()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "postern-scan-XXXXXX").string();
        if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
        path_ = pattern;
    }
    ~Folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string path(const std::string& name = {}) const
    {
        return name.empty() ? path_.string() : (path_ / name).string();
    }
    void write(const std::string& name, const std::string& text) const
    {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name) << text;
    }

private:
    std::filesystem::path path_;
};

/// A signature set that knows the test virus, and one text of our own.
inline std::string signatures(const std::string& more = {})
{
    return "Eicar-Test-Signature:0:0:" + hexadecimal(eicar()) +
           "\nPostern.Test.Body:0:*:" + hexadecimal("POSTERN-HARMLESS-BUT-KNOWN") + "\n" + more;
}

struct Member {
    std::string name;
    std::string bytes;
};

/// `format`: archive_write_set_format_zip and the like. `passphrase`: only zip.
template <class Format, class Filter = decltype(&archive_write_add_filter_none)>
std::string archive_of(const std::vector<Member>& members, Format format, Filter filter = archive_write_add_filter_none,
                       const char* passphrase = nullptr)
{
    std::string out(1 << 20, '\0');
    std::size_t used = 0;
    archive* handle = archive_write_new();
    format(handle);
    filter(handle);
    if (passphrase) {
        archive_write_set_options(handle, "zip:encryption=traditional");
        archive_write_set_passphrase(handle, passphrase);
    }
    archive_write_open_memory(handle, out.data(), out.size(), &used);
    for (const auto& member : members) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, member.name.c_str());
        archive_entry_set_size(entry, static_cast<la_int64_t>(member.bytes.size()));
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_write_header(handle, entry);
        archive_write_data(handle, member.bytes.data(), member.bytes.size());
        archive_entry_free(entry);
    }
    archive_write_close(handle);
    archive_write_free(handle);
    out.resize(used);
    return out;
}

/// By gzip, as one file.
inline std::string compressed(const std::string& bytes)
{
    return archive_of({{"x", bytes}}, archive_write_set_format_raw, archive_write_add_filter_gzip);
}

}  // namespace looks
